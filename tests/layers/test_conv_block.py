import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.seeds import SeedStream
from tests.layer_case import check_layer, check_steps


@pytest.mark.parametrize(
    "options", [{}, {"padding": "causal", "second_skip": "hidden", "dropout": 0.4}, {"recompute": True, "dropout": 0.4}]
)
def test_conv_block_is_a_layer(random, options):
    mask = tf.constant([[True] * 20, [True] * 11 + [False] * 9])
    check_layer(ConvBlock(6, **options), random.normal(size=(2, 20, 6)).astype("float32"), mask=mask)


@pytest.mark.parametrize("second_skip", ["input", "hidden"])
def test_steps_equal_the_whole_pass(random, second_skip):
    block = ConvBlock(6, padding="causal", second_skip=second_skip, dropout=0.4)
    check_steps(block, random.normal(size=(2, 20, 6)).astype("float32"))


@pytest.mark.parametrize("second_skip", ["input", "hidden"])
def test_residual_connections(random, second_skip):
    x = tf.constant(random.normal(size=(2, 20, 6)), tf.float32)
    block = ConvBlock(6, second_skip=second_skip)
    block.build(x.shape)
    one, two, three, four = block.steps
    hidden = x + two(one(x))
    expected = (x if second_skip == "input" else hidden) + four(three(hidden))
    np.testing.assert_allclose(block(x), expected, atol=1e-6)


def test_no_output_sees_a_later_input(random):
    x = random.normal(size=(1, 40, 6)).astype("float32")
    block = ConvBlock(6, padding="causal")
    block.build(x.shape)
    before = block(tf.constant(x)).numpy()
    x[:, 17:] += 1.0
    after = block(tf.constant(x)).numpy()
    np.testing.assert_array_equal(before[:, :17], after[:, :17])
    assert (before[:, 17:] != after[:, 17:]).any(-1).all()


def test_padding_changes_nothing(random):
    x = random.normal(size=(2, 21, 6)).astype("float32")
    block = ConvBlock(6)
    block.build(x.shape)
    longer = np.pad(x, [[0, 1], [0, 9], [0, 0]], constant_values=3.0)
    mask = tf.sequence_mask([21, 21, 0], 30)
    np.testing.assert_allclose(block(tf.constant(longer), mask=mask)[:2, :21], block(tf.constant(x)), atol=1e-5)


def test_dropout_needs_a_step(random):
    x = tf.constant(random.normal(size=(2, 5, 6)), tf.float32)
    block = ConvBlock(6, dropout=0.4)
    block.build(x.shape)
    assert (block(x, training=True, seed=SeedStream(0, 0)).numpy() == 0).any()
    assert (block(x).numpy() != 0).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="second_skip 'x'"):
        ConvBlock(4, second_skip="x")
    with pytest.raises(ValueError, match="4 steps"):
        ConvBlock(4, kernel_sizes=(3, 3))
    with pytest.raises(ValueError, match="depth 4"):
        ConvBlock(4).build((None, None, 6))
