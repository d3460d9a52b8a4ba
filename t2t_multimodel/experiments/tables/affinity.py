"""Which tasks help which: pairs, all but one, and what gradients and experts say of them."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.experiments import plots
from t2t_multimodel.experiments.declare import ROLES, Scale, Table, Variant
from t2t_multimodel.experiments.document import Block, Figure
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import between
from t2t_multimodel.experiments.statistics import rank_agreement
from t2t_multimodel.experiments.variants import JOINT, alone, joint, joint_and_alone, together


def pair(first: str, second: str) -> Variant:
    """Two tasks together, in one order."""
    return together(sorted((first, second), key=ROLES.index))


def _variants(scale: Scale) -> Sequence[Variant]:
    pairs = [pair(*roles) for roles in itertools.combinations(ROLES, 2)]
    return [*joint_and_alone(scale), *pairs, *(joint(without=role) for role in ROLES)]


def gains_of_pairs(readings: Readings) -> np.ndarray:
    """By how much a row's task helps a column's: relative loss alone minus that of the pair; NaN where not run."""
    found = np.full([len(ROLES)] * 2, np.nan)
    for (i, helper), (j, helped) in itertools.permutations(enumerate(ROLES), 2):
        values = readings.difference(alone(helped).name, pair(helper, helped).name, [helped]).values()
        found[i, j] = statistics.mean(values) if values else np.nan
    return found


def gains_of_presence(readings: Readings) -> np.ndarray:
    """As `gains_of_pairs`, within all nine: relative loss without the row's task minus that with it."""
    found = np.full([len(ROLES)] * 2, np.nan)
    for (i, helper), (j, helped) in itertools.permutations(enumerate(ROLES), 2):
        values = readings.difference(joint(without=helper).name, JOINT, [helped]).values()
        found[i, j] = statistics.mean(values) if values else np.nan
    return found


def of_gradients(readings: Readings, name: str) -> np.ndarray:
    """Mean over seeds of ``cosine`` or ``effect``, rows and columns in the order of the roles."""
    found = []
    for result in readings.results(JOINT).values():
        if result["gradients"]:
            places = [result["gradients"]["problems"].index(readings.scale.tasks[role]) for role in ROLES]
            found.append(np.array(result["gradients"][name], float)[np.ix_(places, places)])
    return np.mean(found, 0) if found else np.full([len(ROLES)] * 2, np.nan)


def shared_experts(readings: Readings) -> np.ndarray:
    """Overlap of the encoder's experts: sum over experts of the smaller of two tasks' shares, mean over seeds."""
    found = []
    for result in readings.results(JOINT).values():
        loads = [result["loads"][readings.scale.tasks[role]].get("encoder") for role in ROLES]
        if all(loads):
            found.append(np.minimum(np.array(loads)[:, None], np.array(loads)[None]).sum(-1))
    return np.mean(found, 0) if found else np.full([len(ROLES)] * 2, np.nan)


def _report(readings: Readings) -> list[Block]:
    gains = {"gains of pairs": gains_of_pairs(readings), "gains of presence": gains_of_presence(readings)}
    signs = {
        "gradient cosines": of_gradients(readings, "cosine"),
        "effect of a step": of_gradients(readings, "effect"),
        "shared experts": shared_experts(readings),
    }
    blocks: list[Block] = [_figure(readings, name, values) for name, values in {**gains, **signs}.items()]
    rows = [[name, *(_agreement(values, measured) for measured in gains.values())] for name, values in signs.items()]
    caption = "Spearman's rank correlation over ordered pairs of tasks, with a 95% interval by bootstrap over tasks."
    return [*blocks, TableBlock(["what predicts", *(f"agreement with {name}" for name in gains)], rows, caption)]


_CAPTIONS = {
    "gains of pairs": ("What the column's task gains from training with the row's: relative loss, mean of seeds.", 3),
    "gains of presence": ("What the column's task gains from the row's among all nine: relative loss.", 3),
    "gradient cosines": ("Cosines of the gradients of two tasks, over the variables that both reach.", 2),
    "effect of a step": ("Share of the column's loss that a small step along the row's gradient takes away.", 4),
    "shared experts": ("Overlap of the experts of the encoder that serve two tasks, from 0 to 1.", 2),
}


def _figure(readings: Readings, name: str, values: np.ndarray) -> Figure:
    caption, digits = _CAPTIONS[name]
    others = np.where(np.eye(len(ROLES), dtype=bool), np.nan, values)  # what a task has with itself says nothing
    drawing = plots.matrix(others, ROLES, ROLES, form=f"{{:+.{digits}f}}")
    return Figure(f"{readings.scale.name}_{name.replace(' ', '_')}", drawing, caption)


def _agreement(values: np.ndarray, gains: np.ndarray) -> str:
    interval = rank_agreement(values, gains)
    return between(interval, "+.2f") if math.isfinite(interval.mean) else ""


TABLE = Table(
    name="affinity",
    title="Affinity: which tasks help which",
    question="Measured by pairs and by leaving one of nine out, beside what one run tells of it: cosines of gradients,"
    " what a step of one task does to another's loss, and the experts that two tasks share.",
    variants=_variants,
    report=_report,
)
