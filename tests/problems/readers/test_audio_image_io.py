"""Tests of the audio and image readers on single files."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from t2t_multimodel.errors import BadExampleError, DecodeError
from t2t_multimodel.problems.readers import audio as audio_io
from t2t_multimodel.problems.readers import image as image_io

RATE = 16000


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def sound_bytes(samples: np.ndarray, rate: int, form: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form)
    return buffer.getvalue()


def picture_bytes(image: Image.Image, form: str, **kwargs) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **kwargs)
    return buffer.getvalue()


def gradient(mode: str = "RGB", size: int = 32) -> Image.Image:
    grey = np.linspace(0, 255, size * size).reshape(size, size).astype(np.uint8)
    return Image.fromarray(grey).convert(mode)


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_decodes_losslessly(form):
    samples = audio_io.decode(sound_bytes(tone(RATE), RATE, form), RATE)
    assert samples.dtype == np.float32 and samples.ndim == 1
    np.testing.assert_allclose(samples, tone(RATE), atol=1 / 32767)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resamples(rate):
    samples = audio_io.decode(sound_bytes(tone(rate), rate, "WAV"), RATE)
    assert abs(len(samples) - RATE // 2) <= 1
    np.testing.assert_allclose(samples[200:-200], tone(RATE)[200 : len(samples) - 200], atol=2e-3)


def test_channels_are_averaged():
    stereo = np.stack([tone(RATE), np.zeros(RATE // 2, np.float32)], axis=1)
    np.testing.assert_allclose(audio_io.decode(sound_bytes(stereo, RATE, "WAV"), RATE), tone(RATE) / 2, atol=1e-4)


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_truncated_sound(form):
    data = sound_bytes(tone(RATE), RATE, form)
    with pytest.raises(BadExampleError, match="truncated"):
        audio_io.decode(data[: len(data) * 3 // 5], RATE)


@pytest.mark.parametrize("data", [b"", b"#EXTM3U\nhttp://example.org/x.wav\n", bytes(5000)])
def test_no_sound(data):
    with pytest.raises(BadExampleError):
        audio_io.decode(data, RATE)


def test_sound_of_absurd_rate_is_refused():
    with pytest.raises(BadExampleError, match="rate"):
        audio_io.resample(np.zeros(100, np.float32), 1, RATE)


@pytest.mark.parametrize("reader", [image_io.read_image, lambda path: audio_io.read_audio(path, RATE)])
def test_unreadable_path_is_a_one_line_decode_error(reader, tmp_path):
    (tmp_path / "text").write_bytes(b"neither sound nor picture")
    for path in (tmp_path / "none", tmp_path, tmp_path / "text", "nul\0byte"):
        with pytest.raises(DecodeError) as error:
            reader(path)
        assert "\n" not in str(error.value) and "; give" in str(error.value)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_good_pictures_pass_unchanged(mode, form):
    data = picture_bytes(gradient(mode), form)
    assert image_io.normalise(data) == (data, form.lower())


@pytest.mark.parametrize("form", ["BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_other_formats_become_jpeg(form):
    data, name = image_io.normalise(picture_bytes(gradient(), form))
    image = Image.open(io.BytesIO(data))
    assert (name, image.format, image.mode, image.size) == ("jpeg", "JPEG", "RGB", (32, 32))
    assert np.abs(np.asarray(image, int) - np.asarray(gradient(), int)).mean() < 4


def test_transparency_is_put_on_white():
    data, _ = image_io.normalise(picture_bytes(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"))
    assert np.asarray(Image.open(io.BytesIO(data))).min() > 250


@pytest.mark.parametrize("progressive", [False, True])
def test_truncated_jpeg(progressive):
    data = picture_bytes(gradient(size=200), "JPEG", progressive=progressive)
    with pytest.raises(BadExampleError, match="truncated image"):
        image_io.normalise(data[: len(data) * 3 // 5])


def test_png_with_wrong_checksum_is_not_passed_on():
    data = bytearray(picture_bytes(gradient(), "PNG"))
    data[-3] ^= 1  # in the checksum of the end mark, which Pillow does not look at
    assert image_io.normalise(bytes(data))[1] == "jpeg"


def test_decompression_bomb():
    data = picture_bytes(Image.new("1", (20000, 20000)), "PNG")
    with pytest.raises(BadExampleError, match="megapixels"):
        image_io.normalise(data)


def test_pictures_that_are_wrong_on_purpose(corpora_dir):
    folder = corpora_dir / "bad/images"

    def read(name):
        return (folder / name).read_bytes()

    assert image_io.normalise(read("png_named.JPEG")) == (read("png_named.JPEG"), "png")
    assert image_io.normalise(read("one_pixel.JPEG")) == (read("one_pixel.JPEG"), "jpeg")
    data, form = image_io.normalise(read("cmyk.JPEG"))
    assert form == "jpeg" and Image.open(io.BytesIO(data)).mode == "RGB"
    original = np.asarray(Image.open(folder / "cmyk.JPEG").convert("RGB"), int)
    assert np.abs(np.asarray(Image.open(io.BytesIO(data)), int) - original).mean() < 4
    for name, reason in (("truncated.JPEG", "truncated image"), ("empty.JPEG", "empty image")):
        with pytest.raises(BadExampleError, match=reason):
            image_io.normalise(read(name))
