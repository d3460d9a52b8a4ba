"""Subword vocabularies: ids of text and of tree labels."""
