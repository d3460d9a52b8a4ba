"""A matrix as a coloured image."""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Sequence

import numpy as np

_PALETTE = np.array([[12, 8, 40], [90, 20, 110], [200, 55, 90], [250, 150, 60], [252, 250, 200]], np.float32)
_SIGNED = np.array([[178, 58, 38], [232, 150, 120], [243, 243, 243], [128, 172, 214], [38, 92, 158]], np.float32)
_LETTERS = 12  # their height in pixels


def colours(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The colours of values between `low` and `high`, dark to light: uint8 `[..., 3]`.

    Example:
        >>> colours(np.array([0.0, 1.0]), 0.0, 1.0).tolist()
        [[12, 8, 40], [252, 250, 200]]
    """
    return _mix((values - low) / max(high - low, 1e-9), _PALETTE)


def signed_colours(values: np.ndarray, most: float) -> np.ndarray:
    """The colours of values between `-most` and `most`, red over near white to blue: uint8 `[..., 3]`.

    Example:
        >>> signed_colours(np.array([-1.0, 0.0, 1.0]), 1.0).tolist()
        [[178, 58, 38], [243, 243, 243], [38, 92, 158]]
    """
    return _mix((values / max(most, 1e-9) + 1) / 2, _SIGNED)


def _mix(shares: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Colours between the first of a palette, for 0, and its last, for 1."""
    scaled = np.clip(shares, 0, 1) * (len(palette) - 1)
    channels = [np.interp(scaled, np.arange(len(palette)), palette[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def heat_map(values: np.ndarray, row_pixels: int = 3) -> bytes:
    """PNG of a matrix `[height, width]`, dark where low, light where high, each row `row_pixels` high."""
    from PIL import Image

    low, high = (np.percentile(values, share) for share in (1, 99)) if values.size else (0.0, 1.0)
    pixels = np.repeat(colours(values, low, high), row_pixels, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def named_heat_map(values: np.ndarray, rows: Sequence[str], columns: Sequence[str], cell: int = 18) -> np.ndarray:
    """A matrix with names on both sides as an image, uint8 `[height, width, 3]`; dark where 0, light where greatest.

    Args:
        values: `[rows, columns]`, at least 0.
        rows: names, left of them; Pillow's font has letters without accents alone.
        columns: names, above them and turned; every so many where cells are narrower than letters.
        cell: width and height of a cell in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_LETTERS)
    rows, columns = ([_plain_letters(name) for name in names] for names in (rows, columns))
    left, top = (max((math.ceil(font.getlength(name)) for name in names), default=0) + 8 for names in (rows, columns))
    fills = colours(values, 0.0, float(values.max(initial=0.0)))
    height, width = values.shape[0] * cell, values.shape[1] * cell
    picture = Image.new("RGB", (left + width, top + height), "white")
    picture.paste(Image.fromarray(fills.repeat(cell, axis=0).repeat(cell, axis=1)), (left, top))
    draw, above = ImageDraw.Draw(picture), Image.new("RGB", (top, width), "white")
    turned = ImageDraw.Draw(above)
    for i, name in enumerate(rows):
        draw.text((4, top + cell * (i + 0.5)), name, fill="black", font=font, anchor="lm")
    for j, name in list(enumerate(columns))[:: math.ceil(_LETTERS / cell)]:
        turned.text((4, cell * (j + 0.5)), name, fill="black", font=font, anchor="lm")
    picture.paste(above.transpose(Image.Transpose.ROTATE_90), (left, 0))
    return np.asarray(picture)


def _plain_letters(name: str) -> str:
    parts = unicodedata.normalize("NFKD", name.replace("▁", "_").replace("ß", "ss"))
    return "".join(part if part.isascii() else "?" for part in parts if not unicodedata.combining(part))
