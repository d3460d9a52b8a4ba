"""Base of the layers that take a mask as an argument."""

from __future__ import annotations

import keras


class ExplicitMaskLayer(keras.layers.Layer):
    """A layer that knows of padding only by its mask arguments: Keras passes no implicit mask on behind it."""

    def compute_mask(self, inputs, previous_mask=None):
        """None: the next layer gets its mask explicitly."""
        return None

    def compute_output_spec(self, *args, **kwargs):
        """Shapes and types of a symbolic call, from the call itself: some results are float32 in any policy."""
        return keras.Operation.compute_output_spec(self, *args, **kwargs)
