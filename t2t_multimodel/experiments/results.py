"""Results of runs: a small JSON file each while they are made, and lines of one file that a repository keeps."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from t2t_multimodel.data import storage
from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.declare import Run, file_name

Result = Mapping[str, Any]


class Folders:
    """Where an experiment keeps its data, runs and results.

    Args:
        output_dir: of the command.
        scale: name of the scale.
    """

    def __init__(self, output_dir: str | pathlib.Path, scale: str):
        self._root, self._scale = pathlib.Path(output_dir), scale

    def data(self, run: Run) -> pathlib.Path:
        """Of the generated data; runs with other options have others."""
        return self._root / "data" / "-".join(filter(None, (run.suite, file_name(run.data_options))))

    def training(self, run: Run) -> pathlib.Path:
        """The run folder."""
        return self._root / "runs" / self._scale / run.name

    def log(self, run: Run) -> pathlib.Path:
        """What the run's process prints."""
        return self._root / "logs" / self._scale / f"{run.name}.txt"

    def result(self, run: Run) -> pathlib.Path:
        """Written once the run is complete."""
        return self._root / "results" / self._scale / f"{run.name}.json"


def keep(path: pathlib.Path, result: Result) -> None:
    """Writes a run's result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    storage.write_atomically(path, (json.dumps(result, sort_keys=True) + "\n").encode())


def found_results(folders: Folders, runs: Iterable[Run]) -> list[Result]:
    """The results of those runs that are complete."""
    paths = (folders.result(run) for run in runs)
    return [_parsed(path.read_text(encoding="utf-8"), path) for path in paths if path.exists()]


def read_lines(path: pathlib.Path) -> list[Result]:
    """The results of a file of lines; none where there is no file.

    Raises:
        ExperimentError: a line is no result.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [_parsed(line, path) for line in lines]


def write_lines(path: pathlib.Path, results: Sequence[Result]) -> None:
    """Writes results, one a line and once each, in the order of their names."""
    by_name = {result["name"]: json.dumps(result, sort_keys=True) for result in results}
    path.parent.mkdir(parents=True, exist_ok=True)
    storage.write_atomically(path, "".join(f"{by_name[name]}\n" for name in sorted(by_name)).encode())


def _parsed(text: str, path: pathlib.Path) -> Result:
    try:
        result = json.loads(text)
        result["name"], result["run"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f"{path} holds a line that is no result; delete it, its run is then made again"
        ) from error
    return result
