import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.model import MultiModel
from t2t_multimodel.training.cost import flops

TEXT, IMAGE, SOUND, CLASSES = SymbolSpec(), ImageSpec(), AudioSpec(), ClassLabelSpec(5)
VOCAB = 300


def make_model(tiny_hparams, form, num_experts=0, attention="full", specs=(TEXT, IMAGE, SOUND, CLASSES)):
    # Deep enough that products outweigh what is element-wise, which the profiler counts and we do not.
    hparams = tiny_hparams.override(
        body__form=form,
        body__attention=attention,
        body__depth=96,
        body__feed_forward=128,
        mixture__num_experts=num_experts,
    )
    return MultiModel(hparams, vocab_size=VOCAB, specs=specs)


@pytest.fixture(scope="module", params=["paper", "plus"])
def model(tiny_hparams, request):
    return make_model(tiny_hparams, request.param)


CASES = {
    "text": (TEXT, TEXT, [3, 16], 16),
    "caption": (IMAGE, TEXT, [3, 32, 32, 3], 1),
    "speech": (SOUND, TEXT, [3, 32, 8], 32),
    "class": (IMAGE, CLASSES, [3, 32, 32, 3], 1),
}


@pytest.mark.parametrize("case", CASES)
def test_the_count_agrees_with_tensorflows_profiler(model, case):
    assert_counted_as_profiled(model, case)


@pytest.mark.parametrize("form", ["paper", "plus"])
def test_the_count_of_uniform_attention_agrees_with_tensorflows_profiler(tiny_hparams, form):
    assert_counted_as_profiled(make_model(tiny_hparams, form, attention="uniform", specs=[TEXT]), "text")


def assert_counted_as_profiled(model, case):
    inputs, targets, shape, source = CASES[case]
    signature = {
        "inputs": tf.TensorSpec(shape, tf.int32 if inputs is TEXT else tf.float32),
        "targets": tf.TensorSpec([3] if targets is CLASSES else [3, 20], tf.int32),
    }
    if inputs is SOUND:
        signature["input_length"] = tf.TensorSpec([3], tf.int32)
    forward = tf.function(lambda x: model(x, inputs=inputs, targets=targets, command=tf.constant(0)), autograph=False)
    expected = flops.profiled_flops(forward.get_concrete_function(signature))
    found = flops.forward_flops(model, inputs, targets, [source] * 3, [20] * 3)
    # The profiler also counts what is done to small kernels, as centring them for the normalization.
    assert sum(found.values()) == pytest.approx(expected, rel=0.06)


def test_only_real_positions_count(model):
    rows = [(5, 7), (12, 3), (1, 20)]
    alone = [sum(flops.forward_flops(model, TEXT, TEXT, [s], [t]).values()) for s, t in rows]
    together = flops.forward_flops(model, TEXT, TEXT, *np.array(rows).T)
    assert sum(together.values()) == sum(alone)


def test_a_mixture_counts_the_experts_that_a_token_reaches(tiny_hparams):
    counts = flops.forward_flops(make_model(tiny_hparams, "paper", num_experts=3), TEXT, TEXT, [10], [4])
    per_token = 2 * (2 * 96 * 16 + 2 * 16 * 96) + 4 * 96 * 3  # k = 2 experts of width 16, a gate over 3
    assert counts["encoder mixture"] == 10 * per_token and counts["decoder mixture"] == 4 * per_token
