"""Makes the model in the box from a trained run of the mini suite: rounded weights, examples, scores."""

from __future__ import annotations

import io
import itertools
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

import soundfile

from t2t_multimodel import metrics, paths
from t2t_multimodel.api import load
from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.data.vocabulary.vocabulary import JSON_FILE, MODEL_FILE
from t2t_multimodel.runs.assets import LABEL_NAMES_FILE
from t2t_multimodel.runs.load import load_run
from t2t_multimodel.runs.manifest import FILE as MANIFEST_FILE
from t2t_multimodel.runs.rounded_weights import save_rounded_weights

if TYPE_CHECKING:
    import numpy as np

    from t2t_multimodel.trained_model import TrainedModel

EXAMPLES = 4
_VOCABULARY = (MODEL_FILE, JSON_FILE)
_SCORES = ("loss", "token_accuracy", "sequence_accuracy", "top1", "top5")


def make_demo(output_dir: str | os.PathLike, *, data_dir: str | os.PathLike | None, to: str | os.PathLike) -> None:
    """Writes `run/`, `examples/` and `scores.json`.

    The scores are those of the rounded weights on the whole test split.

    Args:
        output_dir: a trained run of the mini suite.
        data_dir: the data it was trained on; None leaves the scores out.
        to: the folder of the package `t2t_multimodel.demo`, or another.

    Raises:
        MultiModelError: the run or the data are not whole.

    Example:

        make_demo("runs/mini/model", data_dir="runs/mini/data", to="t2t_multimodel/demo")
    """
    source, folder = pathlib.Path(paths.resolve(output_dir)), pathlib.Path(paths.resolve(to))
    run = load_run(source)
    for name in ("run", "examples"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in (MANIFEST_FILE, LABEL_NAMES_FILE, *_VOCABULARY):
        write_atomically(folder / "run" / name, (source / name).read_bytes())
    save_rounded_weights(folder / "run", run.model.named_variables(), run.step)
    listed = {task.name: _write_examples(task.problem, folder / "examples") for task in run.tasks}
    _write_json(folder / "examples" / "examples.json", listed)
    if data_dir is not None:
        _write_json(folder / "scores.json", demo_scores(load(folder / "run"), data_dir))


def demo_scores(model: TrainedModel, data_dir: str | os.PathLike) -> dict[str, dict[str, float]]:
    """Scores of a model's problems on the whole test split, decoded greedily.

    Args:
        model: a trained model.
        data_dir: generated data with its vocabulary.
    """
    records = model.evaluate(model.problems, data_dir=data_dir, split="test", decode_examples=0, resamples=0)
    return {record["problem"]: _scores(record) for record in records}


def _scores(record: dict[str, Any]) -> dict[str, float]:
    names = [*_SCORES, *metrics.names()]
    return {"examples": record["examples"]} | {name: round(record[name], 5) for name in names if name in record}


def _write_examples(problem: Problem, folder: pathlib.Path) -> list[dict[str, str]]:
    """The first examples of the test split: texts, or files and what they show or say."""
    examples = problem.examples("test", Source(options=problem.options))
    listed = []
    for number, example in enumerate(itertools.islice(examples, EXAMPLES)):
        value = example["inputs"]
        if isinstance(value, str):
            listed.append({"label": value, "text": value})
            continue
        name = f"{problem.name}-{number}" + (".jpg" if isinstance(value, bytes) else ".flac")
        write_atomically(folder / name, value if isinstance(value, bytes) else _flac(value, problem.inputs.sample_rate))
        listed.append({"label": example["meta/text"], "file": name})
    return listed


def _flac(samples: np.ndarray, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _write_json(path: pathlib.Path, value: Any) -> None:
    write_atomically(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())
