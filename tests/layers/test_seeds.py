import numpy as np
import tensorflow as tf

from t2t_multimodel.layers.seeds import SeedStream


def _seeds(seed, step, replica=0, calls=4):
    stream = SeedStream(seed, step, replica)
    return [tuple(stream.next().numpy()) for _ in range(calls)]


def test_seeds_differ_by_call_step_seed_and_replica():
    seen = [s for seed in (0, 1) for step in (0, 1, 2) for replica in (0, 1) for s in _seeds(seed, step, replica)]
    assert len(set(seen)) == len(seen)


def test_same_arguments_give_the_same_seeds_traced_or_not():
    @tf.function
    def traced(step):
        stream = SeedStream(5, step, tf.constant(1))
        return tf.stack([stream.next(), stream.next()])

    for step in (0, 3, 2**33 + 3):
        seeds = traced(tf.constant(step, tf.int64))
        assert seeds.dtype == tf.int32
        np.testing.assert_array_equal(seeds, _seeds(5, tf.constant(step, tf.int64), 1, 2))
