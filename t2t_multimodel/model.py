"""MultiModel: modality nets around one body."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.forms import make_body
from t2t_multimodel.data.specs import AudioSpec, ClassLabelSpec, ImageSpec, InputSpec, SymbolSpec, TargetSpec
from t2t_multimodel.layers.seeds import Seed, as_stream
from t2t_multimodel.modalities.audio.net import AudioModality
from t2t_multimodel.modalities.class_label.net import ClassLabelModality
from t2t_multimodel.modalities.image.net import ImageModality
from t2t_multimodel.modalities.text.net import SymbolModality


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What the encoder gives.

    Attributes:
        output: `[batch, time, depth]`.
        mask: `[batch, time]`, true at real positions, or None where all are.
        grid: height and width where the positions came from an image, or None.
        loss: the mixture's loss, a scalar.
        load: the mixture's load `[experts]`, `[0]` without a mixture.
    """

    output: tf.Tensor
    mask: tf.Tensor | None
    grid: tuple[Any, Any] | None
    loss: tf.Tensor
    load: tf.Tensor


class MultiModel(keras.Model):
    """One network for many problems ("One Model To Learn Them All", Kaiser et al. 2017).

    Each modality has one net, shared by the problems that state it; `specs` says which nets are made. A
    class-label target skips mixer and decoder and reads the encoder's output, as in the authors' code.

    Args:
        hparams: `HParams`.
        vocab_size: ids of the shared vocabulary.
        specs: specs of all inputs and targets the model shall serve.

    All variables exist after construction.
    """

    def __init__(self, hparams, *, vocab_size: int, specs: Iterable[InputSpec | TargetSpec]):
        super().__init__(name="multimodel")
        self.hparams, self.vocab_size = hparams, vocab_size
        self.encoder, self.mixer, self.decoder = make_body(hparams)
        self.nets = {spec.key: _make_net(spec, hparams, vocab_size) for spec in _unique(specs)}
        self._build_all()

    def _build_all(self):
        depth = self.hparams.body.depth
        for layer in (self.encoder, self.mixer, self.decoder):
            layer.build((None, None, depth))
        for net in self.nets.values():
            net.build(None)
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
            features: ``inputs``: ids `[batch, time]`, pixels `[batch, height, width, 3]` or sound
                `[batch, frames, bands]`; for sound also ``input_length`` `[batch]` in frames.
            training: turns dropout and gate noise on.
            seed: None, an int32 pair `[2]`, or a `SeedStream`.
        """
        net, inputs = self.nets[spec.key], features["inputs"]
        mask = grid = None
        if isinstance(spec, SymbolSpec):
            x, mask = net(inputs), tf.not_equal(inputs, 0)
        elif isinstance(spec, ImageSpec):
            x = net(inputs)
            shape = tf.shape(x)
            grid = (shape[1], shape[2])
            x = tf.reshape(x, [shape[0], shape[1] * shape[2], self.hparams.body.depth])
        else:
            frames = tf.sequence_mask(features["input_length"], tf.shape(inputs)[1])
            x, mask = net(inputs[..., None], mask=frames)
        output, loss, load = self.encoder(x, mask=mask, training=training, seed=seed)
        return Encoded(output, mask, grid, loss, load)

    def decode(
        self,
        encoded: Encoded,
        targets: tf.Tensor,
        command: tf.Tensor,
        training: bool = False,
        seed: Seed = None,
    ):
        """Runs mixer and decoder, teacher-forced.

        Args:
            encoded: the encoder's output.
            targets: ids `[batch, time]`; position t of the output sees the command and targets before t.
            command: id of the command token, a scalar.
            training: turns dropout and gate noise on.
            seed: None, an int32 pair `[2]`, or a `SeedStream`.

        Returns:
            `[batch, time, depth]`, the mixture's loss and load.
        """
        embedded = self.nets["symbol"].embed_targets(targets)
        token = tf.cast(tf.gather(self.commands.value, command), embedded.dtype)
        first = tf.broadcast_to(token[None, None, :], tf.concat([tf.shape(embedded)[:1], [1, tf.size(token)]], 0))
        shifted = tf.concat([first, embedded[:, :-1]], axis=1)
        common = {"source_mask": encoded.mask, "training": training, "seed": as_stream(seed)}
        mixed = self.mixer(shifted, encoded.output, **common)
        return self.decoder(mixed, encoded.output, mask=tf.not_equal(targets, 0), **common)

    @property
    def softmax_table(self) -> tf.Tensor:
        """`[vocab_size, depth]`: logits are products with its rows."""
        return tf.convert_to_tensor(self.nets["symbol"].softmax_table)

    def symbol_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Logits `[positions, vocab_size]` of hidden states `[positions, depth]`."""
        return self.nets["symbol"].logits(hidden)

    def class_logits(self, spec: ClassLabelSpec, encoded: Encoded) -> tf.Tensor:
        """Logits `[batch, num_classes]`; a sequence is put into a square first, as in the authors' code."""
        x, depth = encoded.output, self.hparams.body.depth
        if encoded.mask is not None:
            x = x * tf.cast(encoded.mask, x.dtype)[..., None]
        if encoded.grid is not None:
            height, width = encoded.grid
        else:
            length = tf.shape(x)[1]
            height = width = tf.cast(tf.math.ceil(tf.sqrt(tf.cast(length, tf.float32))), tf.int32)
            x = tf.pad(x, [[0, 0], [0, height * width - length], [0, 0]])
        return self.nets[spec.key](tf.reshape(x, [tf.shape(x)[0], height, width, depth]))

    def call(
        self,
        features: Mapping[str, tf.Tensor],
        *,
        inputs: InputSpec,
        targets: TargetSpec,
        command=0,
        training: bool = False,
        seed: Seed = None,
    ):
        """Logits of a whole batch: `[batch, time, vocab_size]`, or `[batch, num_classes]`."""
        seed = as_stream(seed)
        encoded = self.encode(inputs, features, training, seed)
        if isinstance(targets, ClassLabelSpec):
            return self.class_logits(targets, encoded)
        hidden, _, _ = self.decode(encoded, features["targets"], command, training, seed)
        shape = tf.shape(hidden)
        logits = self.symbol_logits(tf.reshape(hidden, [-1, self.hparams.body.depth]))
        return tf.reshape(logits, [shape[0], shape[1], self.vocab_size])

    def named_variables(self) -> dict[str, tf.Variable]:
        """All weights by their path, the names under which checkpoints keep them; seed generators are not kept."""
        named = {variable.path: variable.value for variable in self.weights}
        if len(named) != len(self.weights):
            raise ValueError("two variables of the model have the same path")
        return named


def _unique(specs: Iterable[InputSpec | TargetSpec]) -> list[InputSpec | TargetSpec]:
    return list({spec.key: spec for spec in sorted(specs, key=lambda spec: spec.key)}.values())


def _make_net(spec: InputSpec | TargetSpec, hparams, vocab_size: int) -> keras.layers.Layer:
    depth, modalities = hparams.body.depth, hparams.modalities
    if isinstance(spec, SymbolSpec):
        return SymbolModality(
            vocab_size,
            depth,
            shared_embedding=modalities.shared_embedding,
            tied_softmax=modalities.tied_softmax,
            name="symbol",
        )
    if isinstance(spec, ImageSpec):
        return ImageModality(depth, filters=modalities.image_entry_filters, name="image")
    if isinstance(spec, AudioSpec):
        return AudioModality(
            depth,
            bands=1 if modalities.audio_features == "waveform" else modalities.audio_bands,
            blocks=modalities.audio_blocks,
            strided_blocks=modalities.audio_strided_blocks,
            filters=modalities.audio_filters,
            frequency=modalities.audio_frequency,
            name="audio",
        )
    return ClassLabelModality(spec.num_classes, depth, widths=modalities.class_exit_widths, name=spec.key)
