"""Dry runs: the largest batches of a training, stepped through in a process of its own, which tells its memory.

The process makes the model with its optimizer anew, so that nothing of the training is touched; where the system ends
it for want of memory, the training says so and lives.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO, Any

from t2t_multimodel import process, user_modules
from t2t_multimodel.errors import MultiModelError, TrainingError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.config import TrainConfig

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
        self._config = config

    def __enter__(self) -> DryRun:
        self._folder = tempfile.TemporaryDirectory()
        self._errors: IO[bytes] = open(pathlib.Path(self._folder.name) / "stderr", "w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        request = {
            "config": {**dataclasses.asdict(self._config), "hparams": self._config.hparams.to_json()},
            "folders": user_modules.folders(),
            "output_dir": f"{self._folder.name}/run",
        }
        self._send(request)
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                stream.close()
        self._folder.cleanup()

    def measure(self, batch_tokens: int) -> Measured:
        """Makes the steps with this value of `batching.batch_tokens`.

        Raises:
            TrainingError: they cannot be made.
        """
        self._send(batch_tokens)
        for line in self._process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                if "error" in answer:
                    raise TrainingError(answer["error"])
                return Measured(**answer)
        status = self._process.wait()
        if status == -signal.SIGKILL:
            return Measured(0, "", "", [], 0.0)
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip().splitlines() or [f"status {status}"]
        raise TrainingError(f"the dry run failed ({words[-1][:300]}); run again without --dry_run to see what fails")

    def _send(self, message: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # its end is seen where its answer is read
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()


def _serve() -> None:
    """The process of a `DryRun`: a request on the first line of stdin, then values of `batching.batch_tokens`."""
    with contextlib.suppress(OSError):  # where memory runs out, the system shall end this process, not its parent
        pathlib.Path("/proc/self/oom_score_adj").write_text("1000")
    process.prepare()
    answers = _answers(json.loads(sys.stdin.readline()))
    while True:
        try:
            answer = next(answers)
        except StopIteration:
            return
        except MultiModelError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


def _answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    user_modules.import_folders(request["folders"])
    values = {**request["config"], "hparams": HParams.from_json(request["config"]["hparams"])}
    values |= {"output_dir": request["output_dir"], "problems": tuple(values["problems"]), "warm_start_from": ""}
    config, stepper = TrainConfig(**{**values, "dry_run": "off", "profile": "", "early_stop_patience": 0}), None
    for line in sys.stdin:
        hparams = config.hparams.override(batching__batch_tokens=json.loads(line))
        if stepper is None:
            stepper = _Stepper(dataclasses.replace(config, hparams=hparams))
        yield stepper.measure(hparams)


class _Stepper:
    """Makes the steps.

    Args:
        config: of the training, with a folder of its own.
    """

    def __init__(self, config: TrainConfig):
        from t2t_multimodel.training.trainer import make_trainer

        self._trainer, self._config, self._steps = make_trainer(config), config, 0

    def measure(self, hparams: HParams) -> dict[str, Any]:
        """A step on the largest batch of each pair of modalities; a `Measured` as JSON values."""
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
        from t2t_multimodel.training.cost.largest import largest_batch

        found: dict[Any, tuple[float, Any, Any]] = {}
        for task in self._trainer.tasks.values():
            source = ProblemInput(
                task.problem, self._config.data_dir, "train", hparams, seed=self._config.seed, warn=lambda line: None
            )
            rows, cost = largest_batch(source)
            key = task.step_key(hparams.modalities)
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
    _serve()
