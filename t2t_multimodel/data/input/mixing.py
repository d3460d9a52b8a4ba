"""Which problem a step trains: a pure function of (seed, step, mixing state)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from t2t_multimodel.data.input.overfitting import Overfitting
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.weights import Schedule, parse_schedules

_INITIAL_LOSS = 10.0
_LEAST = 1e-3  # of a relative loss, and of a baseline


class Mix(NamedTuple):
    """A problem's part of the batches so far.

    Attributes:
        batches: their number.
        realised: their share of all.
        wanted: the share that the probabilities of these steps asked for.
    """

    batches: int
    realised: float
    wanted: float


class ProblemMixer:
    """Draws the problem of each step and counts the batches each problem has used.

    Schemes: ``uniform``; ``proportional`` to min(examples, cap)^(1/temperature), as T5 mixes (Raffel et al. 2020,
    3.5.2); ``weighted``, constant or by step; ``adaptive``, proportional to the moving average of each problem's loss;
    ``relative``, to that average over the loss of the problem's baseline, where a loss above the baseline counts as the
    baseline. Tensor2Tensor 1.0.3 takes the averages as logits, which leaves almost no steps to all but the worst
    problem. ``distributed``: the parts of a step train different problems, by `weights`; the next is always the one
    that lacks most batches of its share, so that a few steps already hold all problems in their proportion.

    Args:
        problems: names, in the order of `batches` and `losses`.
        examples: number of training examples of each.
        mixing: hparams group.
        seed: of the draws.
        baselines: losses of what predicts without a model, by problem, for ``relative``.

    Raises:
        HParamsError: the scheme is unknown, or weights name other problems or leave a step without any.
    """

    def __init__(
        self,
        problems: Sequence[str],
        examples: Mapping[str, int],
        mixing,
        *,
        seed: int,
        baselines: Mapping[str, float] | None = None,
    ):
        self.problems = list(problems)
        self._seed, self._mixing = seed, mixing
        self.batches = np.zeros(len(self.problems), np.int64)
        losses = [(baselines or {}).get(problem, _INITIAL_LOSS) for problem in self.problems]
        self._baselines = np.maximum(losses, _LEAST)
        self.losses = self._baselines.copy()
        self._wanted = np.zeros(len(self.problems))
        self._weights = self._weights_by_step(examples)
        self._overfitting = Overfitting(mixing.overfit_patience, mixing.overfit_factor)
        self._other_problems: dict[str, Mapping[str, float]] = {}

    def _weights_by_step(self, examples: Mapping[str, int]) -> Callable[[int], np.ndarray]:
        """Weights of the problems as a function of the step."""
        scheme, mixing, ones = self._mixing.scheme, self._mixing, np.ones(len(self.problems))
        if scheme == "uniform":
            return lambda step: ones
        if scheme == "proportional":
            counts = np.minimum([examples[p] for p in self.problems], mixing.cap or np.inf)
            proportional = counts ** (1.0 / mixing.temperature)
            return lambda step: proportional
        if scheme in ("weighted", "distributed"):
            return _scheduled(mixing.weights, self.problems)
        if scheme == "adaptive":
            return lambda step: self.losses
        if scheme == "relative":
            return lambda step: np.clip(self.losses / self._baselines, _LEAST, 1.0)
        raise HParamsError(
            f"mixing.scheme={scheme!r}; give uniform, proportional, weighted, adaptive, relative or distributed"
        )

    @property
    def needs_losses(self) -> bool:
        """Whether `observe` must be called after each step."""
        return self._mixing.scheme in ("adaptive", "relative")

    def probabilities(self, step: int = 0) -> np.ndarray:
        """Probability of each problem at `step` in this state `[problems]`."""
        weights = self._weights(step) * [self._overfitting.factor_of(problem) for problem in self.problems]
        if not weights.any():  # what is left overfits and has the factor 0
            weights = self._weights(step)
        return weights / weights.sum()

    @property
    def distributed(self) -> bool:
        """Whether the parts of a step train different problems."""
        return self._mixing.scheme == "distributed"

    def choose(self, step: int, parts: int = 1) -> list[tuple[str, int]]:
        """What the parts of `step` train: names of problems, and numbers of their batches, which then count as used.

        Unless mixing is distributed, all parts train one problem.

        Args:
            step: number of the step.
            parts: batches of a step.
        """
        probabilities = self.probabilities(step)
        self._wanted += parts * probabilities
        return [(self.problems[chosen], self._next(chosen)) for chosen in self._draw(step, parts, probabilities)]

    def _draw(self, step: int, parts: int, probabilities: np.ndarray) -> list[int]:
        count = len(self.problems)
        if count == 1:
            return [0] * parts
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self._seed, step])))
        if self.distributed:
            return self._most_lacking(parts, probabilities, rng)
        return [int(rng.choice(count, p=probabilities))] * parts

    def _most_lacking(self, parts: int, probabilities: np.ndarray, rng: np.random.Generator) -> list[int]:
        lacking = self._wanted - self.batches + rng.uniform(0, 1e-6, len(self.problems))  # equals in random order
        room = np.ceil(parts * probabilities - 1e-9)  # however much a problem lacks, a step is not all its own
        chosen = []
        for _ in range(parts):
            chosen.append(int(np.where(room > 0, lacking, -np.inf).argmax()))
            lacking[chosen[-1]] -= 1
            room[chosen[-1]] -= 1
        return chosen

    def _next(self, chosen: int) -> int:
        number = int(self.batches[chosen])
        self.batches[chosen] += 1
        return number

    def mix(self) -> dict[str, Mix]:
        """How the batches so far, those of earlier sessions included, were divided among the problems.

        Example:
            for problem, mix in trainer.mixer.mix().items():
                print(problem, mix.batches, f"{mix.realised:.1%} of {mix.wanted:.1%}")
        """
        realised = self.batches / max(self.batches.sum(), 1)
        wanted = self._wanted / max(self._wanted.sum(), 1e-9)
        rows = zip(self.batches.tolist(), realised.tolist(), wanted.tolist())
        return {problem: Mix(*row) for problem, row in zip(self.problems, rows)}

    def observe(self, problem: str, loss: float) -> None:
        """Updates the moving average of a problem's loss (adaptive and relative mixing)."""
        i = self.problems.index(problem)
        self.losses[i] = self._mixing.decay * self.losses[i] + (1 - self._mixing.decay) * loss

    def observe_dev(self, step: int, losses: Mapping[str, float]) -> list[str]:
        """Takes the losses on dev of an evaluation; a problem that overfits is sampled less.

        Args:
            step: of the evaluation.
            losses: by problem.

        Returns:
            a line for each problem whose weight changes by it.
        """
        return self._overfitting.observe(step, {p: loss for p, loss in losses.items() if p in self.problems})

    def state(self) -> dict[str, Mapping[str, float]]:
        """The state that a checkpoint keeps, by problem name; other problems keep the state that was restored."""
        trained = zip(self.problems, self.batches.tolist(), self.losses.tolist(), self._wanted.tolist())
        own = {
            problem: {"batches": batches, "loss": loss, "wanted": wanted, **self._overfitting.state_of(problem)}
            for problem, batches, loss, wanted in trained
        }
        return {**self._other_problems, **own}

    def restore(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """The inverse of `state`; problems that the state lacks start afresh."""
        self._other_problems = {problem: values for problem, values in state.items() if problem not in self.problems}
        for i, problem in enumerate(self.problems):
            if problem in state:
                values = state[problem]
                self.batches[i] = int(values["batches"])
                self.losses[i] = float(values["loss"])
                self._wanted[i] = float(values.get("wanted", values["batches"]))  # older checkpoints do not tell
                self._overfitting.restore(problem, values)


def _scheduled(text: str, problems: Sequence[str]) -> Callable[[int], np.ndarray]:
    """Weights of the hparam `mixing.weights` as a function of the step.

    Raises:
        HParamsError: it names other problems, or at some step all weights are 0.
    """
    given = parse_schedules(text, "mixing.weights", problems)
    schedules = [given.get(problem, Schedule((0,), (1.0,))) for problem in problems]

    def weights(step: int) -> np.ndarray:
        return np.array([schedule.at(step) for schedule in schedules])

    for step in sorted({step for schedule in schedules for step in schedule.steps}):
        if not weights(step).any():  # between points a sum of lines is 0 only where it is 0 at both
            raise HParamsError(f"mixing.weights={text} leaves no problem at step {step}; give one a weight above 0")
    return weights
