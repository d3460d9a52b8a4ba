"""Which problem a step trains: a pure function of (seed, step, mixing state)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from t2t_multimodel.errors import HParamsError

_INITIAL_LOSS = 10.0


class ProblemMixer:
    """Draws the problem of each step and counts the batches each problem has used.

    Schemes: ``uniform``; ``proportional`` to examples^(1/temperature); ``weighted``; ``adaptive``, proportional to
    the moving average of each problem's loss (Tensor2Tensor 1.0.3 took the averages as logits instead, which leaves
    all but the worst problem without steps).

    Args:
        problems: names, in the order that the state keeps.
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
        if scheme in ("uniform", "adaptive"):
            return np.ones(len(self.problems))
        if scheme == "proportional":
            return np.array([examples[p] for p in self.problems], float) ** (1.0 / self._mixing.temperature)
        if scheme == "weighted":
            weights = parse_weights(self._mixing.weights, "mixing.weights", self.problems)
            return np.array([weights.get(p, 1.0) for p in self.problems])
        raise HParamsError(f"mixing.scheme={scheme!r}; give uniform, proportional, weighted or adaptive")

    @property
    def needs_losses(self) -> bool:
        """Whether `observe` must be called after each step."""
        return self._mixing.scheme == "adaptive"

    def probabilities(self) -> np.ndarray:
        """Probability of each problem at this state `[problems]`."""
        weights = self.losses if self.needs_losses else self._fixed
        return weights / weights.sum()

    def choose(self, step: int) -> tuple[str, int]:
        """The problem of `step` and the number of its batch; counts the batch as used."""
        if len(self.problems) > 1:
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self._seed, step])))
            chosen = int(rng.choice(len(self.problems), p=self.probabilities()))
        else:
            chosen = 0
        number = int(self.batches[chosen])
        self.batches[chosen] += 1
        return self.problems[chosen], number

    def observe(self, problem: str, loss: float) -> None:
        """Moves a problem's average loss (adaptive mixing)."""
        i = self.problems.index(problem)
        self.losses[i] = self._mixing.decay * self.losses[i] + (1 - self._mixing.decay) * loss

    def state(self) -> dict[str, Mapping[str, float]]:
        """What a checkpoint keeps, by problem name; problems that this run does not train keep what they had."""
        mine = zip(self.problems, self.batches, self.losses)
        return {**self._other_problems, **{p: {"batches": int(b), "loss": float(loss)} for p, b, loss in mine}}

    def restore(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """The inverse of `state`; problems that the state lacks start afresh."""
        self._other_problems = {problem: values for problem, values in state.items() if problem not in self.problems}
        for i, problem in enumerate(self.problems):
            if problem in state:
                self.batches[i] = int(state[problem]["batches"])
                self.losses[i] = float(state[problem]["loss"])


def parse_weights(text: str, hparam: str, problems: Sequence[str] | None = None) -> dict[str, float]:
    """Weights by problem from ``problem:weight|problem:weight``.

    Args:
        text: the hparam's value.
        hparam: its name, for messages.
        problems: the names that are allowed; None allows all.

    Raises:
        HParamsError: an item has no weight or a negative one, or names another problem.

    Example:
        parse_weights("image_imagenet:0.7|speech_wsj:2", "mixing.loss_weights")
    """
    weights = {}
    for item in filter(None, text.split("|")):
        name, _, value = item.partition(":")
        try:
            weights[name] = float(value)
        except ValueError:
            raise HParamsError(f"{hparam} item {item!r} is not problem:weight; write one") from None
        if not 0 <= weights[name] < np.inf:
            raise HParamsError(f"{hparam} item {item!r} has a weight below 0 or not finite; give 0 or more")
        if problems is not None and name not in problems:
            raise HParamsError(
                f"{hparam} item {item!r} names no problem of this run; give one of {', '.join(problems)}"
            )
    return weights
