"""MultiModel: modality nets around one body."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.body.cache import Cache
from t2t_multimodel.body.forms import make_body
from t2t_multimodel.data.spec import InputSpec, Positions, Spec, TargetSpec
from t2t_multimodel.errors import DecodeError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.layers.seeds import Seed, as_stream
from t2t_multimodel.mesh.experts import mesh_in_scope
from t2t_multimodel.mesh.sharded import ShardedVariable


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What the encoder gives.

    Attributes:
        positions: output, mask and grid.
        loss: the mixture's loss, a scalar.
        load: the mixture's load `[experts]`, `[0]` without a mixture.
    """

    positions: Positions
    loss: tf.Tensor
    load: tf.Tensor


class Traces:
    """Traced functions of a model, which live as long as it does.

    Attributes:
        limit: the most functions that are made, as TensorFlow gives little of their memory back; None for any number.

    Example:

        search = model.traces.get(("search", 32), make=lambda: tf.function(run))
    """

    def __init__(self):
        self.limit: int | None = None
        self._functions: dict[Hashable, Callable] = {}

    def __len__(self):
        return len(self._functions)

    def get(self, key: Hashable, make: Callable[[], Callable]) -> Callable:
        """The function of a key; made at its first use.

        Raises:
            DecodeError: there are as many as the limit allows.
        """
        if key not in self._functions:
            if self.limit is not None and len(self._functions) >= self.limit:
                raise DecodeError(f"the model keeps {self.limit} searches and no more; ask for a usual beam and length")
            self._functions[key] = make()
        return self._functions[key]


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class MultiModel(keras.Model):
    """One network for many problems ("One Model To Learn Them All", Kaiser et al. 2017).

    Each modality has one net, shared by the problems that state it; `specs` says which nets are made. A
    class-label target skips mixer and decoder and reads the encoder's output, as in the authors' code.

    Args:
        hparams: `HParams`.
        vocab_size: ids of the shared vocabulary.
        specs: specs of all inputs and targets the model shall serve.

    All variables exist after construction. Within the scope of an `ExpertMesh` experts are divided over its devices.

    Call arguments:
        features: of a batch, as `RecordParser` makes them: ``inputs``, for audio also ``input_length``, and, where
            targets are decoded token by token, ``targets`` int32 `[batch, time]`.
        inputs, targets: specs of the two sides.
        command: id of the command token, a scalar.
        training: turns dropout and gate noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.

    Returns:
        logits `[batch, time, vocab_size]`, or `[batch, classes]`.

    Example:

        from t2t_multimodel import registry
        from t2t_multimodel.modalities import SymbolSpec
        from t2t_multimodel.model import MultiModel

        text = SymbolSpec()
        model = MultiModel(registry.hparams("multimodel_mini"), vocab_size=300, specs=[text])
        features = {"inputs": tf.constant([[5, 7, 1]]), "targets": tf.constant([[9, 8, 7, 1]])}
        logits = model(features, inputs=text, targets=text)  # [1, 4, 300]
    """

    def __init__(self, hparams: HParams, *, vocab_size: int, specs: Iterable[Spec], name: str = "multimodel", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hparams, self.vocab_size, self.mesh = hparams, vocab_size, mesh_in_scope()
        self.specs = _unique(specs)
        self.encoder, self.mixer, self.decoder = make_body(hparams)
        self.nets = {spec.key: spec.make_net(hparams, vocab_size) for spec in self.specs}
        self.traces = Traces()
        self._build_all()

    def _build_all(self):
        depth = self.hparams.body.depth
        for layer in (self.encoder, self.mixer, self.decoder):
            layer.build((None, None, depth))
        for spec in self.specs:
            self.nets[spec.key].build(spec.net_input_shape(self.hparams))
        self.commands = self.add_weight(
            shape=(self.hparams.body.max_commands, depth),
            initializer=keras.initializers.RandomNormal(0.0, 1.0),
            name="commands",
        )
        self.built = True

    def encode(
        self, spec: InputSpec, features: Mapping[str, tf.Tensor], training: bool = False, seed: Seed = None
    ) -> Encoded:
        """Runs a modality net and the encoder.

        Args:
            spec: of the inputs.
            features: of `spec.parse_input`; with ``row_mask`` bool `[batch]`, rows that are false count in no expert's
                load (a replica's filler rows).
            training: turns dropout and gate noise on.
            seed: None, an int32 pair `[2]`, or a `SeedStream`.
        """
        seed = as_stream(seed)
        x, mask, grid = spec.embed(self.nets[spec.key], features, training, seed)
        if "row_mask" in features:
            rows = tf.broadcast_to(features["row_mask"][:, None], tf.shape(x)[:2])
            mask = rows if mask is None else mask & rows
        output, loss, load = self.encoder(x, mask=mask, training=training, seed=seed)
        return Encoded(Positions(output, mask, grid), loss, load)

    def decode(
        self,
        spec: TargetSpec,
        encoded: Encoded,
        targets: tf.Tensor,
        command: tf.Tensor,
        training: bool = False,
        seed: Seed = None,
    ):
        """Runs mixer and decoder, teacher-forced.

        Args:
            spec: of the targets.
            encoded: the encoder's output.
            targets: ids `[batch, time]`; position t of the output sees the command and targets before t.
            command: id of the command token, a scalar.
            training: turns dropout and gate noise on.
            seed: None, an int32 pair `[2]`, or a `SeedStream`.

        Returns:
            `[batch, time, depth]`, the mixture's loss and load.
        """
        source, source_mask, _ = encoded.positions
        embedded = self.nets[spec.key].embed_targets(targets)
        token = tf.cast(tf.gather(self.commands.value, command), embedded.dtype)
        first = tf.broadcast_to(token[None, None, :], tf.concat([tf.shape(embedded)[:1], [1, tf.size(token)]], 0))
        shifted = tf.concat([first, embedded[:, :-1]], axis=1)
        common = {"source_mask": source_mask, "training": training, "seed": as_stream(seed)}
        mixed = self.mixer(shifted, source, **common)
        return self.decoder(mixed, source, mask=tf.not_equal(targets, spec.padding), **common)

    def init_cache(self, encoded: Encoded, max_length: int, beams: int = 1) -> Cache:
        """The cache of incremental decoding before the first id.

        Keys and values of the source are computed here, once; they and its mask are kept once an input, however many
        beams it has. All leaves have a row first; the rows of one input stand together.

        Args:
            encoded: the encoder's output for `batch` inputs.
            max_length: ids that an output can have.
            beams: outputs that are grown for each input.

        Returns:
            A nest of tensors of `batch * beams` rows; leaves that begin with ``source_`` have `batch` rows
            (`body.cache.reorder_flags`).
        """
        source, mask, _ = encoded.positions
        rows = tf.shape(source)[0] * beams
        cache = {
            "mixer": self.mixer.init_cache(rows, max_length, source),
            "decoder": self.decoder.init_cache(rows, max_length, source),
        }
        return cache if mask is None else {**cache, "source_mask": mask}

    def step(self, spec: TargetSpec, ids: tf.Tensor, cache: Cache, command: tf.Tensor | int) -> tuple[tf.Tensor, Cache]:
        """One step of incremental decoding: equals `decode` and `TargetSpec.logits` at the next position.

        Experts are chosen without noise and none drops a token, so that no row depends on the others. What a row that
        has ended gets has no meaning.

        Args:
            spec: of the targets.
            ids: int32 `[rows]`, the ids before the position; `spec.padding` stands for the command token, which comes
                before the first id.
            cache: of `init_cache`, or of the step before.
            command: id of the command token, a scalar.

        Returns:
            Logits `[rows, ids]` and the next cache.

        Example:

            encoded = model.encode(text, {"inputs": tf.constant([[5, 7, 1]])})
            cache = model.init_cache(encoded, max_length=16)
            logits, cache = model.step(text, tf.constant([0]), cache, command=0)  # [1, vocab_size]
            logits, cache = model.step(text, tf.argmax(logits, -1, tf.int32), cache, command=0)
        """
        net = self.nets[spec.key]
        x = net.embed_targets(ids[:, None])
        token = tf.cast(tf.gather(self.commands.value, command), x.dtype)
        x = tf.where(tf.equal(ids, spec.padding)[:, None, None], token, x)
        source_mask = cache.get("source_mask")
        x, mixer = self.mixer(x, source_mask=source_mask, cache=cache["mixer"])
        x, _, _, decoder = self.decoder(x, source_mask=source_mask, cache=cache["decoder"])
        return spec.logits(net, x[:, 0]), {**cache, "mixer": mixer, "decoder": decoder}

    def call(
        self,
        features: Mapping[str, tf.Tensor],
        *,
        inputs: InputSpec,
        targets: TargetSpec,
        command: tf.Tensor | int = 0,
        training: bool = False,
        seed: Seed = None,
    ) -> tf.Tensor:
        """Logits of a whole batch: `[batch, time, vocab_size]`, or `[batch, classes]`."""
        seed = as_stream(seed)
        encoded = self.encode(inputs, features, training, seed)
        net = self.nets[targets.key]
        if not targets.autoregressive:
            return targets.logits(net, targets.classify(net, encoded.positions))
        hidden, _, _ = self.decode(targets, encoded, features["targets"], command, training, seed)
        shape = tf.shape(hidden)
        logits = targets.logits(net, tf.reshape(hidden, [-1, self.hparams.body.depth]))
        return tf.reshape(logits, [shape[0], shape[1], logits.shape[-1]])

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "hparams": json.loads(self.hparams.to_json()),
            "vocab_size": self.vocab_size,
            "specs": [spec.get_config() for spec in self.specs],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> MultiModel:
        """A new model of the same structure.

        Raises:
            UnknownNameError: it has a modality that is not registered.
        """
        del custom_objects
        config = dict(config)
        hparams = HParams.from_json(json.dumps(config.pop("hparams")))
        return cls(hparams, specs=[registry.spec_from_config(one) for one in config.pop("specs")], **config)

    def named_variables(self, *, trainable: bool = False) -> dict[str, tf.Variable | ShardedVariable]:
        """All weights by their path, the names under which checkpoints keep them; seed generators are not kept.

        Args:
            trainable: leaves out what no optimizer updates.
        """
        weights = self.trainable_weights if trainable else self.weights
        sharded = {} if self.mesh is None else self.mesh.variables
        found = [(variable.path, sharded.get(variable.path, variable.value)) for variable in weights]
        if len(dict(found)) != len({id(variable) for _, variable in found}):
            raise ValueError("two variables of the model have the same path")
        return dict(found)


def _unique(specs: Iterable[Spec]) -> tuple[Spec, ...]:
    return tuple({spec.key: spec for spec in sorted(specs, key=lambda spec: spec.key)}.values())
