"""The image modality: the Xception entry flow."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.conv_step import ConvStep2D
from t2t_multimodel.layers.xception import ConvRes


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ImageModality(keras.layers.Layer):
    """Images to the joint representation, down-sampled 16-fold (paper, section 2.5.2).

    The image is standardised (as the authors' code does); two ConvSteps 3x3, the first with stride 2 and without
    ReLU, then three residual blocks with stride 2, the last one to `depth`.

    Args:
        depth: channels of the joint representation.
        filters: of the two ConvSteps and of the residual blocks before the last.

    Call arguments:
        x: `[batch, height, width, 3]`, 0 to 255.

    Returns:
        `[batch, height / 16, width / 16, depth]`, each side rounded up.
    """

    def __init__(self, depth: int, *, filters: tuple[int, ...] = (32, 64, 128, 256), **kwargs):
        super().__init__(**kwargs)
        self.depth, self.filters = depth, tuple(filters)
        first, second, *rest = self.filters
        self.steps = [
            ConvStep2D(first, strides=(2, 2), separable=False, relu=False, dtype=self.dtype_policy, name="step_0"),
            ConvStep2D(second, dtype=self.dtype_policy, name="step_1"),
            *(
                ConvRes(width, dtype=self.dtype_policy, name=f"residual_{i}")
                for i, width in enumerate((*rest, self.depth))
            ),
        ]

    def build(self, input_shape=None):
        channels = 3
        for step, width in zip(self.steps, (*self.filters, self.depth)):
            step.build((None, None, None, channels))
            channels = width
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.cast(tf.image.per_image_standardization(tf.cast(x, tf.float32)), self.compute_dtype)
        for step in self.steps:
            x = step(x)
        return x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        for _ in range(2 + len(self.filters) - 2):
            height, width = (None if side is None else -(-side // 2) for side in (height, width))
        return (batch, height, width, self.depth)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth": self.depth, "filters": self.filters}
