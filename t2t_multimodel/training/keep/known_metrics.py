"""The metrics that a training can be judged by."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from t2t_multimodel import registry
from t2t_multimodel.errors import TrainingError
from t2t_multimodel.runs.selection.chosen_metric import ChosenMetric, scores_of
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.evaluation import SUMS, make_record, with_ema

NONE = "none"


def choose_metric(name: str, problems: Sequence[str], *, averages: bool = False) -> ChosenMetric | None:
    """The metric of a name; None for ``"none"``.

    Args:
        name: ``SCORE`` or ``PROBLEM/SCORE``, the scores being those of the evaluations of a training.
        problems: names of the problems that are trained.
        averages: evaluations also score averaged weights.

    Raises:
        TrainingError: no problem has the score; the message lists those there are.

    Example:
        choose_metric("mini_parsing/token_accuracy", ["mini_parsing"])
    """
    if name == NONE:
        return None
    scores = {problem: _scores(problem, averages) for problem in problems}
    every = dict.fromkeys(score for names in scores.values() for score in names)
    known = [*every, *(f"{problem}/{score}" for problem, names in scores.items() for score in names)]
    if name in known:
        return ChosenMetric(name)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    raise TrainingError(
        f"best_metric {name!r} is not known; {f'did you mean {near[0]!r}? ' if near else ''}give {NONE}, one of"
        f" {', '.join(every)}, or PROBLEM/SCORE with a problem of {', '.join(problems)}"
    )


def _scores(problem: str, averages: bool) -> list[str]:
    record = make_record(Task(registry.problem(problem), 0), np.zeros(len(SUMS)), step=0, split="dev")
    return scores_of(with_ema(record, record) if averages else record)
