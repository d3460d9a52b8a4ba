import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.xception import ConvRes
from tests.layer_case import check_layer


@pytest.mark.parametrize(
    ("strides", "num_steps", "shortcut_kernel"), [((2, 2), 2, (1, 1)), ((2, 1), 1, (1, 1)), ((2, 2), 2, (3, 3))]
)
def test_conv_res_is_a_layer(random, strides, num_steps, shortcut_kernel):
    check_layer(
        ConvRes(6, strides, num_steps, shortcut_kernel=shortcut_kernel),
        random.normal(size=(2, 9, 6, 4)).astype("float32"),
    )


@pytest.mark.parametrize("shortcut_kernel", [(1, 1), (3, 3)])
@pytest.mark.parametrize("strides", [(2, 2), (2, 1), (1, 1)])
@pytest.mark.parametrize("height", [5, 6])
def test_padding_changes_nothing(random, height, strides, shortcut_kernel):
    x = random.normal(size=(2, height, 6, 4)).astype("float32")
    block = ConvRes(6, strides, shortcut_kernel=shortcut_kernel)
    mask = tf.sequence_mask([height, height - 2], height)
    expected = block(tf.constant(x), mask=mask).numpy()
    real = block.output_mask(mask).numpy()
    assert expected.shape[1] == real.shape[1] == -(-height // strides[0])
    np.testing.assert_array_equal(real, mask.numpy()[:, :: strides[0]])
    for more in (1, 2, 5):
        longer = np.pad(x, [(0, 1), (0, more), (0, 0), (0, 0)], constant_values=3.0)
        longer_mask = tf.sequence_mask([height, height - 2, 0], height + more)
        y = block(tf.constant(longer), mask=longer_mask).numpy()
        np.testing.assert_allclose(y[:2, : real.shape[1]][real], expected[real], atol=1e-5)
        assert np.isfinite(y).all()


@pytest.mark.parametrize("shortcut_kernel", [(1, 1), (3, 3)])
def test_a_mask_without_padding_changes_nothing(random, shortcut_kernel):
    x = tf.constant(random.normal(size=(2, 8, 5, 4)), tf.float32)
    block = ConvRes(6, shortcut_kernel=shortcut_kernel)
    np.testing.assert_allclose(block(x, mask=tf.ones([2, 8], tf.bool)), block(x), atol=1e-6)


def test_a_wide_shortcut_is_a_separable_step_with_the_stride(random):
    x = tf.constant(random.normal(size=(2, 8, 6, 4)), tf.float32)
    block = ConvRes(6, (2, 1), shortcut_kernel=(3, 3))
    block.build(x.shape)
    assert block.shortcut.conv.depthwise_kernel.shape == (3, 3, 4, 1)
    assert block(x).shape == block.shortcut(x).shape == (2, 4, 6, 6)
    y = block.steps[1](block.steps[0](x))
    pooled = tf.nn.max_pool2d(y, 3, (2, 1), "SAME")
    np.testing.assert_allclose(block(x), pooled + block.shortcut(x), atol=1e-5)


def test_golden(golden_dir):
    golden = np.load(golden_dir / "xception_entry_block.npz")
    block = ConvRes(10)
    block.build(golden["x"].shape)
    for index, step in enumerate(block.steps):
        step.conv.depthwise_kernel.assign(golden[f"w:sep/conv_block_{index}_single/depthwise_kernel"])
        step.conv.pointwise_kernel.assign(golden[f"w:sep/conv_block_{index}_single/pointwise_kernel"][0, 0])
        _assign_norm(step, golden, f"w:sep/conv_block_norm_{index}")
    block.shortcut.conv.kernel.assign(golden["w:res/conv_block_0_single/kernel"])
    _assign_norm(block.shortcut, golden, "w:res/conv_block_norm_0")
    np.testing.assert_allclose(block(tf.constant(golden["x"])), golden["y"], atol=1e-5, rtol=1e-5)


def _assign_norm(step, golden, name):
    step.norm.scale.assign(golden[f"{name}/layer_norm_scale"])
    step.norm.bias.assign(golden[f"{name}/layer_norm_bias"])
