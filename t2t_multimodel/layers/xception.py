"""The residual down-sampling block of the image and audio nets."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.conv_step import ConvStep2D
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer

# Normalized values stay far below it. A window of padding alone gives its negative, which a later mask removes.
_NEVER_THE_MAXIMUM = 1e4


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvRes(ExplicitMaskLayer):
    """`MaxPool_s(3x3, ConvStep_F(3x3, ConvStep_F(3x3, x))) + ConvStep_{s, F}(1x1, x)`, SAME padding throughout.

    With a mask, the height is padded to a multiple of its stride first. The windows of pooling and shortcut then lie
    at the same rows however long the padding is: padding changes nothing.

    Args:
        filters: depth F of the output.
        strides: of pooling and shortcut, along height and width; they may differ.
        num_steps: number of separable 3x3 steps before the pooling.
        first_filters: depth of the first step where it is not F (the exit flow).
        shortcut_kernel: kernel of the shortcut. (1, 1) is a plain convolution; a larger one, (3, 3) in Xception's exit
            flow, is depthwise separable.

    Call arguments:
        x: `[batch, height, width, depth]`.
        mask: `[batch, height]`, True or 1 where real, or None.

    Returns:
        `[batch, ceil(height / strides[0]), ceil(width / strides[1]), filters]`. Row j is real where row
        `j * strides[0]` of the input is (`output_mask`).

    Example:

        block = ConvRes(6, strides=(2, 1))
        mask = tf.sequence_mask([9, 4], 9)
        y = block(tf.random.normal([2, 9, 5, 4]), mask=mask)  # [2, 5, 5, 6]
        mask = block.output_mask(mask)  # [2, 5]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.5.2; Chollet, "Xception", 2017.
    """

    def __init__(
        self,
        filters: int,
        strides: tuple[int, int] = (2, 2),
        num_steps: int = 2,
        first_filters: int | None = None,
        shortcut_kernel: tuple[int, int] = (1, 1),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = tuple(strides)
        self.num_steps = num_steps
        self.first_filters = first_filters
        self.shortcut_kernel = tuple(shortcut_kernel)
        policy = self.dtype_policy
        widths = [first_filters or filters, *[filters] * (num_steps - 1)]
        self.steps = [ConvStep2D(width, dtype=policy, name=f"step_{index}") for index, width in enumerate(widths)]
        self.shortcut = ConvStep2D(
            filters,
            self.shortcut_kernel,
            self.strides,
            separable=self.shortcut_kernel != (1, 1),
            dtype=policy,
            name="shortcut",
        )

    def build(self, x_shape):
        """Builds steps and shortcut."""
        self.shortcut.build(x_shape)
        shape = x_shape
        for step in self.steps:
            step.build(shape)
            shape = step.compute_output_shape(shape)
        self.built = True

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        if mask is None:
            return self._pool(self._run_steps(x, None)) + self.shortcut(x)
        height = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        extra = -height % self.strides[0]
        shape = self.compute_output_shape(x.shape)
        if self.strides[0] > 1:
            x = tf.pad(x, [[0, 0], [0, extra], [0, 0], [0, 0]])
            mask = tf.pad(mask, [[0, 0], [0, extra]])
        real = tf.cast(mask, x.dtype)[:, :, tf.newaxis, tf.newaxis]
        y = self._run_steps(x, real) * real + (real - 1.0) * _NEVER_THE_MAXIMUM
        # A shortcut of one row sees no other row.
        shortcut = self.shortcut(x if self.shortcut_kernel[0] == 1 else x * real)
        return tf.ensure_shape(self._pool(y) + shortcut, shape)

    def _run_steps(self, x, real):
        for step in self.steps:
            x = step(x if real is None else x * real)
        return x

    def _pool(self, x):
        return tf.nn.max_pool2d(x, ksize=3, strides=self.strides, padding="SAME")

    def output_mask(self, mask: tf.Tensor | None) -> tf.Tensor | None:
        """The mask of the output: `[batch, height]` to `[batch, ceil(height / strides[0])]`; None stays None."""
        return None if mask is None else mask[:, :: self.strides[0]]

    def compute_output_shape(self, x_shape):
        """`[batch, height, width, depth]` to `[batch, ceil(height / stride), ceil(width / stride), filters]`."""
        return self.shortcut.compute_output_shape(x_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "num_steps": self.num_steps,
            "first_filters": self.first_filters,
            "shortcut_kernel": self.shortcut_kernel,
        }
