import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.attention import MultiHeadAttention
from t2t_multimodel.layers.seeds import SeedStream
from t2t_multimodel.observe import observing
from tests.layer_case import check_layer, check_steps


def _golden_layer(golden, heads, *shapes):
    layer = MultiHeadAttention(heads, 16)
    layer.build(*shapes)
    for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "output_transform")):
        getattr(layer, f"{ours}_kernel").assign(golden[f"w:mha/{theirs}/kernel"])
    return layer


def test_golden_self(golden_dir):
    golden = np.load(golden_dir / "multihead_attention_self.npz")
    layer = _golden_layer(golden, 4, golden["query"].shape)
    y = layer(tf.constant(golden["query"]), causal=True)
    np.testing.assert_allclose(y, golden["y"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mask_type", [tf.bool, tf.float32])
def test_golden_memory(golden_dir, mask_type):
    golden = np.load(golden_dir / "multihead_attention_memory.npz")
    layer = _golden_layer(golden, 8, golden["query"].shape, golden["memory"].shape)
    mask = tf.cast(golden["memory_padding"] == 0, mask_type)
    y = layer(tf.constant(golden["query"]), source=tf.constant(golden["memory"]), source_mask=mask)
    np.testing.assert_allclose(y, golden["y"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("uniform", [False, True])
def test_attention_is_a_layer(random, uniform):
    query, memory = random.normal(size=(2, 5, 8)).astype("float32"), random.normal(size=(2, 7, 6)).astype("float32")
    check_layer(MultiHeadAttention(2, 8, uniform=uniform), query, causal=True)
    check_layer(
        MultiHeadAttention(2, 12, dropout=0.3, uniform=uniform), query, memory, source_mask=tf.sequence_mask([7, 3])
    )


@pytest.mark.parametrize("uniform", [False, True])
def test_steps_equal_the_whole_pass(random, uniform):
    x, source = random.normal(size=(2, 9, 8)).astype("float32"), random.normal(size=(2, 7, 6)).astype("float32")
    check_steps(MultiHeadAttention(2, 8, uniform=uniform), x, causal=True)
    check_steps(MultiHeadAttention(2, 8, uniform=uniform), x, source, source_mask=tf.sequence_mask([7, 3]))


@pytest.mark.parametrize("uniform", [False, True])
def test_rows_may_be_at_different_positions(random, uniform):
    x = tf.constant(random.normal(size=(2, 5, 8)), tf.float32)
    layer = MultiHeadAttention(2, 8, uniform=uniform)
    whole = layer(x, causal=True)
    _, behind = layer(x[:1, :2], cache=layer.init_cache(1, 5))
    _, ahead = layer(x[1:, :4], cache=layer.init_cache(1, 5))
    cache = tf.nest.map_structure(lambda one, other: tf.concat([one, other], 0), behind, ahead)
    y, cache = layer(tf.stack([x[0, 2:3], x[1, 4:5]]), cache=cache)
    np.testing.assert_allclose(y[:, 0], tf.stack([whole[0, 2], whole[1, 4]]), atol=1e-5)
    np.testing.assert_array_equal(cache["position"], [3, 5])


@pytest.mark.parametrize("uniform", [False, True])
def test_a_cache_of_low_precision(random, uniform):
    x = random.normal(size=(2, 5, 8)).astype("float32")
    layer = MultiHeadAttention(2, 8, uniform=uniform, dtype="mixed_bfloat16")
    layer.build(x.shape)
    cache = layer.init_cache(2, 5, source=tf.constant(x))
    assert cache["source_values"].dtype == layer.init_cache(2, 5)["values"].dtype == tf.bfloat16
    y, _ = layer(tf.constant(x), cache=cache)
    whole = layer(tf.constant(x), tf.constant(x))
    np.testing.assert_allclose(tf.cast(y, tf.float32), tf.cast(whole, tf.float32), atol=0.02)


def test_a_cache_needs_a_size():
    layer = MultiHeadAttention(2, 8)
    layer.build((None, None, 8))
    with pytest.raises(ValueError, match="give max_length"):
        layer.init_cache(2)


@pytest.mark.parametrize("uniform", [False, True])
def test_no_output_sees_a_later_input(random, uniform):
    x = random.normal(size=(1, 9, 8)).astype("float32")
    layer = MultiHeadAttention(2, 8, uniform=uniform)
    before = layer(tf.constant(x), causal=True).numpy()
    x[:, 5:] += 1.0
    after = layer(tf.constant(x), causal=True).numpy()
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any()


@pytest.mark.parametrize("uniform", [False, True])
def test_padding_changes_nothing(random, uniform):
    query, memory = random.normal(size=(2, 4, 8)).astype("float32"), random.normal(size=(2, 6, 8)).astype("float32")
    layer = MultiHeadAttention(2, 8, uniform=uniform)
    expected = layer(tf.constant(query), source=tf.constant(memory))
    longer = tf.constant(np.pad(memory, [[0, 0], [0, 5], [0, 0]], constant_values=4.0))
    y = layer(tf.constant(query), source=longer, source_mask=tf.sequence_mask([6, 6], 11))
    np.testing.assert_allclose(y, expected, atol=1e-5)
    padded_query = tf.constant(np.pad(query, [[0, 0], [0, 3], [0, 0]], constant_values=2.0))
    own = layer(padded_query, mask=tf.sequence_mask([4, 4], 7), causal=True)
    np.testing.assert_allclose(own[:, :4], layer(tf.constant(query), causal=True), atol=1e-5)


@pytest.mark.parametrize("uniform", [False, True])
def test_dropout_is_deterministic(random, uniform):
    x = tf.constant(random.normal(size=(2, 6, 8)), tf.float32)
    layer = MultiHeadAttention(2, 8, dropout=0.5, uniform=uniform)
    np.testing.assert_array_equal(
        layer(x, training=True, seed=SeedStream(0, 1)), layer(x, training=True, seed=SeedStream(0, 1))
    )
    assert (layer(x, training=True, seed=SeedStream(0, 1)).numpy() != layer(x).numpy()).any()


@pytest.mark.parametrize("uniform", [False, True])
def test_nothing_to_attend_to_is_finite(random, uniform):
    x = tf.constant(random.normal(size=(1, 3, 8)), tf.float32)
    assert np.isfinite(MultiHeadAttention(2, 8, uniform=uniform)(x, mask=tf.zeros([1, 3], tf.bool))).all()


def test_uniform_attention_is_the_mean_of_what_may_be_seen(random):
    x, source = random.normal(size=(2, 5, 8)).astype("float32"), random.normal(size=(2, 7, 6)).astype("float32")
    layer = MultiHeadAttention(2, 8, uniform=True)
    attended = layer(tf.constant(x), tf.constant(source), source_mask=tf.sequence_mask([7, 3]))
    assert [weight.name for weight in layer.weights] == ["value_kernel", "output_kernel"]
    values, output = (kernel.numpy() for kernel in layer.weights)
    means = np.stack([source[0].mean(0), source[1, :3].mean(0)]) @ values @ output
    np.testing.assert_allclose(attended, np.repeat(means[:, np.newaxis], 5, 1), atol=1e-5)

    own = MultiHeadAttention(2, 8, uniform=True)
    y = own(tf.constant(x), causal=True)
    values, output = (kernel.numpy() for kernel in own.weights)
    means = np.cumsum(x, 1) / np.arange(1, 6)[:, np.newaxis]
    np.testing.assert_allclose(y, means @ values @ output, atol=1e-5)
    assert set(own.init_cache(2, 5)) == {"values", "position"}
    assert set(layer.init_cache(2, source=tf.constant(source))) == {"source_values"}


def test_bad_heads():
    with pytest.raises(ValueError, match="3 heads"):
        MultiHeadAttention(3, 8)


def test_weights_can_be_seen_while_someone_looks():
    attention = MultiHeadAttention(num_heads=1, depth=4, name="seen")
    x, source = tf.random.stateless_normal([2, 3, 4], [1, 2]), tf.random.stateless_normal([2, 5, 4], [3, 4])
    mask = tf.sequence_mask([5, 2])
    attention(x, source, source_mask=mask)
    for kernel in (attention.value_kernel, attention.output_kernel):
        kernel.assign(tf.eye(4))
    with observing() as seen:
        y = attention(x, source, source_mask=mask)
    (weights,) = seen.values()
    assert list(seen) == [f"{attention.path}/weights"] and weights.shape == [2, 1, 3, 5]
    np.testing.assert_allclose(weights[:, 0] @ source, y, atol=1e-5)
    np.testing.assert_array_equal(weights[1, :, :, 2:], 0)
