"""All forms of each operation agree in values and gradients; the plain form runs in float64, too."""

import functools
import logging

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.kernels import choose as choose_module
from t2t_multimodel.kernels.choose import FORMS, choose, compiled_by_xla
from t2t_multimodel.kernels.conv_block import BlockForm, conv_block
from t2t_multimodel.kernels.conv_step import StepWeights, conv_step
from t2t_multimodel.kernels.depthwise import depthwise_conv_1d, depthwise_conv_2d
from t2t_multimodel.kernels.dropout import dropout
from t2t_multimodel.kernels.experts import expert_feed_forward
from t2t_multimodel.kernels.layer_norm import layer_norm
from t2t_multimodel.kernels.linear_cross_entropy import linear_cross_entropy
from t2t_multimodel.kernels.losses import smoothed_cross_entropy
from t2t_multimodel.kernels.noise import normal_noise
from t2t_multimodel.kernels.products import last_axis_product, transposed_product
from t2t_multimodel.layers.conv_block import ConvBlock
from t2t_multimodel.layers.conv_step import ConvStep

RANDOM = np.random.default_rng(5)
EXPERTS = 6


def normal(*shape, scale=1.0, mean=0.0):
    return RANDOM.normal(mean, scale, shape)


def step_weights(width, depth, filters):
    norm = [normal(filters, scale=0.1, mean=1.0), normal(filters, scale=0.1)]
    return [normal(width, 1, depth, 1), normal(depth, filters), *norm]


def mask_of(time):
    return tf.constant(np.arange(time)[None] < np.array([[time], [time - 3], [2]]))


def masked_step(dilation, padding, mask):
    def run(form, x, *weights):
        y = conv_step(x, mask, StepWeights(*weights), dilation=dilation, padding=padding, form=form)
        # At padding variances are about zero, which makes rounding errors large and the gradients meaningless.
        return y if mask is None else y * tf.cast(mask, y.dtype)[..., None]

    return run


def masked_block(mask=None, seed=None, **options):
    common = {"padding": "same", "second_skip": "input", "dropout": 0.5, "epsilon": 1e-6, **options}
    block = BlockForm((3, 3, 5, 5), (1, 1, 1, 4), **common)

    def run(form, x, *weights):
        y = conv_block(block, x, mask, seed, list(weights), form=form)
        return y if mask is None else y * tf.cast(mask, y.dtype)[..., None]

    return run


def routed(indices, mask=None):
    def run(form, x, gates, w1, w2):
        factor = float(EXPERTS) if form == "static" else None
        chosen = tf.cast(tf.identity(indices), tf.int32)
        return expert_feed_forward(x, gates, chosen, w1, w2, capacity_factor=factor, mask=mask, form=form)

    return run


def choices(bias):
    scores = RANDOM.normal(size=(40, EXPERTS)) + np.asarray(bias)
    return np.argsort(-scores, 1, kind="stable")[:, :2]


def expert_tensors(tokens=40):
    return [
        normal(tokens, 8, scale=0.3),
        RANDOM.dirichlet(np.ones(2), tokens),
        normal(EXPERTS, 8, 12),
        normal(EXPERTS, 12, 8, scale=0.3),
    ]


def softmax_loss(labels, smoothing, weights=None):
    def run(form, hidden, table):
        loss, hits = linear_cross_entropy(hidden, table, tf.constant(labels), smoothing, weights, form=form)
        return tf.stack([loss, tf.stop_gradient(hits)])

    return run


def block_weights():
    return [weight for width in (3, 3, 5, 5) for weight in step_weights(width, 6, 6)]


SIZES = {"small": (6, 5), "narrow": (512, 20), "wide": (20, 512)}
# operation -> case -> function of (form, tensors), tensors.
CASES = {
    "product": {
        name: (lambda form, x, w: last_axis_product(x, w, form=form), [normal(2, 3, depth), normal(depth, units) / 20])
        for name, (depth, units) in SIZES.items()
    },
    "transposed_product": {
        name: (lambda form, x, w: transposed_product(x, w, form), [normal(7, units), normal(depth, units) / 20])
        for name, (depth, units) in SIZES.items()
    },
    "depthwise_conv": {
        f"{padding}_{width}_{dilation}_{time}": (
            lambda form, x, w, d=dilation, p=padding: depthwise_conv_1d(x, w, d, p, form=form),
            [normal(2, time, 4), normal(width, 1, 4, 1)],
        )
        for padding in ("same", "causal")
        for width, dilation, time in [(1, 1, 5), (3, 1, 7), (15, 1, 6), (5, 4, 13), (15, 8, 16)]
    },
    "depthwise_conv_2d": {
        f"{strides}_{height}": (
            lambda form, x, w, strides=strides: depthwise_conv_2d(x, w, strides, form=form),
            [normal(2, height, 5, 4), normal(3, 3, 4, 1)],
        )
        for strides in ((1, 1), (2, 1), (2, 2))
        for height in (6, 7)
    },
    "layer_norm": {
        "rows": (
            lambda form, *tensors: layer_norm(*tensors, form=form),
            [normal(3, 5, 16, scale=3.0, mean=2.0), normal(16), normal(16)],
        )
    },
    "dropout": {
        f"{rate}": (
            lambda form, x, rate=rate: dropout(x, rate, tf.constant([1, 2]), form=form),
            [normal(3, 5, 7)],
        )
        for rate in (0.0, 0.1, 0.5)
    },
    "normal_noise": {
        "odd": (
            lambda form, x: x * tf.cast(normal_noise([3, 5], tf.constant([1, 2]), form=form), x.dtype),
            [normal(3, 5)],
        )
    },
    "conv_step": {
        f"{padding}_{dilation}_{'masked' if mask is not None else 'whole'}": (
            masked_step(dilation, padding, mask),
            [normal(3, 11, 6), *step_weights(5, 6, 7)],
        )
        for padding in ("same", "causal")
        for dilation in (1, 4)
        for mask in (None, mask_of(11))
    },
    "conv_block": {
        **{
            f"{padding}_{skip}": (
                masked_block(mask_of(10) if padding == "same" else None, padding=padding, second_skip=skip),
                [normal(3, 10, 6, mean=0.5), *block_weights()],
            )
            for padding in ("same", "causal")
            for skip in ("input", "hidden")
        },
        "recomputed": (masked_block(recompute=True), [normal(3, 10, 6, mean=0.5), *block_weights()]),
        "dropout": (masked_block(seed=tf.constant([1, 2])), [normal(3, 10, 6, mean=0.5), *block_weights()]),
        "recomputed_dropout": (
            masked_block(seed=tf.constant([1, 2]), recompute=True),
            [normal(3, 10, 6, mean=0.5), *block_weights()],
        ),
    },
    "experts": {
        "even": (routed(choices([0] * EXPERTS)), expert_tensors()),
        "skewed": (routed(choices([6, 3, 2, 0, -1, -20])), expert_tensors()),
        "few": (routed([[4, 1], [1, 5]]), expert_tensors(2)),
        "one": (routed(np.tile([[0, 1]], (40, 1))), expert_tensors()),
        "masked": (routed(choices([0] * EXPERTS), tf.constant(np.arange(40) % 3 > 0)), expert_tensors()),
    },
    "cross_entropy": {
        **{
            f"{smoothing}_{tokens}": (
                softmax_loss(RANDOM.integers(0, 33, tokens).astype("int32"), smoothing),
                [normal(tokens, 6), normal(33, 6, scale=3.0)],
            )
            for smoothing in (0.0, 0.1)
            for tokens in (1, 8, 21)
        },
        "weighted": (
            softmax_loss(RANDOM.integers(0, 33, 11).astype("int32"), 0.1, tf.constant([1.0, 0, 2] + [1] * 8)),
            [normal(11, 6), normal(33, 6, scale=3.0)],
        ),
    },
}


def value_and_gradients(function, form, tensors, dtype, traced=True):
    tensors = [tf.constant(tensor, dtype) for tensor in tensors]

    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = function(form, *tensors)
            towards = tf.reshape(tf.sin(2.0 * tf.range(tf.cast(tf.size(y), tf.float64))), tf.shape(y))
            total = tf.reduce_sum(y * tf.cast(towards, y.dtype))
        return [y, *tape.gradient(total, tensors)]

    return (tf.function(run, autograph=False) if traced else run)(*tensors)


def assert_agree(found, expected):
    for got, wanted in zip(found, expected, strict=True):
        assert got.shape == wanted.shape
        scale = max(1.0, float(np.abs(wanted).max(initial=0)))
        np.testing.assert_allclose(got / scale, wanted / scale, atol=1e-5)


def test_every_operation_is_compared():
    assert set(CASES) == set(FORMS) and all("plain" in forms for forms in FORMS.values())


@pytest.fixture
def small_chunks(monkeypatch):
    """The loss takes four tokens at a time."""
    for name in ("_CHUNK", "_STATIC_CHUNK"):
        monkeypatch.setattr(f"t2t_multimodel.kernels.linear_cross_entropy.{name}", 33 * 4)


@functools.cache
def exact(operation, case):
    """The plain form in float64, where rounding is small."""
    function, tensors = CASES[operation][case]
    return value_and_gradients(function, "plain", tensors, tf.float64, traced=False)


@pytest.mark.parametrize(
    ("operation", "form", "case"),
    [(name, form, case) for name, cases in CASES.items() for form in FORMS[name] for case in cases],
)
def test_forms_agree(small_chunks, operation, form, case):
    function, tensors = CASES[operation][case]
    assert_agree(value_and_gradients(function, form, tensors, tf.float32), exact(operation, case))


@pytest.mark.parametrize(("operation", "case"), [(operation, list(cases)[-1]) for operation, cases in CASES.items()])
def test_forms_agree_without_tracing(operation, case):
    function, tensors = CASES[operation][case]
    found = value_and_gradients(function, FORMS[operation][-1], tensors, tf.float32, traced=False)
    assert_agree(found, exact(operation, case))


@pytest.mark.parametrize(("operation", "case"), [(operation, list(cases)[-1]) for operation, cases in CASES.items()])
def test_forms_chosen_within_xla_agree(small_chunks, operation, case):
    """Compiled by XLA, gradients included."""
    function, tensors = CASES[operation][case]

    @tf.function(jit_compile=True, autograph=False)
    def run():
        with compiled_by_xla():
            form = choose(operation, kernel_sizes=(3,))
            return value_and_gradients(function, form, tensors, tf.float32, traced=False)

    assert_agree(run(), exact(operation, case))


@pytest.mark.parametrize("layer", [ConvStep(6, 5, 4), ConvBlock(6, (3, 3, 5, 5), recompute=True, second_skip="hidden")])
def test_layers_agree_with_the_plain_form(random, layer):
    """The layers' float32 form against their plain one, which their float64 copies take."""
    x = random.normal(size=(3, 11, 6))
    layer.build(x.shape)
    exact = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    exact.build(x.shape)
    for weight, copy in zip(layer.weights, exact.weights, strict=True):  # scales and biases off their start
        value = weight.numpy() + random.normal(0, 0.1, weight.shape)
        weight.assign(value)
        copy.assign(value.astype(np.float32))
    np.testing.assert_allclose(layer(tf.constant(x, tf.float32)), exact(tf.constant(x)), atol=1e-5)


@pytest.mark.parametrize("label_type", ["int32", "int64"])
def test_losses_of_each_token_agree(random, label_type):
    logits, labels = random.normal(size=(7, 33)) * 4, tf.constant(random.integers(0, 33, 7).astype(label_type))

    def losses(form, logits):
        return smoothed_cross_entropy(logits, labels, 0.1, form=form)

    expected = value_and_gradients(losses, "plain", [logits], tf.float32)
    assert_agree(value_and_gradients(losses, "fused", [logits], tf.float32), expected)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_recompute_runs_the_forward_pass_again(random, dtype):
    """In each type: the gradient's graph holds the convolutions of a second forward pass."""
    x = tf.constant(random.normal(size=(2, 9, 6)), tf.float32)

    def gradient_of(recompute):
        block = ConvBlock(6, (3, 3, 3, 3), (1, 1, 1, 2), recompute=recompute, dtype=dtype)
        block.build(x.shape)
        block.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in block.weights])

        @tf.function(autograph=False)
        def run(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.cast(block(x), tf.float32)
            return tape.gradient(y, x)

        concrete = run.get_concrete_function(x)
        functions = concrete.graph.as_graph_def(add_shapes=False).library.function
        convolutions = sum(node.op == "DepthwiseConv2dNative" for f in functions for node in f.node_def)
        return concrete(x), convolutions

    (kept, few), (recomputed, many) = gradient_of(False), gradient_of(True)
    np.testing.assert_allclose(recomputed, kept, atol=1e-5)
    assert many > few


def test_choices():
    assert choose("conv_block", kernel_sizes=(3, 3, 15, 15)) == "fused"
    assert choose("conv_block", kernel_sizes=(3, 1, 15, 15)) == "plain"
    assert choose("conv_step", "bfloat16", kernel_sizes=(3,)) == "plain"
    assert choose("layer_norm", tf.bfloat16) == "fused"
    assert choose("product", units=8) == "plain" and choose("product", units=2048) == "fused"
    assert choose("experts") == "fused" and choose("experts", capacity_factor=2.0) == "static"
    assert choose("experts", rows=8) == "looped" and choose("experts", rows=2048) == "fused"
    with pytest.raises(ValueError, match="'conv_setp' is unknown"):
        choose("conv_setp")


def test_a_type_that_changes_the_form_is_logged_once(caplog, random):
    choose_module._say_plain.cache_clear()
    block = ConvBlock(6, dtype="mixed_bfloat16")
    with caplog.at_level(logging.WARNING, logger="t2t_multimodel"):
        for _ in range(2):
            block(tf.constant(random.normal(size=(2, 9, 6)), tf.float32))
        ConvBlock(6)(tf.constant(random.normal(size=(2, 9, 6)), tf.float32))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("t2t_multimodel")]
    assert len(lines) == 1 and "conv_block in bfloat16" in lines[0]
