"""Which problem a step trains: a pure function of (seed, step, mixing state)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.weights import parse_weights

_INITIAL_LOSS = 10.0


class ProblemMixer:
    """Draws the problem of each step and counts the batches each problem has used.

    Schemes: ``uniform``; ``proportional`` to examples^(1/temperature); ``weighted``; ``adaptive``, proportional to
    the moving average of each problem's loss. Tensor2Tensor 1.0.3 takes the averages as logits, which leaves almost no
    steps to all but the worst problem. ``distributed``: the parts of a step train different problems, as far as there
    are so many; which ones is drawn evenly.

    Args:
        problems: names, in the order of `batches` and `losses`.
        examples: number of training examples of each.
        mixing: hparams group.
        seed: of the draws.
    """

    def __init__(self, problems: Sequence[str], examples: Mapping[str, int], mixing, *, seed: int):
        self.problems = list(problems)
        self._seed, self._mixing = seed, mixing
        self.batches = np.zeros(len(self.problems), np.int64)
        self.losses = np.full(len(self.problems), _INITIAL_LOSS)
        self._fixed = self._fixed_weights(examples)
        self._other_problems: dict[str, Mapping[str, float]] = {}

    def _fixed_weights(self, examples: Mapping[str, int]) -> np.ndarray:
        scheme = self._mixing.scheme
        if scheme in ("uniform", "adaptive", "distributed"):
            return np.ones(len(self.problems))
        if scheme == "proportional":
            return np.array([examples[p] for p in self.problems], float) ** (1.0 / self._mixing.temperature)
        if scheme == "weighted":
            weights = parse_weights(self._mixing.weights, "mixing.weights", self.problems)
            return np.array([weights.get(p, 1.0) for p in self.problems])
        raise HParamsError(f"mixing.scheme={scheme!r}; give uniform, proportional, weighted, adaptive or distributed")

    @property
    def needs_losses(self) -> bool:
        """Whether `observe` must be called after each step."""
        return self._mixing.scheme == "adaptive"

    def probabilities(self) -> np.ndarray:
        """Probability of each problem at this state `[problems]`."""
        weights = self.losses if self.needs_losses else self._fixed
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
        return [(self.problems[chosen], self._next(chosen)) for chosen in self._draw(step, parts)]

    def _draw(self, step: int, parts: int) -> list[int]:
        count = len(self.problems)
        if count == 1:
            return [0] * parts
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self._seed, step])))
        if self.distributed:
            return np.resize(rng.permutation(count), parts).tolist()
        return [int(rng.choice(count, p=self.probabilities()))] * parts

    def _next(self, chosen: int) -> int:
        number = int(self.batches[chosen])
        self.batches[chosen] += 1
        return number

    def observe(self, problem: str, loss: float) -> None:
        """Updates the moving average of a problem's loss (adaptive mixing)."""
        i = self.problems.index(problem)
        self.losses[i] = self._mixing.decay * self.losses[i] + (1 - self._mixing.decay) * loss

    def state(self) -> dict[str, Mapping[str, float]]:
        """The state that a checkpoint keeps, by problem name; other problems keep the state that was restored."""
        trained = zip(self.problems, self.batches, self.losses)
        return {**self._other_problems, **{p: {"batches": int(b), "loss": float(loss)} for p, b, loss in trained}}

    def restore(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """The inverse of `state`; problems that the state lacks start afresh."""
        self._other_problems = {problem: values for problem, values in state.items() if problem not in self.problems}
        for i, problem in enumerate(self.problems):
            if problem in state:
                self.batches[i] = int(state[problem]["batches"])
                self.losses[i] = float(state[problem]["loss"])
