"""One step at a time equals the whole pass: both bodies, all inputs of text targets, beams, rows that ended."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.body.cache import reorder_flags
from t2t_multimodel.modalities import AudioSpec, ImageSpec, SymbolSpec
from t2t_multimodel.model import Encoded, MultiModel

TEXT, IMAGE, SOUND = SymbolSpec(), ImageSpec(), AudioSpec()
VOCAB, LENGTH = 40, 9
RANDOM = np.random.default_rng(7)
INPUTS = {
    "text": (TEXT, {"inputs": np.pad(RANDOM.integers(2, VOCAB, (3, 7)), [(0, 0), (0, 4)]).astype(np.int32)}),
    "image": (IMAGE, {"inputs": RANDOM.uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)}),
    "sound": (
        SOUND,
        {
            "inputs": RANDOM.normal(size=(3, 24, 8)).astype(np.float32),
            "input_length": np.array([24, 9, 17], np.int32),
        },
    ),
}
INPUTS["text"][1]["inputs"][1, 3:] = 0


@pytest.fixture(scope="module", params=["paper", "plus", "capped", "tied"])
def model(tiny_hparams, request):
    tf.keras.utils.set_random_seed(1)
    form = "plus" if request.param == "plus" else "paper"
    hparams = tiny_hparams.override(body__form=form, body__feed_forward=24)
    if request.param == "capped":
        hparams = hparams.override(mixture__capacity_factor=3.0)  # room for all in the whole pass
    if request.param == "tied":
        hparams = hparams.override(modalities__tied_softmax=True, mixture__num_experts=0, mixture__k=0)
    return disturbed(MultiModel(hparams, vocab_size=VOCAB, specs=[TEXT, IMAGE, SOUND]))


def disturbed(model):
    """Gates, scales and biases off their symmetric start."""
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(variable.value + rng.normal(0, 0.1, variable.shape).astype(np.float32))
    return model


def targets(rows):
    """Random ids; the second row ends after four of them."""
    ids = np.random.default_rng(3).integers(2, VOCAB, (rows, LENGTH)).astype(np.int32)
    ids[1, 3:] = [1] + [0] * (LENGTH - 4)
    return ids


def encode(model, name):
    spec, features = INPUTS[name]
    return model.encode(spec, {key: tf.constant(value) for key, value in features.items()})


def whole(model, encoded, ids, command=1):
    hidden, _, _ = model.decode(TEXT, encoded, tf.constant(ids), tf.constant(command))
    rows = TEXT.logits(model.nets[TEXT.key], tf.reshape(hidden, [-1, hidden.shape[-1]]))
    return tf.reshape(rows, [*ids.shape, -1]).numpy()


def stepwise(model, encoded, ids, beams=1, command=1, max_length=LENGTH + 3):
    step = tf.function(lambda ids, cache: model.step(TEXT, ids, cache, command), autograph=False)
    cache, before, found = model.init_cache(encoded, max_length, beams), np.zeros(len(ids), np.int32), []
    for position in range(ids.shape[1]):
        logits, cache = step(tf.constant(before), cache)
        found.append(logits.numpy())
        before = ids[:, position]
    return np.stack(found, 1)


@pytest.mark.parametrize("name", INPUTS)
def test_steps_equal_the_whole_pass(model, name):
    ids, encoded = targets(3), encode(model, name)
    real = ids != 0
    np.testing.assert_allclose(stepwise(model, encoded, ids)[real], whole(model, encoded, ids)[real], atol=1e-5)


ABLATIONS = {
    "uniform attention": "body.attention=uniform",
    "both of plus": "body.attention=uniform,body.feed_forward_kernel=1,body.form=plus,body.feed_forward=24",
    "kernels of one tap, no mixture": "body.kernel_sizes=1:1:1:1,body.dilations=1:1:1:1,mixture.num_experts=0",
}


@pytest.mark.parametrize("text", ABLATIONS.values(), ids=ABLATIONS)
def test_steps_of_ablations_equal_the_whole_pass(tiny_hparams, text):
    model = disturbed(MultiModel(tiny_hparams.override(text).check(), vocab_size=VOCAB, specs=[TEXT]))
    names = model.named_variables()
    assert ("uniform" in text) != any("query_kernel" in name or "key_kernel" in name for name in names)
    assert_beams_equal_the_whole_pass(model, encode(model, "text"))


def assert_beams_equal_the_whole_pass(model, encoded):
    """Two beams a row."""
    ids, positions = targets(6), encoded.positions
    twice = positions._replace(x=tf.repeat(positions.x, 2, 0), mask=tf.repeat(positions.mask, 2, 0))
    real = ids != 0
    found = stepwise(model, encoded, ids, beams=2)
    expected = whole(model, Encoded(twice, encoded.loss, encoded.load), ids)
    np.testing.assert_allclose(found[real], expected[real], atol=1e-5)


def test_beams_share_the_keys_of_their_source(model):
    encoded = encode(model, "text")
    assert_beams_equal_the_whole_pass(model, encoded)
    cache = model.init_cache(encoded, 5, beams=2)
    rows = tf.nest.map_structure(
        lambda leaf, moves: int(leaf.shape[0]) == (6 if moves else 3), cache, reorder_flags(cache)
    )
    assert all(tf.nest.flatten(rows))


def test_a_row_that_ended_does_not_touch_the_others(model):
    encoded, ids = encode(model, "text"), targets(3)
    other = ids.copy()
    other[1] = 5
    found = stepwise(model, encoded, ids)[[0, 2]]
    np.testing.assert_allclose(found, stepwise(model, encoded, other)[[0, 2]], atol=2e-6)


def test_rows_do_not_depend_on_each_other(model):
    spec, features = INPUTS["text"]
    alone = model.encode(spec, {"inputs": tf.constant(features["inputs"][2:])})
    ids = targets(3)
    together = stepwise(model, encode(model, "text"), ids)
    np.testing.assert_allclose(stepwise(model, alone, ids[2:])[0], together[2], atol=1e-5)


def test_the_command_comes_first(model):
    encoded, ids = encode(model, "text"), targets(3)
    first, second = (stepwise(model, encoded, ids[:, :1], command=command) for command in (0, 1))
    assert not np.allclose(first, second, atol=1e-3)
