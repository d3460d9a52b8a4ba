"""Pictures as people have them: more than 8 bits, floating-point values, turned by a phone."""

import io

import numpy as np
import pytest
from PIL import Image

from t2t_multimodel.errors import BadExampleError, DecodeError
from t2t_multimodel.problems.readers import image as image_io

FLOATS = "image of floating-point values whose range is unknown"


def pixels(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB")).astype(int)


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def test_caption_tsv(cases, read):
    folder = cases / "pictures"
    examples, warnings, dropped = read("caption_tsv", folder, dev_percent=0)
    found = {example["targets"].removeprefix("a picture "): pixels(example["inputs"]) for example in examples}
    assert set(found) == {"grey8.png", "grey16.png", "grey16.tif", "grey16.pgm", "upright.jpg", "phone.jpg"}
    for name in ("grey16.png", "grey16.tif", "grey16.pgm"):
        np.testing.assert_array_equal(found[name], found["grey8.png"])
    assert found["phone.jpg"].shape == found["upright.jpg"].shape == (40, 80, 3)
    assert np.abs(found["phone.jpg"] - found["upright.jpg"]).mean() < 3
    assert dropped == {FLOATS: 1}
    assert warnings == [f"{folder}/train.tsv: line 5: {folder}/float.tif: {FLOATS}; example dropped"]


def test_decoding(cases):
    with pytest.raises(DecodeError, match=r"float\.tif: image of floating-point values"):
        image_io.read_image(cases / "pictures/float.tif")
    with Image.open(cases / "pictures/float.tif") as image, pytest.raises(DecodeError, match="the image given: "):
        image_io.read_image(image)
    grey = pixels(image_io.read_image(cases / "pictures/grey8.png"))
    for name in ("grey16.png", "grey16.tif", "grey16.pgm"):
        with Image.open(cases / f"pictures/{name}") as image:
            np.testing.assert_array_equal(pixels(image_io.read_image(image)), grey)
    with Image.open(cases / "pictures/phone.jpg") as image:
        assert pixels(image_io.read_image(image)).shape == (40, 80, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(form, orientation):
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # Pillow's transposes that undo it
    upright = np.full((48, 96, 3), 255, np.uint8)
    upright[:16], upright[:, :16] = (255, 0, 0), (0, 0, 255)
    image = Image.fromarray(upright)
    exif = Image.Exif()
    exif[274] = orientation
    stored = image if back is None else image.transpose(Image.Transpose(back))
    found = pixels(image_io.normalise(saved(stored, form, exif=exif))[0])
    assert found.shape == upright.shape
    assert np.abs(found - upright).mean() < 6


def test_damaged_exif_costs_nothing():
    data = saved(Image.new("RGB", (16, 16)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert image_io.normalise(data) == (data, "jpeg")


def test_turned_16_bits():
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    exif = Image.Exif()
    exif[274] = 6
    data = saved(Image.fromarray(ramp.T[::-1].copy()), "PNG", exif=exif)
    np.testing.assert_array_equal(pixels(image_io.normalise(data)[0])[..., 0], ramp >> 8)


def test_known_range_of_floats_is_used():
    ramp = np.tile(np.linspace(-1, 1, 256).astype(np.float32), (4, 1))
    data = saved(Image.fromarray(ramp), "TIFF", tiffinfo={340: -1.0, 341: 1.0})
    found = pixels(image_io.normalise(data)[0])[0, :, 0]
    assert np.abs(found - np.arange(256)).max() <= 1


def test_integers_of_unknown_range_are_dropped():
    values = np.tile(np.arange(256, dtype=np.int32) * 70000, (4, 1))
    with pytest.raises(BadExampleError, match="integers whose range is unknown"):
        image_io.normalise(saved(Image.fromarray(values), "TIFF"))
