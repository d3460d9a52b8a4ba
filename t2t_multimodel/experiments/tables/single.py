"""Table 2: joint training against training alone."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.experiments.declare import ROLES, TRANSLATIONS, Claim, Scale, Table
from t2t_multimodel.experiments.document import Block, Paragraph
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import interval_text, loss_and_accuracy
from t2t_multimodel.experiments.variants import JOINT, alone, joint_and_alone

_LITTLE = 0.02  # of a baseline's loss: what "loses little" means
_PAPER = {
    "images": "1.7 66% / 1.6 67%",
    "en-de": "1.4 72% / 1.4 71%",
    "speech": "4.4 41% / 5.7 23%",
    "parsing": "0.15 98% / 0.2 97%",
}
_ALONE = {role: alone(role).name for role in ROLES}


def _claims(scale: Scale) -> Sequence[Claim]:
    rich = ("images", *TRANSLATIONS)
    return (
        Claim(
            text="Speech and parsing, the tasks with least data in the paper, gain from joint training.",
            first=JOINT,
            second=_ALONE,
            roles=("speech", "parsing"),
        ),
        Claim(
            text="Tasks with much data, pictures and translations, lose little by joint training.",
            first=JOINT,
            second=_ALONE,
            roles=rich,
            kind="not_greater",
            margin=_LITTLE,
        ),
        Claim(
            text="One joint model is better than nine models that share its budget.",
            first=JOINT,
            second=_ALONE,
            roles=ROLES,
        ),
    )


def _report(readings: Readings) -> list[Block]:
    rows = []
    for role in ROLES:
        cells = [loss_and_accuracy(readings, name, role) for name in (JOINT, _ALONE[role])]
        rows.append(
            [role, *cells, interval_text(readings.difference(JOINT, _ALONE, [role]), "+.3f"), _PAPER.get(role, "")]
        )
    rows.append(["mean of nine", "", "", interval_text(readings.difference(JOINT, _ALONE, ROLES), "+.3f"), ""])
    head = [
        "task",
        "joint: loss; accuracy",
        "alone: loss; accuracy",
        "joint - alone, of the baseline's loss",
        "paper: joint / alone",
    ]
    note = (
        "A joint run takes a batch of each task in turn, and so many of each as the task's own run. Equal steps of the"
        " task are therefore also equal total compute: nine models alone take what the joint one takes. They have nine"
        " times its parameters."
    )
    return [Paragraph(note), TableBlock(head, rows, "Loss in nats a target and accuracy on dev, teacher-forced.")]


TABLE = Table(
    name="2",
    title="Table 2: joint training and training alone",
    question="Does a task gain or lose when one model learns all nine, at equal steps of the task and equal total"
    " compute?",
    variants=joint_and_alone,
    claims=_claims,
    report=_report,
)
