"""What outputs may be held to: which ids may come next, given those before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from t2t_multimodel.errors import ExportError

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

State = dict[str, Any]


class OutputConstraint:
    """An automaton over ids that runs beside the model in a search; a `Problem` offers one by `output_constraint`.

    It is hashable; searches with equal ones share a trace. All methods but `features` run in a graph; those after
    `features_in_graph` on rows that do not see each other: an input has several where a beam grows several outputs.

    Attributes:
        feature_shapes: shape of each of `features` behind the batch; None where it is free.
    """

    feature_shapes: ClassVar[Mapping[str, tuple[int | None, ...]]] = {}

    def features(self, inputs: Sequence[Any]) -> dict[str, np.ndarray]:
        """What the automaton must know of each raw input, int32 `[batch, ...]`."""
        raise NotImplementedError

    def features_in_graph(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """As `features`, of the inputs of an exported model.

        Args:
            raw: as `Problem.prepare_in_graph` gives them.

        Raises:
            ExportError: a model with such a constraint cannot be exported.
        """
        raise ExportError(
            f"{type(self).__name__} cannot be exported; give it features_in_graph, or export with constrained=false"
        )

    def init_state(self, features: Mapping[str, tf.Tensor], max_lengths: tf.Tensor) -> State:
        """The state before the first id.

        Args:
            features: `[rows, ...]`.
            max_lengths: longest output of each row, the end included, int32 `[rows]`.

        Returns:
            a nest of tensors with a row first; none is named ``source_...``.
        """
        raise NotImplementedError

    def advance(self, state: State, ids: tf.Tensor) -> State:
        """The state after ids `[rows]`; it is called before every choice, with padding (0) before the first."""
        raise NotImplementedError

    def penalties(self, state: State) -> tf.Tensor:
        """What is added to the logits, float32 `[rows, ids]`: 0 where an id may come next, else -1e9."""
        raise NotImplementedError
