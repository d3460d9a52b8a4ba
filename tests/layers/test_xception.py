import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.xception import ConvRes
from tests.layer_case import check_layer


@pytest.mark.parametrize(("strides", "num_steps"), [((2, 2), 2), ((2, 1), 1)])
def test_conv_res_is_a_layer(random, strides, num_steps):
    check_layer(ConvRes(6, strides, num_steps), random.normal(size=(2, 9, 6, 4)).astype("float32"))


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
