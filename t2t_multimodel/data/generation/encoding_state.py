"""Progress of the encoding of a split, kept in a file from which an interrupted run continues."""

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
    """What has been encoded so far.

    Attributes:
        stats: statistics; its `examples` is the number of raw examples that need not be encoded again.
        counts: how often each target id occurs, `[ids]` int64.
        complete: whether the whole split is encoded.
        sizes: bytes of each scatter file.
    """

    stats: SplitStats = dataclasses.field(default_factory=SplitStats)
    counts: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    complete: bool = False
    sizes: list[int] = dataclasses.field(default_factory=list)

    def add(self, chunk: EncodedChunk) -> None:
        """Adds the counts of a chunk."""
        self.stats.add(chunk.input_lengths, chunk.target_lengths)
        if len(chunk.target_ids):
            self._grow(int(chunk.target_ids[-1]) + 1)
        self.counts[chunk.target_ids] += chunk.target_counts

    def merge(self, other: EncodingState) -> None:
        """Adds the counts of another state."""
        self.stats.merge(other.stats)
        self._grow(len(other.counts))
        self.counts[: len(other.counts)] += other.counts

    def _grow(self, size: int) -> None:
        self.counts = np.pad(self.counts, (0, max(0, size - len(self.counts))))

    @property
    def histogram(self) -> dict[int, int]:
        """Target id to its count."""
        ids = np.flatnonzero(self.counts)
        return dict(zip(ids.tolist(), self.counts[ids].tolist()))

    def save(self, path: pathlib.Path, settings: dict[str, Any]) -> None:
        """Writes the state atomically, together with the settings it belongs to."""
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
        """Reads a state.

        Args:
            path: the state file.
            settings: those of the current run.
            scattered: the scatter files, one a shard.

        Returns:
            the state, or None if it cannot be continued: the file is missing or damaged, the settings differ, or a
            scatter file is shorter than the state says.
        """
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
