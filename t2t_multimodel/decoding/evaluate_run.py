"""Evaluation of a training run: teacher-forced scores and the tasks' metrics, kept in its metrics.jsonl."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from t2t_multimodel.data.data_folder import has_examples
from t2t_multimodel.data.problem import SPLITS
from t2t_multimodel.data.specs import SymbolSpec
from t2t_multimodel.decoding.decode_hparams import DEFAULT, DecodeHParams
from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.split_scores import decode_metrics
from t2t_multimodel.errors import DataError
from t2t_multimodel.runs.load import LoadedRun, check_vocabulary, load_run
from t2t_multimodel.runs.metrics_log import append_records
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.evaluation import Evaluator


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """What an evaluation is told.

    Attributes:
        problems: names of problems the model was trained on.
        data_dir: generated data.
        output_dir: the training run.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        checkpoint: path of a checkpoint; the newest unless given.
        eval_steps: batches of the teacher-forced evaluation; 0 takes the whole split.
        decode: also decodes and scores by the problems' metrics.
        decode_examples: inputs that are decoded; 0 takes all.
        decode_hparams: how to search.
        strict: damaged records are fatal.
    """

    problems: tuple[str, ...]
    data_dir: str
    output_dir: str
    split: str = "dev"
    checkpoint: str | None = None
    eval_steps: int = 0
    decode: bool = True
    decode_examples: int = 200
    decode_hparams: DecodeHParams = DEFAULT
    strict: bool = False


def evaluate_run(config: EvalConfig) -> list[dict[str, Any]]:
    """Evaluates a checkpoint; appends one record a problem to the run's metrics.jsonl, each when it is complete.

    Problems without such a split are named and left out.

    Returns:
        the records.

    Raises:
        MultiModelError: model, data or problems do not fit, or no problem has such a split.
    """
    if config.split not in SPLITS:
        raise DataError(f"--split={config.split} is none of {', '.join(SPLITS)}; give one of them")
    trained = load_run(config.output_dir, problems=config.problems, checkpoint=config.checkpoint)
    check_vocabulary(trained.manifest, config.data_dir, trained.tasks)
    evaluator = Evaluator(
        trained.model, config.data_dir, config.split, seed=trained.manifest.seed, strict=config.strict
    )
    records = []
    for task in trained.tasks:
        if not has_examples(config.data_dir, task.name, config.split):
            print(f"{task.name} has no {config.split} split; left out", file=sys.stderr)
            continue
        record = evaluator.evaluate(task, step=trained.step, max_batches=config.eval_steps or None)
        if config.decode and task.problem.metrics and isinstance(task.problem.targets, SymbolSpec):
            record |= _decode(config, trained, task)
        append_records(config.output_dir, [record])
        records.append(record)
    if not records:
        raise DataError(f"no problem has a {config.split} split in {config.data_dir}; give another --split")
    return records


def _decode(config: EvalConfig, trained: LoadedRun, task: Task) -> dict[str, Any]:
    search = ProblemSearch(trained.model, task, config.decode_hparams)
    return decode_metrics(search, trained.vocabulary, config.data_dir, config.split, config.decode_examples or None)
