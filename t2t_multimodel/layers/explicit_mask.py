"""Base of the layers that take a mask as an argument."""

from __future__ import annotations

import keras


class ExplicitMaskLayer(keras.layers.Layer):
    """A layer whose `mask` argument is all it knows of padding: Keras neither guesses nor passes on a mask."""

    def compute_mask(self, inputs, previous_mask=None):
        """None: what follows is given its mask explicitly."""
        return None
