"""The line that a training prints now and then, and its TensorBoard scalars."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from t2t_multimodel.data.console import print_warning


def format_seconds(seconds: float) -> str:
    """``h:mm:ss`` or ``m:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _mean_loss(results: list[Mapping[str, Any]]) -> float:
    """The mean over the steps that were not skipped; NaN where all were."""
    losses = [float(result["loss"]) for result in results if not float(result["skipped"])]
    return sum(losses) / len(losses) if losses else float("nan")


def _dropped_share(results: list[Mapping[str, Any]]) -> float:
    """The share of tokens' choices that experts had no room for."""
    slots, dropped = (
        sum(float(result[name]) for result in results if name in result) for name in ("slots", "dropped_slots")
    )
    return dropped / slots if slots else 0.0


class TrainingLog:
    """Collects the values of steps without waiting for them, and reports now and then.

    Args:
        train_steps: the last step.
        start: the first step of this session.
        summary_dir: folder of TensorBoard events; None prints and writes nothing.
        seconds: time between lines.

    Example:
        log = TrainingLog(train_steps=100, start=0, summary_dir="run/events")
        log.add(1, "mini_parsing", values)
    """

    def __init__(self, *, train_steps: int, start: int, summary_dir: str | None, seconds: float = 10.0):
        self._train_steps, self._seconds = train_steps, seconds
        self._quiet = summary_dir is None
        self._writer = tf.summary.create_noop_writer() if self._quiet else tf.summary.create_file_writer(summary_dir)
        self._pending: list[tuple[str, Mapping[str, Any]]] = []
        self._last_time, self._last_step = time.monotonic(), start
        self._rate = 0.0
        self._told = False

    def add(self, step: int, problem: str, result: Mapping[str, Any]) -> None:
        """Takes the values of one step; prints a line when it is time.

        Args:
            step: number of steps finished, this one included.
            problem: what it trained.
            result: what `make_train_step`'s step gives.
        """
        self.add_parts(step, [(problem, result)])

    def add_parts(self, step: int, parts: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Takes the values of a step that trained several problems; prints a line when it is time.

        Args:
            step: number of steps finished, this one included.
            parts: each problem, and the values of its part.
        """
        if self._quiet:
            return
        self._pending.extend(parts)
        if time.monotonic() - self._last_time >= self._seconds or step == self._train_steps:
            self.flush(step)

    @contextlib.contextmanager
    def paused(self, step: int) -> Iterator[None]:
        """Leaves the time within the block out of the rates; prints the line of the steps before it.

        Args:
            step: number of steps finished.
        """
        self.flush(step)
        try:
            yield
        finally:
            self._last_time = time.monotonic()

    def flush(self, step: int) -> None:
        """Prints the line and writes scalars for the steps since the last one."""
        if not self._pending:
            return
        now = time.monotonic()
        elapsed = max(now - self._last_time, 1e-9)
        tokens = sum(float(result["targets"]) for _, result in self._pending)
        rate = (step - self._last_step) / elapsed
        self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate
        by_problem = defaultdict(list)
        for problem, result in self._pending:
            by_problem[problem].append(result)
        skipped = {p: sum(bool(float(r["skipped"])) for r in results) for p, results in by_problem.items()}
        means = {p: _mean_loss(results) for p, results in by_problem.items()}
        losses = " ".join(f"{problem} {loss:.2f}" for problem, loss in sorted(means.items()))
        not_finite = " ".join(f"{problem} {count}" for problem, count in sorted(skipped.items()) if count)
        dropped = {p: share for p, results in by_problem.items() if (share := _dropped_share(results))}
        dropped = " ".join(f"{problem} {share:.1%}" for problem, share in sorted(dropped.items()))
        left = (self._train_steps - step) / max(self._rate, 1e-9)
        print(
            f"step {step}/{self._train_steps}  {tokens / elapsed:.0f} targets/s  {rate:.2f} steps/s"
            f"  left {format_seconds(left)}  loss: {losses}"
            + (f"  skipped: {not_finite}" if not_finite else "")
            + (f"  dropped by experts: {dropped}" if dropped else ""),
            file=sys.stderr,
            flush=True,
        )
        with self._kept():
            self._write(step, means, by_problem, tokens / elapsed, rate)
        self._pending.clear()
        self._last_time, self._last_step = now, step

    def _write(self, step, means, by_problem, tokens_per_second, steps_per_second) -> None:
        last = self._pending[-1][1]
        with self._writer.as_default(step=step):
            for problem, results in by_problem.items():
                tf.summary.scalar(f"loss/{problem}", means[problem])
                accuracy = sum(float(r["token_accuracy"]) for r in results) / len(results)
                tf.summary.scalar(f"token_accuracy/{problem}", accuracy)
                tf.summary.scalar(f"skipped/{problem}", sum(float(r["skipped"]) for r in results))
                if "slots" in results[-1]:
                    tf.summary.scalar(f"dropped_by_experts/{problem}", _dropped_share(results))
                self._write_load(problem, results[-1])
            for name in ("learning_rate", "gradient_norm", "mixture_loss"):
                tf.summary.scalar(f"train/{name}", last[name])
            tf.summary.scalar("train/targets_per_second", tokens_per_second)
            tf.summary.scalar("train/steps_per_second", steps_per_second)
        self._writer.flush()

    @staticmethod
    def _write_load(problem: str, result: dict) -> None:
        for part in ("encoder", "decoder"):
            load = result.get(f"load_{part}")
            if load is not None:
                share = load / tf.maximum(tf.reduce_sum(load), 1e-9)
                tf.summary.histogram(f"mixture_load_{part}/{problem}", share)
                tf.summary.scalar(
                    f"mixture_load_max_{part}/{problem}", tf.reduce_max(share) * tf.size(load, tf.float32)
                )

    def evaluation(self, records: list[dict[str, Any]]) -> None:
        """Writes the scalars of an evaluation."""
        with self._kept():
            for record in records:
                with self._writer.as_default(step=record["step"]):
                    for name, value in record.items():
                        if isinstance(value, float):
                            tf.summary.scalar(f"{record['split']}_{name}/{record['problem']}", value)
            self._writer.flush()

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Summaries that cannot be written, e.g. on a full disk, do not stop a training."""
        try:
            yield
        except tf.errors.OpError as error:
            if not self._told:
                self._told = True
                print_warning(f"TensorBoard's events are not written ({error.message[:200]}); training goes on")
