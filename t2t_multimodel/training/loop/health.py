"""Health of a training: steps whose loss or gradient is not finite are skipped, counted, and end it in time."""

from __future__ import annotations

import math
from collections import Counter

from t2t_multimodel.training.loop.controller import StepOutput


class Health:
    """Counts skipped steps, by problem and in a row.

    The step itself leaves weights and moments as they are where its loss or gradient norm is not finite; here its value
    ``skipped`` is read, for several steps at once, so that no step is waited for.

    Args:
        max_skipped_steps: so many skipped steps in a row, of one problem or of the run, end the training.
        step: number of steps that earlier sessions finished.

    Attributes:
        skipped: number of skipped steps by problem.
        proven: the last step whose loss was finite: the weights before it are good.
        failure: why the training cannot go on, or None.

    Example:
        health = Health(max_skipped_steps=10)
        controller.run(1000, [health])
        health.check()
    """

    def __init__(self, max_skipped_steps: int, *, step: int = 0):
        self._max = max_skipped_steps
        self._pending: list[StepOutput] = []
        self._in_a_row: Counter[str] = Counter()
        self._all_in_a_row = 0
        self.skipped: Counter[str] = Counter()
        self.proven = step
        self.failure: str | None = None

    def __call__(self, output: StepOutput) -> bool:
        """Takes a step's output; looks at those before it now and then. Gives whether the training must end."""
        self._pending.append(output)
        if len(self._pending) > self._max:
            self._examine(self._pending[:-1])
        return self.failure is not None

    def check(self) -> bool:
        """Looks at all steps so far; gives whether the last one was not skipped."""
        self._examine(self._pending)
        return not self._all_in_a_row

    @property
    def in_a_row(self) -> bool:
        """Whether the last steps of all problems were skipped, as many as are allowed: the weights are no good."""
        return self._all_in_a_row >= self._max

    def summary(self) -> str:
        """The skipped steps of each problem in one line; "" where there were none."""
        counts = ", ".join(f"{problem} {count}" for problem, count in sorted(self.skipped.items()))
        total = sum(self.skipped.values())
        return f"steps skipped because loss or gradient was not finite: {total} ({counts})" if total else ""

    def _examine(self, outputs: list[StepOutput]) -> None:
        self._pending = self._pending[len(outputs) :]
        for output in outputs:
            if not float(output.values["skipped"]):
                self._in_a_row.update({problem: -self._in_a_row[problem] for problem, _ in output.parts})
                self._all_in_a_row, self.proven = 0, output.step
                continue
            ill = _ill_problems(output)
            self.skipped.update(ill)
            self._in_a_row.update(ill)
            self._all_in_a_row += 1
            if self.failure is None and max(self._all_in_a_row, *map(self._in_a_row.get, ill)) >= self._max:
                self.failure = f"{self._max} steps in a row had a loss or gradient that is not finite, {_words(output)}"


def _ill_problems(output: StepOutput) -> set[str]:
    """The problems of a skipped step whose own loss is not finite; all of them where that cannot be told."""
    problems = {problem for problem, _ in output.parts}
    return {problem for problem, values in output.parts if not math.isfinite(float(values["loss"]))} or problems


def _words(output: StepOutput) -> str:
    loss, norm = (float(output.values[name]) for name in ("loss", "gradient_norm"))
    return (
        f"the last one step {output.step}, {output.problem}, batch {output.values['batch']}, loss {loss:.4g}, gradient"
        f" norm {norm:.4g}"
    )
