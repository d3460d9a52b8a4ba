"""Checks encoded images and re-encodes those that TensorFlow cannot decode."""

from __future__ import annotations

import io
import os
import pathlib
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from t2t_multimodel import paths
from t2t_multimodel.errors import BadExampleError, DecodeError

MAX_PIXELS = 1 << 26
JPEG_QUALITY = 95
_TAIL = 4096
_TOO_LARGE = "image of more than 64 megapixels"
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "PPM", "TIFF")
_PASSED_MODES = {"JPEG": ("L", "RGB"), "PNG": ("1", "L", "P", "RGB", "I", "I;16")}
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

    Grey and RGB JPEG and opaque PNG pass unchanged, whatever their name says. CMYK JPEG, transparent PNG (put on
    white) and other formats become RGB JPEG of quality 95.

    Args:
        data: the bytes of the file.

    Returns:
        encoded bytes, and ``"jpeg"`` or ``"png"``.

    Raises:
        BadExampleError: the image is empty, truncated, damaged, too large or of an unknown format.
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


def read_image(value: str | os.PathLike | bytes | Image.Image | np.ndarray) -> bytes:
    """The checked, encoded image of what a person gives.

    Args:
        value: a path, encoded bytes, a PIL image, or pixels uint8 `[height, width]` or `[height, width, 3]`.

    Raises:
        DecodeError: it cannot be read as an image.
    """
    name = "the image given"
    if isinstance(value, Image.Image):
        buffer = io.BytesIO()
        _on_white(value).save(buffer, "PNG")
        value = buffer.getvalue()
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
    if passes and form == "JPEG":
        # Decodes to an eighth of the size: all data is read, most of the arithmetic saved.
        image.draft(image.mode, (1, 1))
    _load_strictly(image)
    if passes:
        return data, form.lower()
    buffer = io.BytesIO()
    _on_white(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue(), "jpeg"


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
