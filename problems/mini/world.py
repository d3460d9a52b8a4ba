"""Scenes of the mini suite's world: one or two coloured shapes, drawn as a pure function of (seed, split, index).

A hash assigns each pair of things to a split (for a scene of one thing: the thing and its background). So a
combination of a dev or test sentence never occurs in a training sentence of a problem that holds combinations out.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import zlib

import numpy as np

from t2t_multimodel.data.problem import SPLITS
from t2t_multimodel.errors import DataError

KINDS = ("circle", "square", "triangle", "star", "cross", "ring", "diamond")
COLOURS = ("red", "green", "blue", "yellow", "purple", "brown")
SIZES = ("small", "large")
BACKGROUNDS = ("light", "dark")
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
RELATIONS = tuple(OPPOSITE)

_SINGLE_SHARE = 0.3
_HELD_OUT_BUCKETS = 10


@dataclasses.dataclass(frozen=True)
class Thing:
    """One shape: elements of `KINDS`, `COLOURS` and `SIZES`."""

    kind: str
    colour: str
    size: str


THINGS = tuple(Thing(*parts) for parts in itertools.product(KINDS, COLOURS, SIZES))


@dataclasses.dataclass(frozen=True)
class Scene:
    """One or two things on a background.

    Args:
        things: the first is described; the second says where the first is.
        background: an element of `BACKGROUNDS`.
        relation: where the first thing is, seen from the second: an element of `RELATIONS`; empty for one thing.
    """

    things: tuple[Thing, ...]
    background: str
    relation: str = ""

    @functools.cached_property
    def split(self) -> str:
        """The only split in which this combination of things occurs, if combinations are held out."""
        names = sorted(f"{thing.size} {thing.colour} {thing.kind}" for thing in self.things)
        if len(names) == 1:
            names.append(self.background)
        bucket = zlib.crc32("|".join(names).encode()) % _HELD_OUT_BUCKETS
        return {0: "dev", 1: "test"}.get(bucket, "train")

    def canonical(self) -> Scene:
        """The same scene in the order of a caption: the larger thing first, else the left or upper one."""
        if len(self.things) == 1:
            return self
        first, second = self.things
        keep = self.relation in ("left", "above") if first.size == second.size else first.size == "large"
        return self if keep else Scene((second, first), self.background, OPPOSITE[self.relation])


def generator(seed: int, split: str, index: int, stream: int) -> np.random.Generator:
    """The random stream of one example.

    Args:
        seed: seed of the whole suite, not negative.
        split: an element of `SPLITS`.
        index: 0-based number of the example in its split.
        stream: a number for each use, e.g. one for what a scene holds and one for how it is drawn.

    Raises:
        DataError: an unknown split or a negative number.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; give one of {', '.join(SPLITS)}")
    if min(seed, index) < 0:
        raise DataError(f"seed {seed} and index {index} must not be negative; give a seed of 0 or more")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, SPLITS.index(split), index, stream])))


def sample_scene(rng: np.random.Generator, split: str) -> Scene:
    """Draws a scene whose combination of things belongs to `split`."""
    while True:
        single = rng.random() < _SINGLE_SHARE
        first, second, background, relation = rng.integers(
            (len(THINGS), len(THINGS), len(BACKGROUNDS), len(RELATIONS))
        ).tolist()
        if single:
            scene = Scene((THINGS[first],), BACKGROUNDS[background])
        else:
            scene = Scene((THINGS[first], THINGS[second]), BACKGROUNDS[background], RELATIONS[relation])
        if scene.split == split and (single or _differ(*scene.things)):
            return scene


def sample_single(rng: np.random.Generator) -> Scene:
    """Draws a scene of one thing, whatever split it belongs to: for tasks that do not hold combinations out."""
    thing, background = rng.integers((len(THINGS), len(BACKGROUNDS))).tolist()
    return Scene((THINGS[thing],), BACKGROUNDS[background])


def _differ(first: Thing, second: Thing) -> bool:
    return (first.kind, first.colour) != (second.kind, second.colour)
