"""The categorical modality: the Xception exit flow and a classifier."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.layers.conv_step import ConvStep2D
from t2t_multimodel.layers.dense import Dense
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.xception import ConvRes


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ClassLabelModality(ExplicitMaskLayer):
    """Body output to class logits (paper, section 2.5.3).

    One ConvRes block with stride 2 and a skip of 3x3, ConvSteps, the mean over all valid positions of the ReLU, and a
    pointwise product. The widths are multiples of depth, as in the authors' code.

    Args:
        num_classes: classes.
        depth: channels of the body.
        widths: filters as multiples of depth: of the residual block's first step and of its output, then of the steps.

    Call arguments:
        x: `[batch, height, width, depth]`.
        mask: `[batch, height]`, true at valid rows, or None where all are; padding changes nothing.

    Returns:
        logits `[batch, num_classes]`.
    """

    def __init__(self, num_classes: int, depth: int, *, widths: tuple[float, ...] = (1.0, 1.25, 2.0, 2.5), **kwargs):
        super().__init__(**kwargs)
        self.num_classes, self.depth, self.widths = num_classes, depth, tuple(widths)
        sizes = self._sizes()
        policy = self.dtype_policy
        self.residual = ConvRes(sizes[1], first_filters=sizes[0], shortcut_kernel=(3, 3), dtype=policy, name="residual")
        self.steps = [ConvStep2D(size, dtype=policy, name=f"step_{i}") for i, size in enumerate(sizes[2:])]
        self.classifier = Dense(num_classes, use_bias=True, dtype=policy, name="classifier")

    def _sizes(self) -> list[int]:
        return [int(width * self.depth) for width in self.widths]

    def build(self, input_shape=None):
        channels = self.depth
        for layer, size in zip((self.residual, *self.steps), self._sizes()[1:]):
            layer.build((None, None, None, channels))
            channels = size
        self.classifier.build((None, channels))
        self.built = True

    def call(self, x: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        x = self.residual(x, mask=mask)
        if mask is None:
            for step in self.steps:
                x = step(x)
            return self.classifier(tf.reduce_mean(tf.nn.relu(x), axis=[1, 2]))
        valid = tf.cast(self.residual.output_mask(mask), x.dtype)[:, :, tf.newaxis, tf.newaxis]
        for step in self.steps:
            x = step(x * valid)
        count = tf.reduce_sum(valid, axis=[1, 2]) * tf.cast(tf.shape(x)[2], x.dtype)
        total = tf.reduce_sum(tf.nn.relu(x) * valid, axis=[1, 2])
        return self.classifier(total / tf.maximum(count, 1.0))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes, "depth": self.depth, "widths": self.widths}
