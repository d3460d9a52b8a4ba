"""A matrix as a coloured image."""

from __future__ import annotations

import io

import numpy as np

_PALETTE = np.array([[12, 8, 40], [90, 20, 110], [200, 55, 90], [250, 150, 60], [252, 250, 200]], np.float32)


def colours(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The colours of values between `low` and `high`, dark to light: uint8 `[..., 3]`.

    Example:
        >>> colours(np.array([0.0, 1.0]), 0.0, 1.0).tolist()
        [[12, 8, 40], [252, 250, 200]]
    """
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * (len(_PALETTE) - 1)
    channels = [np.interp(scaled, np.arange(len(_PALETTE)), _PALETTE[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def heat_map(values: np.ndarray, row_pixels: int = 3) -> bytes:
    """PNG of a matrix `[height, width]`, dark where low, light where high, each row `row_pixels` high."""
    from PIL import Image

    low, high = (np.percentile(values, share) for share in (1, 99)) if values.size else (0.0, 1.0)
    pixels = np.repeat(colours(values, low, high), row_pixels, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
