"""Products over the last axis equal NumPy's, values and gradients, for small matrices and for large ones."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.products import last_axis_product, transposed_product
from tests.layer_case import assert_same, gradients

SIZES = pytest.mark.parametrize("depth,units", [(6, 5), (512, 20), (20, 512)], ids=["small", "narrow", "wide"])


def operands(random, rows, depth, units):
    x, kernel = random.normal(size=rows), random.normal(size=(depth, units)) / np.sqrt(depth + units)
    return tf.constant(x, tf.float32), tf.constant(kernel, tf.float32)


@SIZES
def test_last_axis_product(random, depth, units):
    x, kernel = operands(random, (2, 3, depth), depth, units)
    y, dx, d_kernel = gradients(last_axis_product, x, kernel)
    towards = tf.random.stateless_normal(y.shape, [0, 1]).numpy()
    rows, d_rows = x.numpy().reshape(6, depth), towards.reshape(6, units)
    assert_same([y, dx, d_kernel], [x.numpy() @ kernel.numpy(), towards @ kernel.numpy().T, rows.T @ d_rows])
    assert_same([last_axis_product(x, kernel)], [y])


@SIZES
def test_transposed_product(random, depth, units):
    x, kernel = operands(random, (7, units), depth, units)
    y, dx, d_kernel = gradients(transposed_product, x, kernel)
    towards = tf.random.stateless_normal(y.shape, [0, 1]).numpy()
    assert_same([y, dx, d_kernel], [x.numpy() @ kernel.numpy().T, towards @ kernel.numpy(), towards.T @ x.numpy()])


@SIZES
@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(depth, units, rows):
    assert last_axis_product(tf.ones([rows, depth]), tf.ones([depth, units])).shape == (rows, units)
    assert transposed_product(tf.ones([rows, units]), tf.ones([depth, units])).shape == (rows, depth)
