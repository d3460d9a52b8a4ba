"""Useful floating-point operations of a train step: products over real positions, padding left out.

A multiplication and an addition count two. What is element-wise (normalisation, softmax, dropout) is not counted; it
is below a tenth of a text model's work. A gradient costs a product twice over: a train step is three forward passes.
Causal attention is counted over the whole rectangle, as it is computed.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from t2t_multimodel.body.paper.attention_block import AttentionBlock
from t2t_multimodel.body.paper.decoder import Decoder, DecoderBlock
from t2t_multimodel.body.paper.encoder import Encoder
from t2t_multimodel.body.paper.mixed_stack import MixedStack
from t2t_multimodel.body.paper.mixer import Mixer
from t2t_multimodel.body.plus.block import PlusBlock
from t2t_multimodel.body.plus.stack import PlusDecoder, PlusEncoder, PlusMixer
from t2t_multimodel.data.spec import InputSpec, Positions, TargetSpec
from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.conv_feed_forward import ConvFeedForward
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.model import MultiModel

TRAINING_FACTOR = 3
_PRODUCTS = ("MatMul", "BatchMatMulV2", "BatchMatMulV3", "Conv2D", "DepthwiseConv2dNative")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Real positions of a batch.

    Attributes:
        queries: positions of the side that a layer works on, summed over rows.
        pairs: (query, key) pairs of its self-attention, summed over rows.
        memory: positions of the source it attends to.
        memory_pairs: (query, source) pairs.
    """

    queries: int
    pairs: int
    memory: int = 0
    memory_pairs: int = 0

    @classmethod
    def of(cls, own: Sequence[int], memory: Sequence[int] | None = None) -> Sizes:
        """Sizes of rows with the lengths `own`, which attend to rows with the lengths `memory`."""
        own = np.asarray(own, np.int64)
        other = np.zeros_like(own) if memory is None else np.asarray(memory, np.int64)
        return cls(int(own.sum()), int((own**2).sum()), int(other.sum()), int((own * other).sum()))


@functools.singledispatch
def layer_flops(layer: keras.layers.Layer, sizes: Sizes) -> int:
    """Forward FLOPs of a layer that makes products; a new kind of layer registers a rule here."""
    raise TypeError(f"no rule counts the FLOPs of a {type(layer).__name__}; register one with layer_flops.register")


@layer_flops.register
def _(layer: ConvBlock, sizes: Sizes) -> int:
    per_position = sum(2 * taps * layer.filters + 2 * layer.filters**2 for taps in layer.kernel_sizes)
    return sizes.queries * per_position


@layer_flops.register
def _(layer: ConvFeedForward, sizes: Sizes) -> int:
    return sizes.queries * (2 * layer.kernel_size * layer.filters + 4 * layer.filters * layer.hidden)


@layer_flops.register
def _(layer: MixtureOfExperts, sizes: Sizes) -> int:
    depth = layer.expert_in.shape[1]
    gate = 4 * depth * layer.num_experts  # of the choice and of its noise
    return sizes.queries * (layer.k * 4 * depth * layer.hidden + gate)


@layer_flops.register
def _(layer: AttentionBlock, sizes: Sizes) -> int:
    blocks = sum(layer_flops(block, sizes) for block in layer.blocks)
    return blocks + _self_attention(layer, sizes) + _source_attention(layer, sizes)


@layer_flops.register
def _(layer: PlusBlock, sizes: Sizes) -> int:
    """All but the mixture, which counts by itself."""
    total = _self_attention(layer, sizes)
    if layer.attends_source:
        total += _source_attention(layer, sizes)
    return total + (layer_flops(layer.feed_forward, sizes) if layer.feed_forward is not None else 0)


# Attributes of layers that only run others.
_PARTS = {
    Encoder: ("stack",),
    Mixer: ("attention_block", "blocks"),
    Decoder: ("stack",),
    MixedStack: ("blocks", "mixture"),
    DecoderBlock: ("conv_block", "attention_block"),
    PlusEncoder: ("blocks",),
    PlusMixer: ("blocks",),
    PlusDecoder: ("blocks",),
}


def _working_layers(layer) -> Iterator[keras.layers.Layer]:
    """The layers below `layer` that rules count."""
    if isinstance(layer, PlusBlock):
        yield from (part for part in (layer, layer.mixture) if part is not None)
    elif type(layer) not in _PARTS:
        yield layer
    else:
        for name in _PARTS[type(layer)]:
            part = getattr(layer, name)
            for one in part if isinstance(part, list) else [part]:
                if one is not None:
                    yield from _working_layers(one)


def _self_attention(layer, sizes: Sizes) -> int:
    return _attention(layer.self_attention, sizes.queries, sizes.queries, sizes.pairs)


def _source_attention(layer, sizes: Sizes) -> int:
    return _attention(layer.source_attention, sizes.queries, sizes.memory, sizes.memory_pairs)


def _attention(layer: MultiHeadAttention, queries: int, keys: int, pairs: int) -> int:
    total = 4 * layer.depth**2 * (queries + keys) + 4 * layer.depth * pairs
    return total // 2 if layer.uniform else total  # without queries, keys and their products


def forward_flops(
    model: MultiModel, inputs: InputSpec, targets: TargetSpec, source_lengths: Sequence[int], lengths: Sequence[int]
) -> dict[str, int]:
    """Forward FLOPs of a batch, by part.

    Args:
        model: the model.
        inputs: spec of the inputs.
        targets: spec of the targets.
        source_lengths: for each row its tokens or its frames of sound; for pictures the number of entries counts.
        lengths: tokens of each target, the end included; unused for classes.
    """
    counts: Counter[str] = Counter()
    depth = model.hparams.body.depth
    rows = _net_rows(model, inputs, list(map(int, source_lengths)))
    positions = [row.positions for row in rows]
    if net := sum(row.flops for row in rows):
        counts[inputs.key] = net
    counts |= _parts(model.encoder, Sizes.of(positions), "encoder")
    if not targets.autoregressive:
        counts[targets.key] = sum(_class_flops(model, targets, row) for row in rows)
        return dict(counts)
    sizes = Sizes.of(lengths, positions)
    counts |= _parts(model.mixer, sizes, "mixer") | _parts(model.decoder, sizes, "decoder")
    counts["softmax"] = 2 * depth * model.vocab_size * sizes.queries
    return dict(counts)


def _parts(layer: keras.layers.Layer, sizes: Sizes, name: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in _working_layers(layer):
        counts[f"{name} mixture" if isinstance(part, MixtureOfExperts) else name] += layer_flops(part, sizes)
    return counts


class _NetRow(NamedTuple):
    """What a modality net makes of one row: FLOPs, positions in the body, and whether these are an image's."""

    flops: int
    positions: int
    is_image: bool


def _net_rows(model: MultiModel, spec: InputSpec, lengths: Sequence[int]) -> list[_NetRow]:
    net, signature = model.nets[spec.key], spec.input_signature(model.hparams.modalities)
    by_length = {length: _net_of_one_row(spec, net, signature, length) for length in set(lengths)}
    return [by_length[length] for length in lengths]


def _net_of_one_row(spec: InputSpec, net: keras.layers.Layer, signature, length: int) -> _NetRow:
    row = {name: tf.TensorSpec([1, *_with(part.shape[1:], length)], part.dtype) for name, part in signature.items()}
    is_image = False

    def embed(features):
        nonlocal is_image
        positions = spec.embed(net, features)
        is_image = positions.grid is not None
        return positions.x

    function = tf.function(embed, autograph=False).get_concrete_function(row)
    features = {name: tf.fill(part.shape, tf.cast(length, part.dtype)) for name, part in row.items()}
    return _NetRow(profiled_flops(function), int(tf.shape(embed(features))[1]), is_image)


@functools.cache
def _class_flops(model: MultiModel, targets: TargetSpec, row: _NetRow) -> int:
    side = math.isqrt(row.positions)
    grid = (side, row.positions // side) if row.is_image else None
    net = model.nets[targets.key]
    signature = tf.TensorSpec([1, row.positions, model.hparams.body.depth], tf.float32)
    function = tf.function(lambda x: targets.classify(net, Positions(x, None, grid)), autograph=False)
    return profiled_flops(function.get_concrete_function(signature))


def _with(shape, length: int) -> list[int]:
    return [length if size is None else size for size in shape]


def profiled_flops(function) -> int:
    """FLOPs that TensorFlow's profiler counts in the products of a concrete function of static shapes."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # the converter warns of a deprecation of its own
    try:
        frozen = convert_variables_to_constants_v2(function)
    finally:
        logger.setLevel(level)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    options["accounted_type_regexes"] = list(_PRODUCTS)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(frozen.graph.as_graph_def(), name="")
        found = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    return int(found.total_float_ops) if found else 0
