"""Checks encoded images and re-encodes those that TensorFlow cannot decode."""

from __future__ import annotations

import io
import os
import pathlib
import struct
import warnings
import zlib

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from t2t_multimodel import paths
from t2t_multimodel.errors import BadExampleError, DecodeError, InputLimitError

MAX_PIXELS = 1 << 26
_SMALL_PIXELS = 1 << 16
JPEG_QUALITY = 95
_TAIL = 4096
_TOO_LARGE = "image of more than 64 megapixels"
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "PPM", "TIFF")
_PASSED_MODES = {"JPEG": ("L", "RGB"), "PNG": ("1", "L", "P", "RGB")}
_DEEP_MODES = ("I", "F")
# TIFF tags: bits a value, what 0 means (0: white), the sample format (2: signed), and the range of the values.
_BITS_TAG, _PHOTOMETRIC_TAG, _FORMAT_TAG, _SIGNED, _RANGE_TAGS = 258, 262, 339, 2, (340, 341)
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


def normalise(data: bytes) -> tuple[bytes, str]:
    """Checks that an image decodes to its end, and re-encodes it if TensorFlow cannot read it.

    Grey and RGB JPEG and opaque PNG of 8 bits pass unchanged, whatever their name says. CMYK JPEG, transparent PNG (put
    on white) and other formats become RGB JPEG of quality 95. Grey images of more than 8 bits are scaled to 8 and
    become PNG. An image that its EXIF orientation turns is stored upright.

    Args:
        data: the bytes of the file.

    Returns:
        encoded bytes, and ``"jpeg"`` or ``"png"``.

    Raises:
        BadExampleError: the image is empty, truncated, damaged, too large, of an unknown format, or of numbers whose
            range is unknown.
    """
    if not data:
        raise BadExampleError("empty image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _normalise(data)
    except UnidentifiedImageError:
        raise BadExampleError("unknown image format") from None
    except Image.DecompressionBombError:
        raise BadExampleError(_TOO_LARGE) from None
    except _PILLOW_ERRORS as error:
        truncated = "truncated" in str(error).lower()
        raise BadExampleError("truncated image" if truncated else "damaged image") from None


def check_size(data: bytes, pixels: int, pixels_a_byte: float) -> None:
    """Holds an encoded image to limits by its header alone.

    Args:
        data: the bytes of the file.
        pixels: it has at most so many.
        pixels_a_byte: of an image of more than 65,536 pixels; more are the mark of a decompression bomb.

    Raises:
        InputLimitError: the image is larger.
        DecodeError: the header cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                width, height = image.size
    except Image.DecompressionBombError:
        raise InputLimitError(f"{_TOO_LARGE}; give one of at most {pixels:,} pixels") from None
    except _PILLOW_ERRORS:
        raise DecodeError("the bytes given are no image that can be read; give an intact JPEG or PNG file") from None
    count = width * height
    if count > pixels:
        raise InputLimitError(f"image of {width} x {height} pixels; give one of at most {pixels:,} pixels")
    if count > _SMALL_PIXELS and count > pixels_a_byte * len(data):
        raise InputLimitError(
            f"image of {width} x {height} pixels in {len(data):,} bytes, as decompression bombs have; make it smaller"
        )


def read_image(value: str | os.PathLike | bytes | Image.Image | np.ndarray) -> bytes:
    """The checked, encoded image of what a person gives.

    Args:
        value: a path, encoded bytes, a PIL image, or pixels uint8 `[height, width]` or `[height, width, 3]`.

    Raises:
        DecodeError: it cannot be read as an image.
    """
    name = "the image given"
    if isinstance(value, Image.Image):
        value = _encode_given(value)
    elif isinstance(value, np.ndarray):
        if value.dtype != np.uint8 or value.ndim not in (2, 3) or (value.ndim == 3 and value.shape[2] != 3):
            raise DecodeError(f"pixels are {value.dtype} {list(value.shape)}; give uint8 [height, width, 3]")
        value = encode_png(value)
    elif isinstance(value, str | os.PathLike):
        name = paths.resolve(str(value).strip())
        try:
            value = pathlib.Path(name).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DecodeError(f"{name}: {reason}; give the path of an image") from None
    elif not isinstance(value, bytes):
        raise DecodeError(f"an image of type {type(value).__name__}; give a path, bytes, a PIL image or uint8 pixels")
    try:
        return normalise(value)[0]
    except BadExampleError as error:
        raise DecodeError(f"{name}: {error}; give an intact JPEG or PNG file") from None


def _encode_given(image: Image.Image) -> bytes:
    """PNG of a PIL image."""
    buffer = io.BytesIO()
    try:
        image.load()  # TIFF turns itself upright here
        _on_white(_in_eight_bits(_upright(image))).save(buffer, "PNG")
    except BadExampleError as error:
        raise DecodeError(f"the image given: {error}; give one of 8 bits") from None
    except _PILLOW_ERRORS as error:
        raise DecodeError(f"the image given cannot be read ({error}); give an intact image") from None
    return buffer.getvalue()


def encode_png(pixels: np.ndarray) -> bytes:
    """Lossless PNG of a uint8 array, `[height, width]` grey or `[height, width, 3]`."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _normalise(data: bytes) -> tuple[bytes, str]:
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise BadExampleError(_TOO_LARGE)
    form = "JPEG" if image.format == "MPO" else image.format
    passes = image.mode in _PASSED_MODES.get(form, ()) and "transparency" not in image.info and _is_complete(data)
    if form == "JPEG":
        passes = passes and not _is_turned(image)
    if passes and form == "JPEG":
        # Decodes to an eighth of the size: all data is read, most of the arithmetic saved.
        image.draft(image.mode, (1, 1))
    _load_strictly(image)
    if passes and (form == "JPEG" or not _is_turned(image)):
        return data, form.lower()
    buffer = io.BytesIO()
    if image.mode.startswith(_DEEP_MODES):
        _upright(_in_eight_bits(image)).save(buffer, "PNG")
        return buffer.getvalue(), "png"
    image = _upright(image)
    _on_white(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue(), "jpeg"


def _is_turned(image: Image.Image) -> bool:
    """Whether EXIF says that the image is stored turned or mirrored; damaged EXIF says nothing."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except _PILLOW_ERRORS:
        return False


def _upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation shows it."""
    if not _is_turned(image):
        return image
    return image.transpose(_TRANSPOSED[image.getexif()[ExifTags.Base.Orientation]])


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of 16 bits scaled to 8 by their high byte, as libpng does; other images as they are.

    Raises:
        BadExampleError: floating-point or 32-bit values, of which nobody knows what is black and what is white.
    """
    if not image.mode.startswith(_DEEP_MODES):
        return image
    tags = getattr(image, "tag_v2", {})
    low, high = (_number(tags.get(tag)) for tag in _RANGE_TAGS)
    pixels = np.asarray(image).astype(np.float32)  # [height, width]
    if low is None or high is None or high <= low:
        if image.mode == "F":
            raise BadExampleError("image of floating-point values whose range is unknown")
        bits = _number(tags.get(_BITS_TAG)) or 16
        if bits > 16 or pixels.min() < 0 or pixels.max() >= 1 << 16 or _number(tags.get(_FORMAT_TAG)) == _SIGNED:
            raise BadExampleError("image of integers whose range is unknown")
        low, high = 0, 1 << int(bits)
    else:
        high += (high - low) / 255
    scaled = np.clip(np.floor((pixels - low) * (256 / (high - low))), 0, 255).astype(np.uint8)
    eight = Image.fromarray(255 - scaled if _number(tags.get(_PHOTOMETRIC_TAG)) == 0 else scaled)
    eight.info = {name: value for name, value in image.info.items() if name == "exif"}
    return eight


def _number(value: object) -> float | None:
    """The number in a TIFF tag, or the first of several."""
    value = value[0] if isinstance(value, tuple) and value else value
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _is_complete(data: bytes) -> bool:
    """Whether the file has what TensorFlow insists on and Pillow does not: an end mark, and checksums in PNG."""
    if data.startswith(b"\xff\xd8"):
        return data.find(b"\xff\xd9", max(0, len(data) - _TAIL)) >= 0
    offset = 8
    while offset + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + 8 + size
        if end + 4 > len(data) or zlib.crc32(data[offset + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return False
        if kind == b"IEND":
            return True
        offset = end + 4
    return False


def _load_strictly(image: Image.Image) -> None:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise BadExampleError("Pillow is set to load truncated images; unset ImageFile.LOAD_TRUNCATED_IMAGES")
    image.load()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
