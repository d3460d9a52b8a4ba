"""The model of `benchmarks.transformer`."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

_DEPTH, _HEADS, _FEED_FORWARD, _LAYERS = 192, 4, 1024, 3
_DROPOUT, _SMOOTHING, _PATCH = 0.1, 0.1, 4
_FAR = -1e9


class Dense(keras.layers.Dense):
    """A dense layer as one product of matrices: Keras's own on `[batch, time, depth]` has a slow gradient."""

    def call(self, x):
        shape = tf.shape(x)
        flat = super().call(tf.reshape(x, [-1, x.shape[-1]]))
        return tf.reshape(flat, tf.concat([shape[:-1], [self.units]], 0))


class Attention(keras.layers.Layer):
    """Multi-head attention of `x` to `memory`, with `bias` added to its logits `[batch, heads, time, time]`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.query, self.output_ = Dense(_DEPTH, use_bias=False), Dense(_DEPTH, use_bias=False)
        self.memory = Dense(2 * _DEPTH, use_bias=False)

    def call(self, x, memory, bias):
        keys, values = tf.split(self.memory(memory), 2, -1)
        logits = tf.matmul(_heads(self.query(x) * (_DEPTH // _HEADS) ** -0.5), _heads(keys), transpose_b=True)
        weights = tf.nn.softmax(logits + tf.cast(bias, logits.dtype))
        merged = tf.transpose(tf.matmul(weights, _heads(values)), [0, 2, 1, 3])
        return self.output_(tf.reshape(merged, tf.shape(x)))


def _heads(x: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(x, [shape[0], shape[1], _HEADS, _DEPTH // _HEADS]), [0, 2, 1, 3])


class Block(keras.layers.Layer):
    """A pre-normalised layer of the encoder, or of the decoder where it has a memory."""

    def __init__(self, decoder: bool, **kwargs):
        super().__init__(**kwargs)
        self.attention, self.cross = Attention(), Attention() if decoder else None
        self.norms = [keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(3 if decoder else 2)]
        self.widen, self.narrow = Dense(_FEED_FORWARD, activation="relu"), Dense(_DEPTH)
        self.dropout = keras.layers.Dropout(_DROPOUT)

    def call(self, x, bias, memory=None, memory_bias=None, training=False):
        normal = self.norms[0](x)
        x = x + self.dropout(self.attention(normal, normal, bias), training=training)
        if self.cross is not None:
            x = x + self.dropout(self.cross(self.norms[2](x), memory, memory_bias), training=training)
        return x + self.dropout(self.narrow(self.widen(self.norms[1](x))), training=training)


class Front(keras.layers.Layer):
    """Inputs to `[batch, time, depth]` and the mask of real positions `[batch, time]`: patches, or strided frames."""

    def __init__(self, kind: str, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        if kind == "image":
            self.convolutions = [keras.layers.Conv2D(_DEPTH, _PATCH, _PATCH)]
        else:
            self.convolutions = [keras.layers.Conv2D(32, 3, 2, "same", activation="relu") for _ in range(2)]
            self.project = Dense(_DEPTH)

    def call(self, batch):
        x = batch["inputs"]
        if self.kind == "image":
            x = self.convolutions[0](tf.image.per_image_standardization(tf.cast(x, tf.float32)))
            x = tf.reshape(x, [tf.shape(x)[0], -1, _DEPTH])
            return x, tf.ones(tf.shape(x)[:2], tf.bool)
        x, length = x[..., None], batch["input_length"]
        for convolution in self.convolutions:
            x, length = convolution(x), (length + 1) // 2
        x = self.project(tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], x.shape[2] * x.shape[3]]))
        return x, tf.sequence_mask(length, tf.shape(x)[1])


class Transformer(keras.Model):
    """Encoder, and decoder or classifier, of one problem.

    Args:
        problem: whose inputs are text, pictures or sound, and whose targets text or a class.
        vocab_size: ids of the vocabulary.

    Call arguments:
        batch: as `ProblemInput` gives it.

    Returns:
        Hidden states `[batch, time, depth]` before the softmax, or logits `[batch, classes]`.
    """

    def __init__(self, problem, vocab_size: int):
        super().__init__()
        self.problem, kind = problem, problem.inputs.modality
        self.front = Front(kind) if kind in ("image", "audio") else None
        self.encoder = [Block(decoder=False) for _ in range(_LAYERS)]
        self.encoder_norm = keras.layers.LayerNormalization(epsilon=1e-6)
        self.dropout = keras.layers.Dropout(_DROPOUT)
        self.table = self.classifier = None
        if self.front is None or problem.targets.autoregressive:
            initial = keras.initializers.RandomNormal(0, _DEPTH**-0.5)
            self.table = self.add_weight(shape=(vocab_size, _DEPTH), initializer=initial, name="embedding")
        if problem.targets.autoregressive:
            self.decoder = [Block(decoder=True) for _ in range(_LAYERS)]
            self.decoder_norm = keras.layers.LayerNormalization(epsilon=1e-6)
        else:
            self.classifier = keras.layers.Dense(problem.targets.num_classes, dtype="float32")

    def call(self, batch, training=False):
        if self.front is None:
            x, real = self._embed(batch["inputs"]), batch["inputs"] != 0
        else:
            x, real = self.front(batch)
        x = self.dropout(x + tf.cast(_positions(tf.shape(x)[1]), x.dtype), training=training)
        bias = tf.where(real, 0.0, _FAR)[:, None, None, :]
        for block in self.encoder:
            x = block(x, bias, training=training)
        memory = self.encoder_norm(x)
        if self.classifier is not None:
            return self.classifier(tf.reduce_mean(memory, 1))
        return self._decode(batch["targets"], memory, bias, training)

    def _decode(self, targets, memory, memory_bias, training):
        x = self._embed(tf.pad(targets, [[0, 0], [1, 0]])[:, :-1])
        time = tf.shape(x)[1]
        x = self.dropout(x + tf.cast(_positions(time), x.dtype), training=training)
        bias = (1.0 - tf.linalg.band_part(tf.ones([time, time]), -1, 0))[None, None] * _FAR
        for block in self.decoder:
            x = block(x, bias, memory, memory_bias, training=training)
        return self.decoder_norm(x)

    def _embed(self, ids):
        return tf.cast(tf.gather(self.table.value, ids) * _DEPTH**0.5, self.compute_dtype)

    def _logits_and_labels(self, batch, training):
        outputs, targets = self(batch, training=training), batch["targets"]
        if self.classifier is None:
            real = targets != self.problem.targets.padding
            hidden, targets = tf.boolean_mask(outputs, real), tf.boolean_mask(targets, real)
            outputs = tf.matmul(hidden, tf.cast(self.table.value, hidden.dtype), transpose_b=True)
        return tf.cast(outputs, tf.float32), targets

    def smoothed_loss(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Mean label-smoothed cross entropy over the real targets of a training batch."""
        logits, labels = self._logits_and_labels(batch, training=True)
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        label_logits = tf.gather(logits, labels, batch_dims=1)
        return tf.reduce_mean(nll + _SMOOTHING * (label_logits - tf.reduce_mean(logits, -1)))

    def score(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Sums over a batch: negative log-likelihood in nats, targets, hits."""
        logits, labels = self._logits_and_labels(batch, training=False)
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.cast(tf.argmax(logits, -1, output_type=labels.dtype) == labels, tf.float32)
        return tf.stack([tf.reduce_sum(nll), tf.cast(tf.size(labels), tf.float32), tf.reduce_sum(hits)])


def _positions(time: tf.Tensor) -> tf.Tensor:
    angles = tf.cast(tf.range(time), tf.float32)[:, None] / 10000 ** (np.arange(0, _DEPTH, 2) / _DEPTH).astype(
        "float32"
    )
    return tf.concat([tf.sin(angles), tf.cos(angles)], -1)
