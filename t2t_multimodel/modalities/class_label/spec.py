"""Class labels: one of several classes as target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.inspect.side import Side, SideContext
from t2t_multimodel.data.spec import Positions, TargetSpec
from t2t_multimodel.registry import register_modality


@register_modality("class_label")
@dataclasses.dataclass(frozen=True)
class ClassLabelSpec(TargetSpec):
    """One of `num_classes` classes, 0-based. Raw value: an `int`.

    Args:
        num_classes: how many.
        labels: name of the label set. Problems that give the same name share one head; left empty, a problem has a
            head of its own.
    """

    num_classes: int
    labels: str = ""

    form = "class"
    autoregressive = False
    padding = -1
    empty = 0

    @property
    def key(self) -> str:
        return f"class_label_{self.labels or self.num_classes}"

    def for_problem(self, problem: str) -> ClassLabelSpec:
        return self if self.labels else dataclasses.replace(self, labels=problem)

    def needed(self, value: Any) -> str | None:
        good = isinstance(value, int | np.integer) and 0 <= value < self.num_classes
        return None if good else f"a class from 0 to {self.num_classes - 1}"

    def encode(self, values: Sequence[int], vocabulary: Any, key: str) -> list[dict[str, Any]]:
        del vocabulary
        return [{key: [int(value)]} for value in values]

    def show(self, stored: Any, context: SideContext) -> Side:
        label, names = (int(stored[0]) if len(stored) else -1), context.label_names
        known = names is not None and 0 <= label < len(names)
        return Side("1 class", f"{label} {names[label]}" if known else str(label))

    def make_net(self, hparams: Any, vocab_size: int):
        from t2t_multimodel.modalities.class_label.net import ClassLabelModality

        del vocab_size
        widths = hparams.modalities.class_exit_widths
        return ClassLabelModality(self.num_classes, hparams.body.depth, widths=widths, name=self.key)

    def net_input_shape(self, hparams: Any) -> tuple[int | None, ...]:
        return (None, None, None, hparams.body.depth)

    def num_ids(self, vocab_size: int) -> int:
        del vocab_size
        return self.num_classes

    def classify(self, net, positions: Positions):
        """Logits; a sequence has no second dimension and is taken as an image of width 1.

        The authors' code of 2017 puts a sequence into a square, whose side depends on the padding of the batch.
        """
        import tensorflow as tf

        x, mask, grid = positions
        if grid is None:
            return net(x[:, :, tf.newaxis], mask=mask)
        return net(tf.reshape(x, [tf.shape(x)[0], *grid, x.shape[-1]]))

    def text_in_graph(self, ids, vocabulary: Any, label_names: Sequence[str]):
        """Names of classes; numbers where there are no names."""
        import tensorflow as tf

        del vocabulary
        names = [*label_names, *map(str, range(len(label_names), self.num_classes))]
        return tf.gather(tf.constant(names), ids)

    def loss_and_hits(self, net, outputs, labels, smoothing: float, weights=None):
        import tensorflow as tf

        from t2t_multimodel.kernels.losses import smoothed_cross_entropy

        hits = tf.cast(tf.equal(tf.argmax(outputs, -1, output_type=tf.int32), labels), tf.float32)
        losses = smoothed_cross_entropy(outputs, labels, smoothing)
        if weights is not None:
            losses, hits = losses * weights, hits * weights
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    def extra_scores(self, sums: Mapping[str, float]) -> dict[str, float]:
        count = max(sums["targets"], 1.0)
        return {"top1": sums["correct"] / count, "top5": sums["top5"] / count}
