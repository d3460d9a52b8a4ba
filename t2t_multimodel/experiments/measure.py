"""One run of an experiment: generate the data, train, score, and keep what the tables read off."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel import api, registry
from t2t_multimodel.data.data_folder import has_examples
from t2t_multimodel.experiments.declare import Run
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.metrics_log import is_of_training, read_records
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.cost.flops import TRAINING_FACTOR, forward_flops
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.tasks.hook import FILE as GRADIENTS
from t2t_multimodel.training.track.facts import versions

_EVAL_STEPS = 10  # batches of an evaluation on dev
_SAVE_STEPS = 500
_KEPT = ("loss", "token_accuracy", "sequence_accuracy", "top1", "top5")
_BASELINES = ("baseline_loss", "baseline_accuracy")
_NOT_SCORES = ("step", "examples", "target_tokens", "log_perplexity", *_BASELINES)


class _Facts(Hook):
    """Keeps what is known of a training alone while it runs."""

    def begin(self, trainer) -> None:
        self._trainer, self._started = trainer, time.perf_counter()
        self.first_step = trainer.step

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        trainer = self._trainer
        self.seconds = time.perf_counter() - self._started
        self.mix = {name: mix.batches for name, mix in trainer.mixer.mix().items()}
        self.parameters = sum(int(np.prod(variable.shape)) for variable in trainer.model.trainable_variables)
        batches = {name: next(source.train()) for name, source in trainer.inputs.items()}
        self.flops = {name: _step_flops(trainer.model, task, batches[name]) for name, task in trainer.tasks.items()}
        self.loads = {name: _loads(trainer.model, task, batches[name]) for name, task in trainer.tasks.items()}


def _step_flops(model: MultiModel, task: Task, batch: Mapping[str, Any]) -> int:
    """Useful FLOPs of a train step on a batch of the problem."""
    targets = batch["targets"].numpy()
    rows = len(targets)
    lengths = np.sum(targets != task.problem.targets.padding, -1).tolist() if targets.ndim > 1 else [1] * rows
    if "input_length" in batch:  # a count for each length would trace the net anew
        sources = [int(batch["input_length"].numpy().mean())] * rows
    else:
        ids = batch["inputs"].numpy()
        sources = np.sum(ids != 0, -1).tolist() if ids.ndim == 2 else [1] * rows
    counts = forward_flops(model, task.problem.inputs, task.problem.targets, sources, lengths)
    return TRAINING_FACTOR * sum(counts.values())


def _loads(model: MultiModel, task: Task, batch: Mapping[str, Any]) -> dict[str, list[float]]:
    """Shares of a batch's tokens that the experts get, by mixture."""
    from t2t_multimodel.report.expert_loads import batch_loads, shares

    found = shares(batch_loads(model, task, batch))
    return {mixture: np.round(load, 4).tolist() for mixture, load in found.items()}


def measure(run: Run, *, data_dir: str, run_dir: str, source_dir: str | None = None) -> dict[str, Any]:
    """Trains a run to its end and scores it.

    Args:
        run: what to train; one that was cut goes on.
        data_dir: where its data are, or are generated.
        run_dir: of the training.
        source_dir: of the raw corpora.

    Returns:
        the result, JSON values: the run's declaration, ``dev`` (a record for each evaluation and problem), ``metrics``,
        ``baseline`` losses and accuracies, ``mix``, ``parameters``, ``flops`` of a step by problem, ``loads`` of
        experts, ``gradients``, ``seconds``, ``versions``.

    Raises:
        MultiModelError: data cannot be generated, or the training fails.
    """
    api.generate_data(run.suite, data_dir=data_dir, source_dir=source_dir, options=run.data_options)
    facts, several = _Facts(), len(run.problems) > 1
    api.train(
        run.problems,
        data_dir=data_dir,
        output_dir=run_dir,
        train_steps=run.steps,
        hparams_set=run.hparams_set,
        hparams=run.hparams,
        seed=run.seed,
        eval_steps=_EVAL_STEPS,
        eval_frequency=max(1, run.steps // run.evaluations),
        save_steps=_SAVE_STEPS,
        keep_checkpoints=1,
        best_metric="none",
        strategy="one_device",
        task_gradients=run.steps // run.gradients if run.gradients and several else 0,
        hooks=[facts],
    )
    records = [record for record in read_records(run_dir) if is_of_training(record)]
    return {
        "name": run.name,
        "run": run.declaration,
        "dev": [{"step": one["step"], "problem": one["problem"], **_scores(one, _KEPT)} for one in records],
        "metrics": _metrics(run, data_dir, run_dir) if run.metrics else [],
        "baseline": {one["problem"]: [_rounded(one[name]) for name in _BASELINES] for one in records},
        "mix": facts.mix,
        "parameters": facts.parameters,
        "flops": facts.flops,
        "loads": facts.loads,
        "gradients": _gradients(run_dir) if run.gradients else None,
        "seconds": round(facts.seconds, 1) if facts.first_step == 0 else None,  # of a whole training alone
        "versions": versions(),
    }


def _metrics(run: Run, data_dir: str, run_dir: str) -> list[dict[str, Any]]:
    """The tasks' metrics, on test; on dev where a corpus has no test split."""
    model, found = api.load(run_dir), []
    tested = [name for name in run.problems if has_examples(data_dir, registry.problem(name), "test")]
    for split, problems in ("test", tested), ("dev", [name for name in run.problems if name not in tested]):
        if problems:
            options = {"split": split, "decode_examples": run.decode_examples, "resamples": 0}
            found += model.evaluate(problems, data_dir=data_dir, **options)
    return [{"problem": one["problem"], "split": one["split"], **_scores(one, _metric_names(one))} for one in found]


def _metric_names(record: Mapping[str, Any]) -> list[str]:
    return [name for name, value in record.items() if isinstance(value, float) and name not in _NOT_SCORES]


def _gradients(run_dir: str) -> dict[str, Any]:
    """Means over a run's measurements, as `TaskMeasure` gives them."""
    records = read_records(run_dir, GRADIENTS)
    cosines = np.array([record["cosine"]["all"] for record in records], float)
    effects = np.array([record["effect"] for record in records], float)
    return {
        "problems": records[0]["problems"],
        "cosine": np.round(np.mean(cosines, 0), 5).tolist(),
        "effect": np.round(np.mean(effects, 0), 7).tolist(),
    }


def _scores(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    return {name: _rounded(record[name]) for name in names if record.get(name) is not None}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
