"""Images of the mini suite's scenes: anti-aliased shapes on a shaded background, with light noise, as JPEG."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageDraw

from t2t_multimodel.problems.mini.world import Scene

_COLOURS = {
    "red": (0.90, 0.12, 0.12),
    "green": (0.12, 0.65, 0.18),
    "blue": (0.15, 0.32, 0.92),
    "yellow": (0.96, 0.84, 0.10),
    "purple": (0.62, 0.20, 0.78),
    "brown": (0.55, 0.34, 0.15),
}
_BACKGROUND_LEVELS = {"light": (0.82, 0.93), "dark": (0.05, 0.14)}
_RADII = {"small": (0.115, 0.13), "large": (0.19, 0.205)}  # share of the image's side
_CLOSE_RADII = {"small": (0.26, 0.29), "large": (0.32, 0.35)}
_OFFSETS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
_SUPERSAMPLING = 4
_JPEG_QUALITY = 93


def _points(radii: list[float], start: float) -> np.ndarray:
    angles = math.radians(start) + np.arange(len(radii)) * 2 * math.pi / len(radii)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1) * np.asarray(radii)[:, None]


_CORNER = np.array([(0.34, -1.1), (0.34, -0.34), (1.1, -0.34)])  # a quarter of the cross
_QUARTER_TURNS = [np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), turns) for turns in range(4)]
_POLYGONS = {  # corners [points, 2] as (x, y), y downward, about the origin
    "square": _points([1.2] * 4, 45),
    "triangle": _points([1.2] * 3, -90) + np.array([0, 0.2]),
    "star": _points([1.2, 0.5] * 5, -90),
    "diamond": _points([0.7, 1.2] * 2, 0),
    "cross": np.concatenate([_CORNER @ turn for turn in _QUARTER_TURNS]),
}
_ROUND = {"circle": 0.0, "ring": 0.55}  # kind: radius of its hole


def render(scene: Scene, rng: np.random.Generator, *, size: int = 48, close_up: bool = False) -> bytes:
    """Draws a scene; exact positions, shades and noise come from `rng`.

    Args:
        scene: what to draw.
        rng: random stream of this image.
        size: height and width in pixels.
        close_up: draw the one thing of the scene larger and nearer to the middle.

    Returns:
        JPEG bytes of an RGB image `[size, size, 3]`.
    """
    pixels = _background(scene.background, rng, size)
    radii = _CLOSE_RADII if close_up else _RADII
    for thing, centre in zip(scene.things, _centres(scene, rng, 0.05 if close_up else 0.1), strict=True):
        radius = rng.uniform(*radii[thing.size])
        mask = _mask(thing.kind, centre, radius, math.radians(rng.uniform(-6, 6)), size)[..., None]
        colour = np.asarray(_COLOURS[thing.colour]) + rng.uniform(-0.04, 0.04, 3)
        pixels = pixels * (1 - mask) + colour * mask
    pixels = pixels + rng.normal(0, 0.015, pixels.shape)
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return file.getvalue()


def _background(background: str, rng: np.random.Generator, size: int) -> np.ndarray:
    """A tinted grey with a linear gradient in a random direction, `[size, size, 3]`."""
    level = rng.uniform(*_BACKGROUND_LEVELS[background]) + rng.uniform(-0.03, 0.03, 3)
    angle = rng.uniform(0, 2 * math.pi)
    axis = np.linspace(-0.04, 0.04, size)
    gradient = axis[:, None] * math.sin(angle) + axis[None, :] * math.cos(angle)
    return level + gradient[..., None]


def _centres(scene: Scene, rng: np.random.Generator, play: float) -> list[np.ndarray]:
    """Centres (x, y) of the things as shares of the side. Their distance is so large that they never touch.

    Args:
        scene: what is drawn.
        rng: random stream of the image.
        play: how far one thing may lie from the middle, or two from their common axis.
    """
    if len(scene.things) == 1:
        return [0.5 + rng.uniform(-play, play, 2)]
    offset = np.asarray(_OFFSETS[scene.relation])
    across = np.abs(offset[::-1])
    return [
        0.5 + sign * 0.25 * offset + rng.uniform(-0.02, 0.02, 2) + across * rng.uniform(-play, play) for sign in (1, -1)
    ]


def _mask(kind: str, centre: np.ndarray, radius: float, angle: float, size: int) -> np.ndarray:
    """Share of each pixel that the shape covers, `[size, size]` in [0, 1]."""
    side = size * _SUPERSAMPLING
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    if kind in _ROUND:
        for share, fill in ((1.0, 255), (_ROUND[kind], 0)):
            if share:
                draw.ellipse([*((centre - radius * share) * side), *((centre + radius * share) * side)], fill=fill)
    else:
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        corners = (centre + radius * _POLYGONS[kind] @ turn) * side
        draw.polygon([tuple(corner) for corner in corners.tolist()], fill=255)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float64) / 255
