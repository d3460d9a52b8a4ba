"""Modality nets: from raw features to the joint representation, and back to symbols and classes."""
