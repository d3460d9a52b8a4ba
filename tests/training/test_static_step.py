"""The train step that XLA compiles equals the free one: loss, gradients, and weights after three steps."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel import observe
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.step import make_train_step

VOCAB, ROWS, TIME = 23, 3, 8
INPUTS = {"text": SymbolSpec(), "image": ImageSpec(), "audio": AudioSpec()}
TARGETS = {"text": SymbolSpec(), "class": ClassLabelSpec(num_classes=5)}
SMALL = (
    "body.depth=16,body.num_heads=1,body.encoder_blocks=1,body.decoder_blocks=1,body.mixer_blocks=1,"
    "body.kernel_sizes=3:3:3:3,body.dilations=1:1:1:2,body.attention_conv_blocks=0,body.feed_forward=16,"
    "body.feed_forward_kernel=3,modalities.image_entry_filters=4:4,modalities.image_size=16,modalities.audio_blocks=1,"
    "modalities.audio_strided_blocks=1,mixture.hidden=8,optimizer.schedule=constant,optimizer.warmup_steps=0,"
    # Adam would divide rounding errors of gradients near zero by their own size.
    "optimizer.learning_rate=0.001,optimizer.epsilon=0.001,regularization.dropout=0.2"
)


def problem_of(inputs, targets):
    class Pair(Problem):
        name, command = "pair", "to_pair"

    Pair.inputs, Pair.targets = INPUTS[inputs], TARGETS[targets]
    return Pair()


def ids(rng):
    """Rows of different lengths, padded with 0."""
    lengths = np.array([[TIME], [5], [3]])
    return np.where(np.arange(TIME) < lengths, rng.integers(2, VOCAB, (ROWS, TIME)), 0).astype(np.int32)


def batch_of(inputs, targets, rng):
    features = {"targets": ids(rng) if targets == "text" else rng.integers(0, 5, ROWS).astype(np.int32)}
    if inputs == "text":
        return {**features, "inputs": ids(rng)}
    if inputs == "image":
        return {**features, "inputs": rng.uniform(0, 255, (ROWS, 16, 16, 3)).astype(np.float32)}
    lengths = np.array([TIME, 5, 3], np.int32)
    frames = rng.normal(size=(ROWS, TIME, 8)) * (np.arange(TIME)[None, :, None] < lengths[:, None, None])
    return {**features, "inputs": frames.astype(np.float32), "input_length": lengths}


def with_filler_row(batch, padding):
    """One row more, which is padding alone."""
    filled = {
        name: np.pad(
            value,
            [(0, 1), *[(0, 0)] * (value.ndim - 1)],
            constant_values=padding if name == "targets" else 0,
        )
        for name, value in batch.items()
    }
    return {**filled, "row_mask": np.arange(ROWS + 1) < ROWS}


def three_steps(hparams, inputs, targets, jit_compile=True):
    """The results of each step, and the weights at the end; a static step may run without XLA as well."""
    tf.keras.utils.set_random_seed(3)
    problem = problem_of(inputs, targets)
    model = MultiModel(hparams, vocab_size=VOCAB, specs=[problem.inputs, problem.targets])
    for number, variable in enumerate(model.trainable_variables):  # gates start at zero
        noise = np.random.default_rng(number).normal(0, 0.05, variable.shape)
        variable.assign(variable.value + noise.astype(np.float32))
    optimizer = make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
    strategy = tf.distribute.get_strategy()
    step = make_train_step(model, optimizer, strategy, Task(problem, 0), seed=1, train_steps=10)
    if not jit_compile:
        step.function = tf.function(step.function.python_function, autograph=False)
    rng, results = np.random.default_rng(0), []
    for number in range(3):
        batch = batch_of(inputs, targets, rng)
        if hparams.compute.compile == "xla":
            batch = with_filler_row(batch, problem.targets.padding)
        batch = {name: tf.constant(value) for name, value in batch.items()}
        found = step(batch, tf.constant(0), tf.constant(1.0), tf.constant(number, tf.int64))
        results.append({name: value.numpy() for name, value in found.items()})
    return results, {name: value.numpy() for name, value in model.named_variables().items()}


def assert_equal_steps(hparams, inputs="text", targets="text", jit_compile=True):
    free, free_weights = three_steps(hparams, inputs, targets)
    static, static_weights = three_steps(hparams.override("compute.compile=xla"), inputs, targets, jit_compile)
    assert free[0]["mixture_loss"] > 0
    for one, other in zip(free, static, strict=True):
        for name, value in one.items():
            # Normalizations enlarge the rounding of single gradients.
            rtol = 1e-4 if name == "gradient_norm" else 1e-5
            np.testing.assert_allclose(other[name], value, atol=1e-5, rtol=rtol, err_msg=name)
    for name, value in free_weights.items():
        np.testing.assert_allclose(static_weights[name], value, atol=1e-5, err_msg=name)
    return static


FORMS = {"paper": "body.form=paper,optimizer.name=adam", "plus": "body.form=plus,optimizer.name=muon"}


PAIRS = [(i, t) for i in INPUTS for t in TARGETS if (i, t) != ("text", "text")]


@pytest.mark.slow
def test_a_compiled_step_of_text_equals_the_free_one(tiny_hparams):
    """With dropout, gate noise, padding in rows, and a row of padding; no token is dropped."""
    small = "body.mixer_blocks=0,body.depth=8,optimizer.muon_steps=1"
    assert_equal_steps(tiny_hparams.override(f"{SMALL},{FORMS['plus']},{small}"))


def test_a_static_step_of_the_paper_equals_the_free_one(tiny_hparams):
    """Without XLA, which takes minutes for the many small parts of this body."""
    assert_equal_steps(tiny_hparams.override(f"{SMALL},{FORMS['paper']}"), jit_compile=False)


@pytest.mark.slow
def test_a_static_step_without_what_the_paper_takes_away_equals_the_free_one(tiny_hparams):
    """Uniform attention and convolutions of one tap; XLA compiles the attention in the other body's step."""
    without = f"{SMALL},body.attention=uniform,body.kernel_sizes=1:1:1:1,body.dilations=1:1:1:1"
    assert_equal_steps(tiny_hparams.override(f"{without},{FORMS['paper']}"), jit_compile=False)
    small = "body.mixer_blocks=0,body.depth=8,optimizer.muon_steps=1,body.feed_forward_kernel=1"
    assert_equal_steps(tiny_hparams.override(f"{without},{FORMS['plus']},{small}"))


@pytest.mark.slow
def test_a_compiled_step_of_the_paper_equals_the_free_one(tiny_hparams):
    assert_equal_steps(tiny_hparams.override(f"{SMALL},{FORMS['paper']}"))


@pytest.mark.slow
@pytest.mark.parametrize(("inputs", "targets"), PAIRS)
def test_compiled_steps_of_all_pairs_equal_the_free_ones(tiny_hparams, inputs, targets):
    """By Adam: Muon turns rounding of the audio net's 2 x 2 kernels into steps of full size."""
    assert_equal_steps(tiny_hparams.override(f"{SMALL},{FORMS['plus']},optimizer.name=adam"), inputs, targets)


@pytest.mark.slow
@pytest.mark.parametrize(("inputs", "targets"), PAIRS)
def test_static_steps_of_all_pairs_of_the_paper_equal_the_free_ones(tiny_hparams, inputs, targets):
    assert_equal_steps(tiny_hparams.override(f"{SMALL},{FORMS['paper']}"), inputs, targets, jit_compile=False)


@pytest.mark.slow
def test_a_capacity_that_holds_all_drops_nothing(tiny_hparams):
    hparams = tiny_hparams.override(f"{SMALL},{FORMS['plus']},mixture.capacity_factor=3")
    static = assert_equal_steps(hparams)
    assert all(result["dropped_slots"] == 0 < result["slots"] for result in static)


def test_dropped_slots_are_counted():
    mixture = MixtureOfExperts(num_experts=3, hidden=8, k=2, capacity_factor=0.3)
    with observe.observing() as seen:
        mixture(tf.random.stateless_normal([2, 8, 4], [1, 2]), mask=tf.sequence_mask([8, 5], 8))
    counts = {path.rsplit("/", 1)[1]: int(value) for path, value in seen.items() if path.endswith("slots")}
    assert counts["slots"] == 2 * (8 + 5)
    # Without noise each token takes the first two experts, of which each has room for ceil(0.3 * 16 * 2 / 3) tokens.
    assert counts["dropped_slots"] == 2 * (13 - 4)


def test_several_devices_are_refused(tiny_hparams):
    class TwoReplicas:
        num_replicas_in_sync = 2

    hparams = tiny_hparams.override(f"{SMALL},compute.compile=xla")
    problem = problem_of("text", "text")
    model = MultiModel(hparams, vocab_size=VOCAB, specs=[problem.inputs])
    with pytest.raises(HParamsError, match=r"compute\.compile=xla does not work with 2 devices"):
        make_train_step(model, None, TwoReplicas(), Task(problem, 0), seed=1, train_steps=1)
