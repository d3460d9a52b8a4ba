"""What TensorBoard draws of a training: values by problem, the mix, the load of experts, hyperparameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.mixing import ProblemMixer
from t2t_multimodel.data.inspect.heat_map import named_heat_map
from t2t_multimodel.training.watch.events import Events
from t2t_multimodel.training.watch.intervals import Interval, ProblemValues


class Summaries:
    """Writes intervals and evaluations.

    Args:
        events: where to.
        mixer: of the training, or None: nothing is told of the mix.

    Example:
        summaries = Summaries(Events("run/events"), trainer.mixer)
        intervals = Intervals([summaries.interval], train_steps=100, start=0, seconds=10.0)
    """

    def __init__(self, events: Events, mixer: ProblemMixer | None = None):
        self._events, self._mixer = events, mixer
        self._mixtures: dict[str, dict[str, np.ndarray]] = defaultdict(dict)

    def interval(self, interval: Interval) -> None:
        """Writes the scalars of a while, and keeps the loads of experts for the next heat maps."""
        with self._events.at(interval.step):
            for problem, values in interval.problems.items():
                _write_problem(problem, values)
            if self._mixer is not None:
                self._write_mix(interval.step, self._mixer)
            tf.summary.scalar("train/mixture_loss", interval.mixture_loss)
            tf.summary.scalar("train/targets_per_second", interval.targets_per_second)
            tf.summary.scalar("train/steps_per_second", interval.steps_per_second)
        for problem, values in interval.problems.items():
            for name, sums in values.mixtures.items():
                self._mixtures[name][problem] = self._mixtures[name].get(problem, 0.0) + sums

    @staticmethod
    def _write_mix(step: int, mixer: ProblemMixer) -> None:
        for (problem, mix), probability in zip(mixer.mix().items(), mixer.probabilities(step)):
            tf.summary.scalar(f"mix/{problem}/wanted", mix.wanted)
            tf.summary.scalar(f"mix/{problem}/realised", mix.realised)
            tf.summary.scalar(f"mix/{problem}/probability", probability)

    def heat_maps(self, step: int) -> None:
        """Writes what experts did for the problems since the last call: a row a problem, a column an expert."""
        with self._events.at(step):
            for name, by_problem in self._mixtures.items():
                shares = np.stack([sums / max(float(sums.sum()), 1e-9) for sums in by_problem.values()])
                columns = [str(expert) for expert in range(shares.shape[1])]
                picture = named_heat_map(shares, list(by_problem), columns)
                tf.summary.image(f"mixture_{name}", picture[np.newaxis])
        self._mixtures.clear()

    def evaluation(self, records: list[dict[str, Any]]) -> None:
        """Writes the scalars of an evaluation, and the heat maps of the steps before it."""
        for record in records:
            with self._events.at(record["step"]):
                for name, value in record.items():
                    if isinstance(value, float):
                        tf.summary.scalar(f"{record['split']}_{name}/{record['problem']}", value)
        if records:
            self.heat_maps(records[0]["step"])


def _write_problem(problem: str, values: ProblemValues) -> None:
    tf.summary.scalar(f"loss/{problem}", values.loss)
    tf.summary.scalar(f"token_accuracy/{problem}", values.accuracy)
    tf.summary.scalar(f"skipped/{problem}", values.skipped)
    tf.summary.scalar(f"learning_rate/{problem}", values.learning_rate)
    tf.summary.scalar(f"gradient_norm/{problem}", values.gradient_norm)
    if values.dropped is not None:
        tf.summary.scalar(f"dropped_by_experts/{problem}", values.dropped)
    for part in ("encoder", "decoder"):
        if (load := values.mixtures.get(f"load_{part}")) is not None:
            share = load / max(float(load.sum()), 1e-9)
            tf.summary.histogram(f"mixture_load_{part}/{problem}", share)
            tf.summary.scalar(f"mixture_load_max_{part}/{problem}", share.max() * len(share))


def write_hparams(events: Events, values: Mapping[str, Any], run: str) -> None:
    """Writes hyperparameters for TensorBoard's HPARAMS page, which shows them with the last value of each scalar.

    Args:
        events: of the run.
        values: numbers, truth values and text by name.
        run: tells this run from others with the same values.
    """
    from tensorboard.plugins.hparams import api

    with events.at(0):
        api.hparams(dict(values), trial_id=run)
