"""Which tasks help which: pairs, all but one, and what gradients and experts say of them."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np

from t2t_multimodel.experiments import plots
from t2t_multimodel.experiments.declare import ROLES, Claim, Scale, Table, Variant
from t2t_multimodel.experiments.document import Block, Figure
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import between
from t2t_multimodel.experiments.statistics import rank_agreement
from t2t_multimodel.experiments.variants import JOINT, alone, joint, together


def pair(first: str, second: str) -> Variant:
    """Two tasks together, in one order."""
    return together(sorted((first, second), key=ROLES.index))


def _variants(scale: Scale) -> Sequence[Variant]:
    pairs = [pair(*roles) for roles in itertools.combinations(ROLES, 2)]
    return [joint(), *map(alone, ROLES), *pairs, *(joint(without=role) for role in ROLES)]


def _claims(scale: Scale) -> Sequence[Claim]:
    return ()


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


_SIGNS = {
    "gradient cosines": lambda readings: of_gradients(readings, "cosine"),
    "effect of a step": lambda readings: of_gradients(readings, "effect"),
    "experts shared": shared_experts,
}


def _report(readings: Readings) -> list[Block]:
    pairs, presence = gains_of_pairs(readings), gains_of_presence(readings)
    signs = {name: of(readings) for name, of in _SIGNS.items()}
    shown = {
        "gains-of-pairs": (pairs, "Gain of the column's task from training with the row's, in baselines."),
        "gains-of-presence": (presence, "Gain of the column's task from the row's among all nine, in baselines."),
    }
    blocks: list[Block] = []
    for name, (values, caption) in shown.items():
        blocks.append(Figure(name, plots.matrix(values, ROLES, ROLES), caption))
    for name, values in signs.items():
        caption = f"{name[0].upper()}{name[1:]}, of the row's task on the column's."
        blocks.append(Figure(name.replace(" ", "-"), plots.matrix(values, ROLES, ROLES), caption))
    rows = [[name, *(_agreement(values, gains) for gains in (pairs, presence))] for name, values in signs.items()]
    head = ["what predicts", "agreement with gains of pairs", "agreement with gains of presence"]
    caption = "Spearman's rank correlation over ordered pairs of tasks, with a 95% interval by bootstrap over tasks."
    return [*blocks, TableBlock(head, rows, caption)]


def _agreement(values: np.ndarray, gains: np.ndarray) -> str:
    interval = rank_agreement(values, gains)
    return between(interval, "+.2f") if math.isfinite(interval.mean) else ""


TABLE = Table(
    name="affinity",
    title="Affinity: which tasks help which",
    question="Measured by pairs and by leaving one of nine out, beside what one run tells of it: cosines of gradients,"
    " what a step of one task does to another's loss, and the experts that two tasks share.",
    variants=_variants,
    claims=_claims,
    report=_report,
)
