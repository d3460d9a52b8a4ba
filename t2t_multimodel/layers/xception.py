"""The residual down-sampling block of the image and audio nets."""

from __future__ import annotations

import keras
import tensorflow as tf

from t2t_multimodel.layers.conv_step import ConvStep2D
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer

# Normalised values stay far below it; a window of padding alone gives its negative, which a later mask removes.
_NEVER_THE_MAXIMUM = 1e4


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvRes(ExplicitMaskLayer):
    """`MaxPool_s(3x3, ConvStep_F(3x3, ConvStep_F(3x3, x))) + ConvStep_{s, F}(1x1, x)`, SAME padding throughout.

    Args:
        filters: depth F of the output.
        strides: of pooling and shortcut, along height and width; they may differ.
        num_steps: number of separable 3x3 steps before the pooling.
        first_filters: depth of the first step where it is not F (the exit flow).

    Call arguments:
        x: `[batch, height, width, depth]`.
        mask: `[batch, height]`, True or 1 where real, or None; rows of padding do not reach real ones as long as
            the height is a multiple of its stride.

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.5.2; Chollet, "Xception", 2017.
    """

    def __init__(
        self,
        filters: int,
        strides: tuple[int, int] = (2, 2),
        num_steps: int = 2,
        first_filters: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = tuple(strides)
        self.num_steps = num_steps
        self.first_filters = first_filters
        policy = self.dtype_policy
        widths = [first_filters or filters, *[filters] * (num_steps - 1)]
        self.steps = [ConvStep2D(width, dtype=policy, name=f"step_{index}") for index, width in enumerate(widths)]
        self.shortcut = ConvStep2D(filters, (1, 1), self.strides, separable=False, dtype=policy, name="shortcut")

    def build(self, input_shape):
        """Builds steps and shortcut."""
        self.shortcut.build(input_shape)
        shape = input_shape
        for step in self.steps:
            step.build(shape)
            shape = step.compute_output_shape(shape)
        self.built = True

    def call(self, x, mask=None):
        """Returns `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        real = None if mask is None else tf.cast(mask, x.dtype)[:, :, tf.newaxis, tf.newaxis]
        y = x
        for step in self.steps:
            y = step(y if real is None else y * real)
        if real is not None:
            y = y * real + (real - 1.0) * _NEVER_THE_MAXIMUM
        return tf.nn.max_pool2d(y, ksize=3, strides=self.strides, padding="SAME") + self.shortcut(x)

    def compute_output_shape(self, input_shape):
        """`[batch, height, width, depth]` to `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return self.shortcut.compute_output_shape(input_shape)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "num_steps": self.num_steps,
            "first_filters": self.first_filters,
        }
