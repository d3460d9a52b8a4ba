"""Dry runs: the largest batches of a training, stepped through in a process of its own, which tells its memory.

The process makes the model with its optimizer anew, so that nothing of the training is touched.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.cost.child import Child, serve

_MODULE = "t2t_multimodel.training.cost.dry_run"


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a dry run took.

    Attributes:
        peak: the most bytes that the process held until now; 0 where the system ended it for want of memory.
        largest: the batch that its peak came with: problem, rows, and lengths of both sides.
        setting: the hparam that bounds this batch.
        batches: all that were tried.
        seconds: of the steps on them.
    """

    peak: int
    largest: str
    setting: str
    batches: list[str]
    seconds: float

    @property
    def was_killed(self) -> bool:
        """Whether the system ended the process."""
        return not self.peak


class DryRun:
    """A process that makes steps on the largest batches, one for each pair of modalities, as often as it is asked.

    Args:
        config: of the training.

    Raises:
        TrainingError: the process cannot do what the training would, e.g. the data are damaged.

    Example:
        with DryRun(config) as dry_run:
            measured = dry_run.measure(2048)
    """

    def __init__(self, config: TrainConfig):
        self._child = Child(_MODULE, {**dataclasses.asdict(config), "hparams": config.hparams.to_json()})

    def __enter__(self) -> DryRun:
        self._child.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._child.__exit__(*error)

    def measure(self, batch_tokens: int) -> Measured:
        """Makes the steps with this value of `batching.batch_tokens`.

        Raises:
            TrainingError: they cannot be made.
        """
        answer = self._child.ask(batch_tokens)
        return Measured(0, "", "", [], 0.0) if answer is None else Measured(**answer)


def _answers_of(request: dict[str, Any], folder: str) -> Callable[[int], dict[str, Any]]:
    """What answers a value of `batching.batch_tokens` with a `Measured` as JSON values."""
    given = {**request, "hparams": HParams.from_json(request["hparams"]), "problems": tuple(request["problems"])}
    without = {"warm_start_from": "", "dry_run": "off", "profile": "", "early_stop_patience": 0}
    config, stepper = TrainConfig(**{**given, **without, "output_dir": f"{folder}/run"}), None

    def answer(batch_tokens: int) -> dict[str, Any]:
        nonlocal stepper
        hparams = config.hparams.override(batching__batch_tokens=batch_tokens)
        if stepper is None:
            stepper = _Stepper(dataclasses.replace(config, hparams=hparams))
        return stepper.measure(hparams)

    return answer


class _Stepper:
    """Makes the steps.

    Args:
        config: of the training, with a folder of its own.
    """

    def __init__(self, config: TrainConfig):
        from t2t_multimodel.training.trainer import make_trainer

        self._trainer, self._config, self._steps = make_trainer(config), config, 0

    def measure(self, hparams: HParams) -> dict[str, Any]:
        """A step on the largest batch of each pair of modalities."""
        from t2t_multimodel.training.cost.memory import peak_bytes

        chosen = self._largest(hparams)
        if not self._steps:  # traced first, so that afterwards the largest batch alone raises the peak
            for source, rows in chosen:
                self._step(source, rows[:1])
        started, peak, found, batches = time.perf_counter(), peak_bytes(), {"largest": "", "setting": ""}, []
        for source, rows in chosen:
            batch = self._step(source, rows)
            batches.append(_words(source.problem.name, batch))
            if (now := peak_bytes()) > peak or not found["largest"]:
                peak, found = now, {"largest": batches[-1], "setting": source.plan.setting}
        return {"peak": peak, **found, "batches": batches, "seconds": time.perf_counter() - started}

    def _largest(self, hparams: HParams) -> list[tuple[Any, Any]]:
        """The problem of each traced step whose largest batch costs most, as its input and the batch's rows."""
        from t2t_multimodel.data.input.pipeline import ProblemInput
        from t2t_multimodel.training.cost.largest import batch_cost, largest_batch

        found: dict[Any, tuple[float, Any, Any]] = {}
        for task in self._trainer.tasks.values():
            source = ProblemInput(
                task.problem, self._config.data_dir, "train", hparams, seed=self._config.seed, warn=lambda line: None
            )
            rows = largest_batch(source)
            cost, key = batch_cost(source, rows), task.step_key(hparams.modalities)
            if key not in found or cost > found[key][0]:
                found[key] = cost, source, rows
        return [(source, rows) for _, source, rows in found.values()]

    def _step(self, source: Any, rows: Any) -> Any:
        """A step on these rows; gives their batch."""
        from t2t_multimodel.training.distribution.joint_step import Part

        name, batch = source.problem.name, source.rows(rows)
        if source.static_shapes is not None:
            batch = source.static_shapes.filled(batch, source.static_shapes.sizes(rows))
        part = Part(self._trainer.tasks[name], self._trainer.loss_weights[name], batch)
        values, _ = self._trainer.runner([part] * self._trainer.runner.parts, self._steps)
        float(values["loss"])
        self._steps += 1
        return batch


def _words(name: str, batch: Any) -> str:
    sides = [" x ".join(map(str, batch[side].shape)) for side in ("inputs", "targets")]
    return f"{name} (inputs {sides[0]}, targets {sides[1]})"


if __name__ == "__main__":
    serve(_answers_of)
