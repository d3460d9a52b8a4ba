"""The contract of a modality: what data, model, training and decoding ask of the spec of a problem's side.

A problem states its two sides as specs (`t2t_multimodel.modalities`). Whoever works with a side calls the methods
declared here and never asks for the kind of a spec, so that a new modality is one class (docs/new_modality.md).
Importing this module imports no TensorFlow; methods that need it import it when they are called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from t2t_multimodel.errors import DecodeError, ExportError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from t2t_multimodel.data.input_limits import InputLimits
    from t2t_multimodel.data.inspect.side import Side, SideContext
    from t2t_multimodel.data.vocabulary.in_graph import GraphVocabulary
    from t2t_multimodel.data.vocabulary.load import AnyVocabulary


@dataclasses.dataclass(frozen=True)
class Feature:
    """How one side of a problem stands in a record.

    Args:
        name: the feature's key.
        kind: ``"int64"``, ``"float"`` or ``"bytes"``.
        sequence: a variable number of values, else exactly one.
        width: values that make one unit of length, such as the columns of a table.
    """

    name: str
    kind: str
    sequence: bool
    width: int = 1


@dataclasses.dataclass(frozen=True)
class BatchCosts:
    """What examples cost in a batch.

    Attributes:
        lengths: cost of each example `[examples]`.
        budget: sum of (rows * bucket length) that a batch may have.
        boundaries: upper bounds of the length buckets; longer examples are left out.
        sort_key: what examples of near lengths of the other side have in common `[examples]`, or None.
        limit: the greatest length, for people, with the hparam that sets it.
        setting: the hparam that sets the budget, for people.
    """

    lengths: np.ndarray
    budget: float
    boundaries: list[int]
    sort_key: np.ndarray | None = None
    limit: str = "batching.max_length"
    setting: str = "batching.batch_tokens"


class Positions(NamedTuple):
    """An input in the joint representation.

    Attributes:
        x: `[batch, positions, depth]`.
        mask: bool `[batch, positions]`, true at valid positions, or None where all are.
        grid: height and width where the positions came from an image, row by row, or None.
    """

    x: tf.Tensor
    mask: tf.Tensor | None = None
    grid: tuple[Any, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Spec:
    """One side of a problem.

    Attributes:
        modality: registered name, set by `register_modality`.
        uses_vocabulary: the side is text, in ids of the shared vocabulary.
        length_unit: unit of the side's lengths for people, or None where it has no length.
        form: what a person gives or gets: ``"text"``, ``"image"``, ``"audio"`` or ``"class"``.
    """

    modality: ClassVar[str]
    uses_vocabulary: ClassVar[bool] = False
    length_unit: ClassVar[str | None] = None
    form: ClassVar[str] = "text"

    @property
    def key(self) -> str:
        """Name of the modality net; sides with the same key share one net."""
        return self.modality

    def for_problem(self, problem: str) -> Spec:
        """The spec as the problem of that name has it."""
        del problem
        return self

    def get_config(self) -> dict[str, Any]:
        """JSON values from which `registry.spec_from_config` makes the spec again."""
        return {"modality": self.modality, **dataclasses.asdict(self)}

    def needed(self, value: Any) -> str | None:
        """What a raw value must be, for a message, where `value` is not that; None where it is."""
        raise NotImplementedError

    def encode(self, values: Sequence[Any], vocabulary: AnyVocabulary | None, key: str) -> list[dict[str, Any]]:
        """Features of each raw value; the feature `key` holds the value itself."""
        raise NotImplementedError

    def raw_value(self, stored: Any, vocabulary: AnyVocabulary | None) -> Any:
        """The raw value of a feature as `decode_features` gives it."""
        del vocabulary
        return stored

    def show(self, stored: Any, context: SideContext) -> Side:
        """The stored feature as t2t-inspect shows it."""
        from t2t_multimodel.data.inspect.side import Side

        del context
        return Side(f"{len(stored)} values", str(stored)[:200])

    def make_net(self, hparams: Any, vocab_size: int) -> keras.layers.Layer:
        """A new modality net, named `key`; all its variables are made by `build(net_input_shape(hparams))`."""
        raise NotImplementedError

    def net_input_shape(self, hparams: Any) -> tuple[int | None, ...]:
        """Shape of what the net takes, batch included, None where it is free."""
        raise NotImplementedError

    def lengths_in_unit(self, lengths: np.ndarray) -> np.ndarray:
        """Lengths of records in `length_unit`."""
        return lengths


@dataclasses.dataclass(frozen=True)
class InputSpec(Spec):
    """The input side of a problem.

    Attributes:
        target_feature: name of the feature that holds the target beside such an input.
        shard_bytes: bytes of shards for a byte of the corpus, roughly.
        given_by_path: a line that a person gives is the path of a file that holds the input.
    """

    target_feature: ClassVar[str] = "targets"
    given_by_path: ClassVar[bool] = False
    shard_bytes: ClassVar[float] = 1.0

    def record_feature(self) -> Feature:
        """How the input stands in a record."""
        raise NotImplementedError

    def read(self, value: Any) -> Any:
        """The raw input of what a person gives: a line, a path, or a Python value.

        Raises:
            DecodeError: it is no such input.
        """
        wanted = self.needed(value)
        if wanted is not None:
            raise DecodeError(f"{str(value)[:60]!r} cannot be decoded; give {wanted}")
        return value

    def check_limits(self, value: str | bytes, limits: InputLimits) -> None:
        """Holds what a stranger sent, a text or the bytes of a file, to limits before it is decoded.

        Raises:
            InputLimitError: it is larger, or would be once it is decoded.
            DecodeError: its header cannot be read.
        """

    def shorten(self, raw: Any, modalities: Any) -> tuple[Any, str | None]:
        """A raw input to be decoded, cut to the length that hparams allow, and a line that says so, or None."""
        del modalities
        return raw, None

    def parse_input(
        self, stored: tf.Tensor | tf.RaggedTensor, modalities: Any, seed: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """The batch's ``inputs``, and ``input_length`` `[batch]` where rows are padded.

        Args:
            stored: the feature of a batch of records; ragged where it is a sequence.
            modalities: hparams group.
            seed: int32 `[2]`, of augmentation, or None for none.
        """
        raise NotImplementedError

    def input_signature(self, modalities: Any) -> dict[str, tf.TensorSpec]:
        """Shapes and dtypes of what `parse_input` gives, batch and time free."""
        raise NotImplementedError

    def net_input_shape(self, hparams: Any) -> tuple[int | None, ...]:
        return tuple(self.input_signature(hparams.modalities)["inputs"].shape)

    def batch_costs(self, index: Any, batching: Any, modalities: Any, *, training: bool) -> BatchCosts:
        """Costs of a split's examples; by default the longer side counts, in ids or positions.

        Args:
            index: `RecordIndex` of the split, with `input_length` and `target_length` `[examples]`.
            batching, modalities: hparams groups.
            training: examples longer than `batching.max_length` are left out.
        """
        from t2t_multimodel.data.input.batching import bucket_boundaries

        lengths = np.maximum(index.input_length, index.target_length)
        longest = int(lengths.max(initial=1))
        limit = min(batching.max_length, longest) if training else longest
        return BatchCosts(
            lengths,
            batching.batch_tokens,
            bucket_boundaries(batching.min_bucket, limit, batching.bucket_growth),
            # Of sides whose longer one is known, the difference tells the other.
            sort_key=index.input_length.astype(np.int64) - index.target_length,
            limit=f"batching.max_length={batching.max_length}",
        )

    def static_lengths(self, bound: int, modalities: Any) -> tuple[int | None, int | None]:
        """Lengths that both sides of a length bucket's batches are padded to where shapes are static.

        Args:
            bound: upper bound of the bucket, of `batch_costs`.
            modalities: hparams group.

        Returns:
            length of the inputs' and of the targets' time axis; None where the bucket does not bound it.
        """
        del modalities
        return bound, bound

    def model_lengths(self, lengths: np.ndarray) -> np.ndarray | None:
        """Lengths that rows are padded to in a batch, or None where a side has none."""
        return lengths

    def embed(
        self, net: keras.layers.Layer, features: Mapping[str, tf.Tensor], training: bool = False, seed: Any = None
    ) -> Positions:
        """Runs the modality net over a batch's features; by default the net takes ``inputs`` and gives `x`.

        Args:
            net: of `make_net`.
            features: of `parse_input`.
            training: dropout and noise are on.
            seed: int32 pair `[2]` or `SeedStream`.
        """
        import tensorflow as tf

        del training, seed
        x = net(features["inputs"])
        mask = tf.sequence_mask(features["input_length"], tf.shape(x)[1]) if "input_length" in features else None
        return Positions(x, mask)

    def output_lengths(self, batch: Mapping[str, tf.Tensor], extra: int) -> tf.Tensor:
        """Longest output of each row in ids, int32 `[batch]`: `extra`, more where inputs have a length in ids.

        It also runs in a graph.
        """
        import tensorflow as tf

        return tf.fill(tf.shape(batch["inputs"])[:1], extra)

    def longest_output(self, extra: int) -> int | None:
        """The longest output of any input in ids, or None where it depends on the input."""
        return extra if type(self).output_lengths is InputSpec.output_lengths else None

    def raw_signature(self) -> dict[str, tf.TensorSpec]:
        """Names, shapes and types of the exported model's inputs, batch first.

        Raises:
            ExportError: models with such inputs cannot be exported.
        """
        raise ExportError(
            f"inputs of modality {self.modality} cannot be exported; give its spec raw_signature, raw_to_stored,"
            " raw_batch and raw_example (docs/new_modality.md)"
        )

    def raw_to_stored(
        self, raw: Mapping[str, tf.Tensor], modalities: Any, vocabulary: GraphVocabulary | None
    ) -> tf.Tensor | tf.RaggedTensor:
        """The exported model's inputs as `parse_input` takes them, in a graph; the work of `shorten` and `encode`.

        Args:
            raw: by the names of `raw_signature`.
            modalities: hparams group.
            vocabulary: of the model, or None where no side is text.
        """
        raise NotImplementedError

    def raw_meaning(self, modalities: Any) -> dict[str, str]:
        """What each input of the exported model is, for people."""
        del modalities
        return {}

    def raw_batch(self, values: Sequence[Any]) -> dict[str, np.ndarray]:
        """Raw inputs, as `read` gives them, as the exported model takes them: by the names of `raw_signature`."""
        raise NotImplementedError

    def raw_example(self) -> Any:
        """A small raw input; what it says does not matter."""
        raise NotImplementedError

    def bucket_text(self, bound: int) -> str:
        """The bound of a length bucket, for people."""
        return f"<= {bound} {self.length_unit}"


@dataclasses.dataclass(frozen=True)
class TargetSpec(Spec):
    """The target side of a problem.

    Attributes:
        autoregressive: decoded token by token by mixer and decoder; else read from the encoder's output at once.
        padding: the target id that stands for none.
        empty: a raw target that stands in for one still to be found.
    """

    autoregressive: ClassVar[bool]
    padding: ClassVar[int]
    empty: ClassVar[Any]

    def num_ids(self, vocab_size: int) -> int:
        """How many different target ids there are."""
        raise NotImplementedError

    def text_in_graph(
        self, ids: tf.Tensor, vocabulary: GraphVocabulary | None, label_names: Sequence[str]
    ) -> tf.Tensor:
        """Texts `[batch, n]` of outputs, in the graph of an exported model.

        Args:
            ids: int32 `[batch, n, time]`, the end included, then 0; of classes `[batch, n]`.
            vocabulary: of the model, or None where no side is text.
            label_names: of the classes, for class problems.

        Raises:
            ExportError: models with such targets cannot be exported.
        """
        raise ExportError(
            f"targets of modality {self.modality} cannot be exported; give its spec text_in_graph"
            " (docs/new_modality.md)"
        )

    def parse_target(self, stored: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """The batch's ``targets``, int32, padded with `padding`."""
        import tensorflow as tf

        if isinstance(stored, tf.RaggedTensor):
            stored = stored.to_tensor(self.padding)
        return tf.cast(stored, tf.int32)

    def target_signature(self) -> tf.TensorSpec:
        """Shape and dtype of ``targets``, batch and time free."""
        import tensorflow as tf

        return tf.TensorSpec([None, None] if self.autoregressive else [None], tf.int32)

    def classify(self, net: keras.layers.Layer, positions: Positions) -> tf.Tensor:
        """Logits `[batch, classes]` of the encoder's output, where targets are not autoregressive."""
        raise NotImplementedError

    def logits(self, net: keras.layers.Layer, outputs: tf.Tensor) -> tf.Tensor:
        """Logits `[targets, ids]` of the outputs of valid targets.

        Args:
            net: of `make_net`.
            outputs: hidden states `[targets, depth]` of an autoregressive target, else what `classify` gave.
        """
        del net
        return outputs

    def loss_and_hits(
        self,
        net: keras.layers.Layer,
        outputs: tf.Tensor,
        labels: tf.Tensor,
        smoothing: float,
        weights: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Sums over valid targets: of the label-smoothed loss in nats, and of labels that are the most likely ones.

        Args:
            net: of `make_net`.
            outputs: as `logits` takes them.
            labels: int32 `[targets]`.
            smoothing: probability spread over the wrong ids.
            weights: what each target counts, float32 `[targets]`: 0 at padding, which a step in static shapes keeps;
                or None where all count 1.
        """
        raise NotImplementedError

    def extra_scores(self, sums: Mapping[str, float]) -> dict[str, float]:
        """What an evaluation's record says beside loss and accuracy, from the sums that an evaluation step gives."""
        del sums
        return {}
