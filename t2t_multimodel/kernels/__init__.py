"""Computations of the layers in their plain and in their fast forms."""
