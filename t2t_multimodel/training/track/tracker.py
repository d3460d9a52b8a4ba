"""The interface of what keeps experiments."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What is known of a training when it starts.

    Attributes:
        name: for people.
        hparams: numbers, truth values and text by name.
        tags: versions, state of git and options of the training, as text by name.
    """

    name: str
    hparams: Mapping[str, bool | int | float | str]
    tags: Mapping[str, str]


class Tracker:
    """Keeps one tracked run; whatever its methods raise is told, and the training goes on without it.

    A further one is a subclass and a line in `training.track.make`.
    """

    def start(self, facts: RunFacts, run: str) -> str:
        """Begins or continues a tracked run.

        Args:
            facts: of the training.
            run: id of the tracked run that is continued, "" for a new one.

        Returns:
            the id of the tracked run.
        """
        raise NotImplementedError

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Keeps values of a step; all are finite."""
        raise NotImplementedError

    def add_file(self, path: pathlib.Path) -> None:
        """Keeps a file."""
        raise NotImplementedError

    def finish(self, complete: bool) -> None:
        """Ends the session; `complete` says whether the training reached its end."""
        raise NotImplementedError
