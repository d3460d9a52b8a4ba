"""What holds for every modality net, and for the whole model as a Keras model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.errors import UnknownNameError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.modalities.audio.net import AudioModality
from t2t_multimodel.modalities.class_label.net import ClassLabelModality
from t2t_multimodel.modalities.image.net import ImageModality
from t2t_multimodel.modalities.text.net import SymbolModality
from t2t_multimodel.model import MultiModel
from tests.layer_case import check_layer


def test_image_net(random):
    check_layer(ImageModality(8, filters=(4, 6, 6)), random.uniform(0, 255, (2, 32, 48, 3)).astype(np.float32))


@pytest.mark.parametrize("frequency", ["flatten", "merge"])
def test_audio_net(random, frequency):
    net = AudioModality(8, bands=4, blocks=2, strided_blocks=2, filters=2, frequency=frequency)
    x = random.normal(size=(2, 8, 4, 1)).astype(np.float32)
    check_layer(net, x, mask=tf.constant(np.arange(8)[None] < np.array([[8], [5]])))


@pytest.mark.parametrize("masked", [False, True])
def test_class_label_net(random, masked):
    x = random.normal(size=(2, 6, 4, 8)).astype(np.float32)
    mask = tf.constant(np.arange(6)[None] < np.array([[6], [3]])) if masked else None
    check_layer(ClassLabelModality(5, 8, widths=(1.0, 1.0, 1.5, 2.0)), x, mask=mask)


def test_symbol_net(random):
    net = SymbolModality(20, 8, tied_softmax=True)
    net.build((None, None))
    ids = tf.constant(random.integers(0, 20, (2, 5)), tf.int32)
    embedded = net(ids)
    assert embedded.shape == net.compute_output_shape((2, 5)) == (2, 5, 8)
    np.testing.assert_array_equal(embedded[ids == 0], 0)
    copy = SymbolModality.from_config(net.get_config())
    copy.build((None, None))
    copy.set_weights(net.get_weights())
    np.testing.assert_array_equal(copy(ids), embedded)
    assert net.logits(embedded[0]).shape == (5, 20)


SPECS = [SymbolSpec(), ImageSpec(32), AudioSpec(8000), ClassLabelSpec(5, "colours")]


@pytest.mark.parametrize("form", ["paper", "plus"])
def test_a_keras_file_gives_the_same_model(tiny_hparams, form, tmp_path, capsys):
    hparams = tiny_hparams.override(body__form=form, body__feed_forward=24)
    model = MultiModel(hparams, vocab_size=40, specs=SPECS)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.hparams == hparams and again.specs == model.specs
    features = {"inputs": tf.constant([[5, 7, 1]]), "targets": tf.constant([[9, 8, 7, 1]])}
    text = SPECS[0]
    np.testing.assert_array_equal(
        again(features, inputs=text, targets=text), model(features, inputs=text, targets=text)
    )
    assert list(again.named_variables()) == list(model.named_variables())
    again.summary()
    assert "class_label_colours" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["paper", "plus"])
def test_the_model_is_random_in_training_alone(tiny_hparams, form):
    hparams = tiny_hparams.override("dropout=0.3", body__form=form, body__feed_forward=24)
    model, text = MultiModel(hparams, vocab_size=40, specs=SPECS), SPECS[0]
    features = {"inputs": tf.constant([[5, 7, 1]]), "targets": tf.constant([[9, 8, 7, 1]])}

    def logits(**call):
        return model(features, inputs=text, targets=text, **call).numpy()

    plain, seeded = logits(), logits(training=True, seed=tf.constant([1, 2]))
    np.testing.assert_array_equal(logits(seed=tf.constant([1, 2])), plain)
    assert not np.allclose(seeded, plain, atol=1e-3)
    np.testing.assert_array_equal(logits(training=True, seed=tf.constant([1, 2])), seeded)
    assert not np.allclose(logits(training=True, seed=tf.constant([3, 2])), seeded, atol=1e-3)
    assert not np.allclose(logits(training=True), logits(training=True), atol=1e-3)  # seeds of the layers' own


def test_the_model_follows_the_dtype_policy(tiny_hparams):
    features = {"inputs": tf.constant([[5, 7, 1]]), "targets": tf.constant([[9, 8, 7, 1]])}
    model, text = MultiModel(tiny_hparams, vocab_size=40, specs=SPECS), SPECS[0]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = MultiModel(tiny_hparams, vocab_size=40, specs=SPECS)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(model.get_weights())
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    expected = model(features, inputs=text, targets=text).numpy()
    found = tf.cast(mixed(features, inputs=text, targets=text), tf.float32).numpy()
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean() + 1e-3
    assert mixed(features, inputs=text, targets=text).dtype == tf.bfloat16


def test_specs_survive_their_config():
    for spec in SPECS:
        assert registry.spec_from_config(spec.get_config()) == spec
    with pytest.raises(UnknownNameError, match="did you mean image"):
        registry.spec_from_config({"modality": "imag"})
