"""Invariants of the whole model: causality, independence of padding, shared nets."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.model import MultiModel

TEXT, IMAGE, SOUND, CLASSES = SymbolSpec(), ImageSpec(), AudioSpec(), ClassLabelSpec(5)
VOCAB = 40


@pytest.fixture(scope="module", params=["paper", "plus"])
def model(tiny_hparams, request):
    tf.keras.utils.set_random_seed(1)
    hparams = tiny_hparams.override(body__form=request.param, body__feed_forward=24)
    model = MultiModel(hparams, vocab_size=VOCAB, specs=[TEXT, IMAGE, SOUND, CLASSES])
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:  # gates, scales and biases off their symmetric start
        variable.assign(variable.value + rng.normal(0, 0.1, variable.shape).astype(np.float32))
    return model


def ids(shape, seed=0):
    return np.random.default_rng(seed).integers(2, VOCAB, shape).astype(np.int32)


def logits(model, features, spec, targets=TEXT):
    features = {name: tf.constant(value) for name, value in features.items()}
    return model(features, inputs=spec, targets=targets, command=tf.constant(1)).numpy()


def sound(batch, frames, seed=0):
    values = np.random.default_rng(seed).normal(size=(batch, frames, 8)).astype(np.float32)
    return {"inputs": values, "input_length": np.full([batch], frames, np.int32)}


def inputs_of(spec):
    if spec is TEXT:
        return {"inputs": ids((2, 9))}
    if spec is IMAGE:
        return {"inputs": np.random.default_rng(3).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)}
    return sound(2, 24)


@pytest.mark.parametrize("spec", [TEXT, IMAGE, SOUND], ids=["text", "image", "sound"])
def test_no_output_sees_its_own_or_a_later_target(model, spec):
    targets = ids((2, 12), seed=5)
    features = {**inputs_of(spec), "targets": targets}
    before = logits(model, features, spec)
    for position in (0, 3, 7):
        changed = targets.copy()
        changed[:, position:] = ids((2, 12 - position), seed=9)
        after = logits(model, {**features, "targets": changed}, spec)
        np.testing.assert_allclose(after[:, : position + 1], before[:, : position + 1], atol=2e-5)
        assert not np.allclose(after[:, position + 1 :], before[:, position + 1 :], atol=1e-3)


def test_padding_of_text_changes_nothing(model):
    source, targets = ids((2, 9)), ids((2, 6), seed=2)
    plain = logits(model, {"inputs": source, "targets": targets}, TEXT)
    padded = logits(
        model, {"inputs": np.pad(source, [(0, 3), (0, 7)]), "targets": np.pad(targets, [(0, 3), (0, 5)])}, TEXT
    )
    np.testing.assert_allclose(padded[:2, :6], plain, atol=2e-5)


def test_padding_of_sound_changes_nothing(model):
    features = {**sound(2, 20), "targets": ids((2, 6))}
    padded = {
        "inputs": np.pad(features["inputs"], [(0, 1), (0, 12), (0, 0)]),
        "input_length": np.array([20, 20, 0], np.int32),
        "targets": np.pad(features["targets"], [(0, 1), (0, 2)]),
    }
    np.testing.assert_allclose(logits(model, padded, SOUND)[:2, :6], logits(model, features, SOUND), atol=2e-5)


@pytest.mark.parametrize("extra", [1, 2, 7])
@pytest.mark.parametrize("spec", [TEXT, SOUND], ids=["text", "sound"])
def test_the_class_of_a_sequence_does_not_depend_on_padding(model, spec, extra):
    if spec is TEXT:
        alone, beside = {"inputs": ids((1, 9))}, {"inputs": np.pad(ids((1, 9)), [(0, 1), (0, extra)])}
        beside["inputs"][1] = ids((9 + extra,), seed=4)
    else:
        alone, frames = sound(1, 20), 20 + 4 * extra  # batches of audio have a multiple of the net's stride
        beside = {
            "inputs": np.concatenate(
                [np.pad(alone["inputs"], [(0, 0), (0, 4 * extra), (0, 0)]), sound(1, frames, 4)["inputs"]]
            )
        }
        beside["input_length"] = np.array([20, frames], np.int32)
    expected = logits(model, alone, spec, targets=CLASSES)
    np.testing.assert_allclose(logits(model, beside, spec, targets=CLASSES)[:1], expected, atol=2e-5)


def test_filler_rows_reach_no_expert(model):
    features = {"inputs": tf.constant(ids((3, 9)))}
    encoded = model.encode(TEXT, {**features, "row_mask": tf.constant([True, True, False])})
    assert float(tf.reduce_sum(encoded.load)) == pytest.approx(2 * 9 * 2)
    image = {"inputs": tf.constant(inputs_of(IMAGE)["inputs"])}
    whole, some = model.encode(IMAGE, image), model.encode(IMAGE, {**image, "row_mask": tf.constant([True, False])})
    assert float(tf.reduce_sum(some.load)) == pytest.approx(float(tf.reduce_sum(whole.load)) / 2)


def test_rows_do_not_depend_on_each_other(model):
    features = {"inputs": ids((3, 9)), "targets": ids((3, 7), seed=4)}
    together = logits(model, features, TEXT)
    alone = logits(model, {name: value[1:2] for name, value in features.items()}, TEXT)
    np.testing.assert_allclose(alone[0], together[1], atol=2e-5)


def test_commands_tell_the_targets_apart(model):
    features = {"inputs": tf.constant(ids((2, 9))), "targets": tf.constant(ids((2, 7)))}
    first = model(features, inputs=TEXT, targets=TEXT, command=tf.constant(0))
    second = model(features, inputs=TEXT, targets=TEXT, command=tf.constant(1))
    assert not np.allclose(first, second, atol=1e-3)


def test_problems_of_one_modality_share_one_net(tiny_hparams):
    once = MultiModel(tiny_hparams, vocab_size=VOCAB, specs=[TEXT, IMAGE])
    many = MultiModel(
        tiny_hparams, vocab_size=VOCAB, specs=[SymbolSpec(), ImageSpec(size=64), SymbolSpec(), ImageSpec(size=32)]
    )
    assert list(once.named_variables()) == list(many.named_variables())
    with_classes = MultiModel(tiny_hparams, vocab_size=VOCAB, specs=[TEXT, IMAGE, CLASSES, ClassLabelSpec(7)])
    assert {"class_label_5", "class_label_7"} <= set(with_classes.nets)


def test_the_mixture_balances_its_experts_in_training(model):
    encoded = model.encode(TEXT, {"inputs": tf.constant(ids((4, 9)))})
    assert encoded.load.shape == (3,)
    assert float(tf.reduce_sum(encoded.load)) == pytest.approx(4 * 9 * 2)  # k = 2
    assert float(encoded.loss) >= 0


def test_a_model_without_mixture_or_with_tied_tables_builds(tiny_hparams):
    hparams = tiny_hparams.override("mixture.num_experts=0,modalities.tied_softmax=true")
    model = MultiModel(hparams, vocab_size=VOCAB, specs=[TEXT])
    assert not [name for name in model.named_variables() if "mixture" in name or "softmax" in name]
    out = logits(model, {"inputs": ids((1, 5)), "targets": ids((1, 4))}, TEXT)
    assert np.isfinite(out).all()


def test_an_unknown_form_of_body_is_named(tiny_hparams):
    with pytest.raises(HParamsError, match="give paper or plus"):
        MultiModel(tiny_hparams.override(body__form="round"), vocab_size=VOCAB, specs=[TEXT])
