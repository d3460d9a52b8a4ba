"""What holds for every part of both bodies: layer contract, causality, padding, steps with a cache."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.body.cache import reorder_flags
from t2t_multimodel.body.paper.attention_block import AttentionBlock
from t2t_multimodel.body.paper.decoder import Decoder, DecoderBlock
from t2t_multimodel.body.paper.encoder import Encoder
from t2t_multimodel.body.paper.mixed_stack import MixedStack
from t2t_multimodel.body.paper.mixer import Mixer
from t2t_multimodel.body.plus.block import PlusBlock
from t2t_multimodel.body.plus.stack import PlusDecoder, PlusEncoder, PlusMixer
from t2t_multimodel.layers.conv_block import ConvBlock
from tests.layer_case import check_layer, check_steps

DEPTH, HEADS = 8, 2
CONV = {"kernel_sizes": (3, 3, 5, 5), "dilations": (1, 1, 1, 2), "dropout": 0.3}
ATTENTION = {"conv_blocks": 1, "attention_dropout": 0.2}
MIXTURE = {"num_experts": 3, "hidden": 12, "k": 2}
BLOCK = {"num_heads": HEADS, "hidden": 12, "kernel_size": 3, "dropout": 0.3, "attention_dropout": 0.2}
CAUSAL = {**BLOCK, "causal": True, "attends_source": True}

# Without a source.
ENCODERS = {
    "encoder": lambda: Encoder(DEPTH, 2, conv=CONV, mixture=MIXTURE),
    "encoder_without_mixture": lambda: Encoder(DEPTH, 1, conv=CONV, timing=False),
    "mixed_stack": lambda: MixedStack([ConvBlock(DEPTH, **CONV, name=f"block_{i}") for i in range(2)], MIXTURE),
    "plus_block": lambda: PlusBlock(DEPTH, **BLOCK),
    "plus_block_with_mixture": lambda: PlusBlock(DEPTH, **BLOCK, mixture=MIXTURE),
    "plus_block_of_uniform_attention": lambda: PlusBlock(DEPTH, **BLOCK, uniform_attention=True),
    "plus_encoder": lambda: PlusEncoder(DEPTH, 2, block=BLOCK, mixture=MIXTURE, timing=True, final_norm=True),
}
# Causal, with a source.
DECODERS = {
    "attention_block": lambda: AttentionBlock(DEPTH, HEADS, conv=CONV, **ATTENTION),
    "attention_block_of_uniform_attention": lambda: AttentionBlock(
        DEPTH, HEADS, conv=CONV, **ATTENTION, uniform_attention=True
    ),
    "mixer": lambda: Mixer(DEPTH, HEADS, 1, conv=CONV, attention=ATTENTION),
    "decoder_block": lambda: DecoderBlock(DEPTH, HEADS, conv=CONV, attention=ATTENTION),
    "decoder": lambda: Decoder(DEPTH, HEADS, 1, conv=CONV, attention=ATTENTION, mixture=MIXTURE),
    "decoder_without_mixture": lambda: Decoder(DEPTH, HEADS, 1, conv=CONV, attention=ATTENTION),
    "plus_block": lambda: PlusBlock(DEPTH, **CAUSAL),
    "plus_block_of_uniform_attention": lambda: PlusBlock(DEPTH, **CAUSAL, uniform_attention=True),
    "plus_block_with_mixture": lambda: PlusBlock(DEPTH, **CAUSAL, mixture=MIXTURE),
    "plus_mixer": lambda: PlusMixer(DEPTH, 1, block=CAUSAL, timing=True),
    "plus_decoder": lambda: PlusDecoder(DEPTH, 2, block=CAUSAL, mixture=MIXTURE, final_norm=True),
}


def first(results):
    return (results[0] if isinstance(results, tuple) else results).numpy()


@pytest.fixture
def x(random):
    return random.normal(size=(2, 7, DEPTH)).astype("float32")


@pytest.fixture
def source(random):
    return random.normal(size=(2, 5, DEPTH)).astype("float32")


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_encoders_are_layers(make, x):
    check_layer(make(), x)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_decoders_are_layers(make, x, source):
    check_layer(make(), x, source)


@pytest.mark.parametrize("make", ENCODERS.values(), ids=ENCODERS)
def test_padding_of_the_input_changes_nothing(make, x):
    layer = make()
    expected = first(layer(tf.constant(x), mask=tf.ones([2, 7], tf.bool)))
    longer = np.pad(x, [(0, 0), (0, 4), (0, 0)], constant_values=3.0)
    y = first(layer(tf.constant(longer), mask=tf.sequence_mask([7, 7], 11)))
    np.testing.assert_allclose(y[:, :7], expected, atol=2e-5)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_no_output_sees_a_later_target_nor_padding_of_the_source(make, x, source):
    layer = make()
    expected = first(layer(tf.constant(x), tf.constant(source)))
    changed, longer = x.copy(), np.pad(source, [(0, 0), (0, 3), (0, 0)], constant_values=3.0)
    changed[:, 4:] *= -2.0
    y = first(layer(tf.constant(changed), tf.constant(longer), source_mask=tf.sequence_mask([5, 5], 8)))
    np.testing.assert_allclose(y[:, :4], expected[:, :4], atol=2e-5)
    assert not np.allclose(y[:, 4:], expected[:, 4:], atol=1e-3)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_steps_equal_the_whole_pass(make, x, source):
    check_steps(make(), x, source, source_mask=tf.sequence_mask([5, 3]))


@pytest.mark.parametrize("name", ["decoder", "plus_decoder"])
def test_steps_run_in_a_graph_loop_of_free_shapes(name, x, source):
    """Batch and source's time are free dimensions; the cache keeps its shapes."""
    layer = DECODERS[name]()
    whole = first(layer(tf.constant(x), tf.constant(source)))
    free = tf.TensorSpec([None, None, DEPTH])

    @tf.function(input_signature=[free, free])
    def decode(x, source):
        time = tf.shape(x)[1]
        outputs = tf.TensorArray(tf.float32, time, element_shape=[None, 1, DEPTH])

        def body(at, outputs, cache):
            y, _, _, cache = layer(x[:, at : at + 1], cache=cache)
            return at + 1, outputs.write(at, y), cache

        cache = layer.init_cache(tf.shape(x)[0], 10, source=source)
        _, outputs, _ = tf.while_loop(lambda at, *_: at < time, body, [0, outputs, cache])
        return tf.transpose(outputs.stack()[:, :, 0], [1, 0, 2])

    np.testing.assert_allclose(decode(x, source), whole, atol=1e-5)


@pytest.mark.parametrize("make", DECODERS.values(), ids=DECODERS)
def test_a_beam_reorders_all_but_the_source(make, x, source):
    """Rows exchanged in the middle go on as they would have in their new order."""
    layer = make()
    same_source = tf.constant(np.repeat(source[:1], 2, 0))
    layer.build(x.shape, same_source.shape)
    swapped = x.copy()
    swapped[:, :4] = x[::-1, :4]
    whole = first(layer(tf.constant(swapped), same_source))
    *_, cache = layer(tf.constant(x[:, :4]), cache=layer.init_cache(2, 7, source=same_source))
    flags = reorder_flags(cache)
    of_source = {name for name, flag in leaves(flags) if not flag}
    assert of_source in ({"source_keys", "source_values"}, {"source_values"})
    cache = tf.nest.map_structure(lambda leaf, flag: tf.gather(leaf, [1, 0]) if flag else leaf, cache, flags)
    y = first(layer(tf.constant(swapped[:, 4:]), cache=cache))
    np.testing.assert_allclose(y, whole[:, 4:], atol=1e-5)


def leaves(cache):
    """(name, leaf) of a nest of dicts."""
    for name, part in cache.items():
        yield from leaves(part) if isinstance(part, dict) else [(name, part)]


def test_what_is_not_causal_has_no_cache():
    layer = PlusBlock(DEPTH, **BLOCK)
    with pytest.raises(ValueError, match="needs causal=True"):
        layer.init_cache(2, 5)


def test_a_stack_is_restored_with_its_blocks(x):
    stack = ENCODERS["mixed_stack"]()
    copy = MixedStack.from_config(stack.get_config())
    assert [type(block) for block in copy.blocks] == [ConvBlock, ConvBlock]
    assert copy.blocks[1].get_config() == stack.blocks[1].get_config()
    assert copy.get_config()["mixture"] == MIXTURE
