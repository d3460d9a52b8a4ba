"""Table 1: one model for all tasks, by the field's metrics on the test split."""

from __future__ import annotations

from t2t_multimodel.experiments.declare import ROLES, Table
from t2t_multimodel.experiments.document import Block
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import interval_text
from t2t_multimodel.experiments.variants import JOINT, alone, joint_and_alone

_OF_ROLE = {
    "images": ("top1", "top5"),
    "captions": ("cider", "bleu_4", "rouge_l"),
    "speech": ("wer", "cer"),
    "parsing": ("bracket_f1",),
}
_OF_TRANSLATION = ("bleu", "chrf")
_PAPER = {("images", "top5"): "86% / 95%", ("en-de", "bleu"): "21.2 / 26.0", ("en-fr", "bleu"): "30.5 / 40.5"}


def _report(readings: Readings) -> list[Block]:
    rows = []
    for role in ROLES:
        for metric in _OF_ROLE.get(role, _OF_TRANSLATION):
            cells = [_scores(readings, variant, role, metric) for variant in (JOINT, alone(role).name)]
            rows.append([role, metric, *map(interval_text, cells), _PAPER.get((role, metric), "")])
    head = ["task", "metric", "joint", "alone", "paper: joint / best then"]
    splits = " and ".join(sorted(_splits(readings))) or "test"
    return [TableBlock(head, rows, f"Metrics on {splits}, greedy search; mean and 95% interval over seeds.")]


def _splits(readings: Readings) -> set[str]:
    """Those that the metrics are of: dev where a corpus has no test split."""
    variants = [JOINT, *(alone(role).name for role in ROLES)]
    results = [result for variant in variants for result in readings.results(variant).values()]
    return {record["split"] for result in results for record in result["metrics"]}


def _scores(readings: Readings, variant: str, role: str, metric: str) -> list[float]:
    problem, found = readings.scale.tasks[role], []
    for result in readings.results(variant).values():
        found += [record[metric] for record in result["metrics"] if record["problem"] == problem and metric in record]
    return found


TABLE = Table(
    name="1",
    title="Table 1: one model for all tasks",
    question="The joint model and a model for each task, by the metrics of each field. The paper's scores are of full"
    " corpora and are no yardstick for small ones.",
    variants=joint_and_alone,
    report=_report,
)
