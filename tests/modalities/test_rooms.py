"""What the rooms of the modalities promise to data, model and decoding."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from t2t_multimodel import registry
from t2t_multimodel.errors import DecodeError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec


def test_a_head_belongs_to_its_label_set():
    fashion, cifar = (registry.problem(name).targets for name in ("image_fashion_mnist", "image_cifar10"))
    assert fashion.num_classes == cifar.num_classes and fashion.key != cifar.key
    folder, imagenet = (registry.problem(name).targets for name in ("image_folder", "image_imagenet"))
    assert folder.num_classes == imagenet.num_classes and folder.key != imagenet.key


def test_problems_may_say_that_they_share_labels():
    shared = ClassLabelSpec(10, labels="digits")
    assert shared.for_problem("a").key == shared.for_problem("b").key == "class_label_digits"
    own = ClassLabelSpec(10)
    assert own.for_problem("a").key != own.for_problem("b").key


def test_an_image_is_read_from_whatever_holds_one(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3)).astype(np.uint8)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    spec = ImageSpec()
    for value in (str(path), path, path.read_bytes(), Image.fromarray(pixels), pixels):
        with Image.open(io.BytesIO(spec.read(value))) as image:
            np.testing.assert_array_equal(np.asarray(image), pixels)
    for bad in ("missing.jpg", b"no image", pixels.astype(np.float32), pixels[..., :2], 7):
        with pytest.raises(DecodeError, match="give"):
            spec.read(bad)


def test_audio_is_read_from_whatever_holds_it(tmp_path):
    samples = np.sin(np.arange(1600) / 9).astype(np.float32) * 0.5
    path = tmp_path / "audio.wav"
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    spec = AudioSpec(16000)
    for value in (str(path), path, path.read_bytes(), (samples, 16000), (samples.astype(np.float64), 16000)):
        np.testing.assert_allclose(spec.read(value), samples, atol=1e-6)
    int16 = (samples * 32767).astype(np.int16)
    np.testing.assert_allclose(spec.read((int16, 16000)), samples, atol=1e-3)
    assert len(spec.read((samples, 8000))) == pytest.approx(3200, abs=64)
    for bad in ("missing.wav", b"no audio", samples, (samples[None], 16000), (samples, 0), (samples * np.nan, 16000)):
        with pytest.raises(DecodeError, match="give"):
            spec.read(bad)


def test_audio_that_is_cut_in_decoding_says_so(tiny_hparams):
    modalities = tiny_hparams.override("audio_max_seconds=2").modalities
    spec = AudioSpec(100)
    short, note = spec.shorten(np.zeros(200, np.float32), modalities)
    assert len(short) == 200 and note is None
    cut, note = spec.shorten(np.zeros(350, np.float32), modalities)
    assert len(cut) == 200 and "audio of 3.5 s" in note and "audio_max_seconds=2" in note


@pytest.mark.parametrize("value", ["", "  ", 3, None])
def test_text_that_is_none_is_named(value):
    with pytest.raises(DecodeError, match="give"):
        SymbolSpec().read(value)
