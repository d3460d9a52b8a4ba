"""How far the encoding of a split has come: kept in a file, so that an interrupted run continues there."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.generation.workers import EncodedChunk
from t2t_multimodel.data.metadata import SplitStats
from t2t_multimodel.data.storage import write_atomically


@dataclasses.dataclass
class EncodingState:
    """What is encoded so far.

    Attributes:
        stats: statistics; its `examples` is the number of raw examples that need not be encoded again.
        counts: how often each target id occurs, `[ids]` int64.
        complete: whether that is all.
        sizes: bytes of each scatter file.
    """

    stats: SplitStats = dataclasses.field(default_factory=SplitStats)
    counts: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    complete: bool = False
    sizes: list[int] = dataclasses.field(default_factory=list)

    def add(self, chunk: EncodedChunk) -> None:
        """Counts a chunk."""
        self.stats.add(chunk.input_lengths, chunk.target_lengths)
        if len(chunk.target_ids):
            self._reach(int(chunk.target_ids[-1]) + 1)
        self.counts[chunk.target_ids] += chunk.target_counts

    def merge(self, other: EncodingState) -> None:
        """Adds what another state counted."""
        self.stats.merge(other.stats)
        self._reach(len(other.counts))
        self.counts[: len(other.counts)] += other.counts

    def _reach(self, size: int) -> None:
        self.counts = np.pad(self.counts, (0, max(0, size - len(self.counts))))

    @property
    def histogram(self) -> dict[int, int]:
        """Target id to its count."""
        ids = np.flatnonzero(self.counts)
        return dict(zip(ids.tolist(), self.counts[ids].tolist()))

    def save(self, path: pathlib.Path, settings: dict[str, Any]) -> None:
        """Writes the state atomically, together with the settings it holds for."""
        state = {
            "settings": settings,
            "stats": vars(self.stats),
            "counts": self.counts.tolist(),
            "complete": self.complete,
            "sizes": self.sizes,
        }
        write_atomically(path, json.dumps(state).encode("utf-8"))

    @classmethod
    def load(
        cls, path: pathlib.Path, settings: dict[str, Any], scattered: Sequence[pathlib.Path]
    ) -> EncodingState | None:
        """The state of `path`, or None if it is missing, of other settings, or scatter files fall short of it."""
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            if state.pop("settings") != json.loads(json.dumps(settings)):
                return None
            loaded = cls(
                SplitStats(**state["stats"]), np.array(state["counts"], np.int64), state["complete"], state["sizes"]
            )
            if not loaded.complete and [file for file, size in zip(scattered, loaded.sizes) if _size(file) < size]:
                return None
            return loaded
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _size(file: pathlib.Path) -> int:
    return file.stat().st_size if file.exists() else -1
