"""Hyperparameters: immutable groups and registered sets."""
