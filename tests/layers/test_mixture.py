import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels.experts import expert_feed_forward
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.layers.seeds import SeedStream
from tests.layer_case import check_layer

EXPERTS, DEPTH, HIDDEN, TOKENS, K = 6, 8, 12, 40, 2


def _naive(x, gates, indices, w1, w2):
    """A loop over tokens and choices."""
    y = np.zeros_like(x)
    for token in range(len(x)):
        for gate, expert in zip(gates[token], indices[token]):
            y[token] += gate * (np.maximum(x[token] @ w1[expert], 0) @ w2[expert])
    return y


def _case(random, routing):
    x = random.normal(size=(TOKENS, DEPTH)) * 0.3
    gates = random.dirichlet(np.ones(K), TOKENS)
    scores = {
        "even": random.normal(size=(TOKENS, EXPERTS)),
        "skewed": random.normal(size=(TOKENS, EXPERTS)) + np.array([6, 3, 2, 0, -1, -20]),
        "ties": np.tile(-np.arange(EXPERTS), (TOKENS, 1)),
    }[routing]
    indices = np.argsort(-scores, 1, kind="stable")[:, :K].astype("int32")
    w1, w2 = random.normal(size=(EXPERTS, DEPTH, HIDDEN)), random.normal(size=(EXPERTS, HIDDEN, DEPTH)) * 0.3
    return [value.astype("float32") for value in (x, gates)] + [indices] + [w.astype("float32") for w in (w1, w2)]


def test_golden(golden_dir):
    golden = np.load(golden_dir / "sparse_dispatcher_moe.npz")
    gates, indices = tf.math.top_k(golden["gates"], 2)
    y = expert_feed_forward(tf.constant(golden["x"]), gates, indices, golden["w1"], golden["w2"])
    np.testing.assert_allclose(y, golden["y"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("routing", ["even", "skewed", "ties"])
def test_values_equal_a_naive_loop(random, routing):
    case = _case(random, routing)
    y = expert_feed_forward(*map(tf.constant, case))
    np.testing.assert_allclose(y, _naive(*case), atol=1e-5, rtol=1e-5)
    roomy = expert_feed_forward(*map(tf.constant, case), capacity_factor=EXPERTS)
    np.testing.assert_allclose(roomy, y, atol=1e-5, rtol=1e-5)


def test_memory_of_the_gradients_is_taken_no_sooner_than_they_are_computed(random):
    case = _case(random, "even")

    @tf.function
    def step(x, gates, indices, w1, w2):
        with tf.GradientTape() as tape:
            tape.watch((w1, w2))
            y = expert_feed_forward(x, gates, indices, w1, w2)
        return tape.gradient(y, (w1, w2))

    graph = step.get_concrete_function(*map(tf.constant, case)).graph
    stacks = [op for op in graph.get_operations() if op.type == "Empty"]
    assert len(stacks) == 2
    # Ops that a control dependency's op feeds wait through it.
    assert all(op.control_inputs or op.inputs[0].op.control_inputs for op in stacks)


def test_capacity_drops_the_last_tokens_of_a_crowded_expert(random):
    x, gates, _, w1, w2 = _case(random, "even")
    indices = np.tile(np.array([[0, 1]], "int32"), (TOKENS, 1))
    mask = np.arange(TOKENS) >= 4
    tensors = map(tf.constant, (x, gates, indices, w1, w2))
    y = expert_feed_forward(*tensors, capacity_factor=1.0, mask=tf.constant(mask)).numpy()
    capacity = -(-TOKENS * K // EXPERTS)
    served = mask & (np.cumsum(mask) <= capacity)
    np.testing.assert_allclose(y[served], _naive(x, gates, indices, w1, w2)[served], atol=1e-5, rtol=1e-5)
    assert (y[~served] == 0).all()


def _layer(shape=(2, 10, DEPTH), **options):
    layer = MixtureOfExperts(EXPERTS, HIDDEN, k=K, **options)
    layer.build(shape)
    layer.gate.gate_kernel.assign(tf.random.stateless_normal([DEPTH, EXPERTS], [1, 2]))
    return layer


@pytest.mark.parametrize("options", [{}, {"capacity_factor": 2.0}, {"residual_norm": False}])
def test_mixture_is_a_layer(random, options):
    x = random.normal(size=(2, 10, DEPTH)).astype("float32")
    check_layer(MixtureOfExperts(EXPERTS, HIDDEN, k=K, **options), x)
    check_layer(MixtureOfExperts(EXPERTS, HIDDEN, k=K, **options), x, mask=tf.sequence_mask([10, 4]))


@pytest.mark.parametrize("capacity_factor", [None, 6.0])
@pytest.mark.parametrize("training", [False, True])
def test_padding_reaches_no_expert(random, capacity_factor, training):
    layer = _layer(capacity_factor=capacity_factor)
    x = random.normal(size=(2, 10, DEPTH)).astype("float32")
    mask = tf.sequence_mask([10, 6], 10)
    y, loss, load = layer(tf.constant(x), mask=mask, training=training, seed=SeedStream(0, 0))
    x[1, 6:] += 5.0
    other, other_loss, other_load = layer(tf.constant(x), mask=mask, training=training, seed=SeedStream(0, 0))
    np.testing.assert_array_equal(load, other_load)
    assert float(loss) == float(other_loss) > 0
    np.testing.assert_array_equal(y.numpy()[np.asarray(mask)], other.numpy()[np.asarray(mask)])
    np.testing.assert_allclose(other[1, 6:], layer.norm(tf.constant(x[1, 6:])), atol=1e-5)
    if not training:
        assert float(tf.reduce_sum(load)) == 16 * K


def test_longer_padding_changes_nothing(random):
    layer = _layer()
    x = random.normal(size=(2, 10, DEPTH)).astype("float32")
    y, loss, load = layer(tf.constant(x))
    longer = tf.constant(np.pad(x, [[0, 1], [0, 3], [0, 0]], constant_values=2.0))
    padded, padded_loss, padded_load = layer(longer, mask=tf.sequence_mask([10, 10, 0], 13))
    np.testing.assert_allclose(padded[:2, :10], y, atol=1e-5)
    np.testing.assert_allclose(padded_loss, loss, rtol=1e-5)
    np.testing.assert_array_equal(padded_load, load)


def test_nothing_but_padding(random):
    layer = _layer()
    x = tf.constant(random.normal(size=(2, 3, DEPTH)), tf.float32)
    weights = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        y, loss, load = layer(x, mask=tf.zeros([2, 3], tf.bool), training=True, seed=SeedStream(0, 0))
        total = tf.reduce_sum(tf.square(y)) + loss
    assert float(loss) == 0 and (load.numpy() == 0).all()
    np.testing.assert_allclose(y, layer.norm(x), atol=1e-6)
    assert all(np.isfinite(g).all() for g in tape.gradient(total, weights) if g is not None)


def test_gradients_flow_to_every_weight_under_a_mask(random):
    layer = _layer()
    layer.gate.noise_kernel.assign(tf.ones([DEPTH, EXPERTS]) * 0.1)
    x = tf.constant(random.normal(size=(4, 50, DEPTH)), tf.float32)
    mask = tf.sequence_mask([50, 30, 20, 10], 50)
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function(input_signature=[tf.TensorSpec([None, None, DEPTH]), tf.TensorSpec([None, None], tf.bool)])
    def run(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, loss, _ = layer(x, mask=mask, training=True, seed=SeedStream(0, 0))
            total = tf.reduce_sum(tf.square(y[..., 0]) * tf.cast(mask, tf.float32)) + loss
        return tape.gradient(total, [x, *weights])

    d_x, *d_weights = run(x, mask)
    assert all(np.abs(gradient).max() > 0 for gradient in d_weights)
    assert (d_x.numpy()[~mask.numpy()] == 0).all()
    assert (np.abs(d_x.numpy()[mask.numpy()]).max(-1) > 0).all()


def test_auxiliary_loss_prefers_even_routing(random):
    x = tf.constant(np.abs(random.normal(size=(2, 50, DEPTH))), tf.float32)
    layer = _layer()
    layer.gate.gate_kernel.assign(tf.zeros([DEPTH, EXPERTS]))
    even = float(layer(x, training=True, seed=SeedStream(0, 0))[1])
    layer.gate.gate_kernel.assign(tf.tile([[3.0, 3.0, 0, 0, 0, 0]], [DEPTH, 1]))
    assert float(layer(x, training=True, seed=SeedStream(0, 0))[1]) > 5 * even


def test_a_step_with_a_cache_drops_nothing(random):
    x = tf.constant(random.normal(size=(2, 10, DEPTH)), tf.float32)
    exact, capped = _layer(), _layer(capacity_factor=0.1)
    capped.set_weights(exact.get_weights())
    whole = exact(x)[0]
    assert not np.allclose(capped(x)[0], whole, atol=1e-3)
    y, _, _, cache = capped(x, cache=capped.init_cache(2))
    np.testing.assert_allclose(y, whole, atol=1e-5)
    assert cache == {} and capped.compute_output_shape((2, 1, DEPTH), cache_shape={})[-1] == {}
