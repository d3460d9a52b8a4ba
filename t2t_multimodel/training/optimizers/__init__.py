"""Optimizers for custom loops under tf.distribute."""
