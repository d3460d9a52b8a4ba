"""Computations of the layers on tensors: a plain form of each, and the faster forms beside it.

`choose.py` decides which form runs. Nothing here imports a layer.
"""
