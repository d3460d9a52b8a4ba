import numpy as np
import tensorflow as tf

from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.seeds import SeedStream, as_stream


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


def test_numbers_are_the_same_in_each_release():
    """Resumed runs draw what they would have drawn."""
    np.testing.assert_array_equal(_seeds(1, 2, calls=2), [[422211298, 2], [-2145173672, 2]])
    np.testing.assert_array_equal(_seeds(1, 2, replica=3, calls=1), [[-1402555212, 2]])


def test_a_pair_begins_a_stream():
    pair = tf.constant([5, 6])
    one, other = as_stream(pair), as_stream(pair)
    first, second = one.next(), one.next()
    np.testing.assert_array_equal(first, other.next())
    assert (first.numpy() != second.numpy()).any()
    assert (as_stream([5, 7]).next().numpy() != first.numpy()).any()
    assert (as_stream([4, 6]).next().numpy() != first.numpy()).any()
    assert as_stream(one) is one and as_stream(None) is None


def test_generators_exist_only_where_something_is_random_and_are_no_weights():
    assert not Dropout(0.0).variables and len(Dropout(0.5).variables) == 1
    block = ConvBlock(4, dropout=0.4)
    block.build((None, None, 4))
    assert len(block.weights) == 16 and len(block.variables) == 17
