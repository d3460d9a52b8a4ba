"""The mixture's balance loss on two replicas is that of the whole batch on one."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from t2t_multimodel.layers.replicas import sum_over_replicas

PROGRAM = """
import numpy as np
import tensorflow as tf
from t2t_multimodel.layers.mixture import MixtureOfExperts

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
ROWS, TIME, DEPTH, EXPERTS = 4, 5, 8, 6
random = np.random.default_rng(0)
x = random.normal(size=(ROWS, TIME, DEPTH)).astype("float32")
mask = np.arange(TIME) < np.array([[5], [3], [4], [1]])
noise = random.normal(size=(ROWS * TIME, EXPERTS)).astype("float32")
half = int(mask[: ROWS // 2].sum())

# The second number of a seed says where a replica's tokens begin in the noise of the whole batch.
tf.random.stateless_normal = lambda shape, seed, alg: tf.constant(noise)[seed[1] :][: shape[0]]

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = MixtureOfExperts(EXPERTS, 12, k=2)
    layer.build((None, None, DEPTH))
for weight in layer.weights:
    weight.assign(weight.value + random.normal(0, 0.3, weight.shape).astype("float32"))
weights = [weight.value for weight in layer.trainable_weights]

def run(x, mask, start, training):
    replicas = tf.distribute.get_replica_context().num_replicas_in_sync
    with tf.GradientTape() as tape:
        y, loss, load = layer(x, mask=mask, training=training, seed=tf.stack([0, start]))
        real = tf.cast(mask, tf.float32)[..., None]
        objective = 1e-3 * tf.reduce_sum(tf.square(y[..., :1]) * real) + loss / replicas
    gradients = tape.gradient(objective, weights, unconnected_gradients="zero")
    return tf.distribute.get_replica_context().all_reduce("SUM", [loss / replicas, load, *gradients])

@tf.function(autograph=False)
def on_replicas(training):
    def replica(_):
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows = tf.range(ROWS // 2) + index * (ROWS // 2)
        return run(tf.gather(x, rows), tf.gather(mask, rows), index * half, training)
    return [strategy.experimental_local_results(value)[0] for value in strategy.run(replica, args=(0,))]

for training in (False, True):
    whole = tf.function(run, autograph=False)(tf.constant(x), tf.constant(mask), tf.constant(0), training)
    assert float(whole[0]) > 1e-4
    for found, expected in zip(on_replicas(training), whole, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
print("equal")
"""


def test_two_replicas_balance_the_whole_batch():
    root = pathlib.Path(__file__).resolve().parents[2]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=root, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("equal")


def test_without_replicas_it_is_the_tensor_itself():
    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(sum_over_replicas(x), x)
