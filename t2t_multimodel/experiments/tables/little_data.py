"""Table 3: tasks with little data, alone and in company, at several sizes of their corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from t2t_multimodel.experiments import plots
from t2t_multimodel.experiments.declare import Claim, Scale, Table, Variant
from t2t_multimodel.experiments.document import Block, Figure
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import interval_text
from t2t_multimodel.experiments.statistics import mean_interval
from t2t_multimodel.experiments.variants import alone, joint, together

_COMPANION = "images"
_PAPER = {"alone": "0.20 97.1% 11.7%", "with images": "0.16 97.5% 12.7%", "with all": "0.15 97.9% 14.5%"}


def company(scale: Scale, role: str, size: int) -> dict[str, Variant]:
    """The variants of a task with `size` training examples, by their company; the largest size is the whole corpus."""
    limit = size if size < max(scale.sizes[role]) else 0
    found = {"alone": alone(role, limit)}
    if role == "parsing":
        found["with images"] = together((role, _COMPANION), limit)
    found["with all"] = joint(limited=(role, limit)) if limit else joint()
    return found


def _all(scale: Scale) -> Iterator[tuple[str, int, str, Variant]]:
    for role, sizes in scale.sizes.items():
        for size in sizes:
            for name, variant in company(scale, role, size).items():
                yield role, size, name, variant


def _variants(scale: Scale) -> Sequence[Variant]:
    return [variant for *_, variant in _all(scale)]


def _claims(scale: Scale) -> Sequence[Claim]:
    least = {role: company(scale, role, min(sizes)) for role, sizes in scale.sizes.items()}
    most = company(scale, "parsing", max(scale.sizes["parsing"]))

    def names(who: str) -> dict[str, str]:
        return {role: found[who].name for role, found in least.items()}

    return (
        Claim(
            text="Tasks with little data gain from training with all others (smallest corpora).",
            first=names("with all"),
            second=names("alone"),
            roles=tuple(least),
        ),
        Claim(
            text="Parsing gains from training with pictures, a task that is not like it (smallest corpus).",
            first=least["parsing"]["with images"].name,
            second=least["parsing"]["alone"].name,
            roles=("parsing",),
        ),
        Claim(
            text="Parsing gains from training with pictures (whole corpus).",
            first=most["with images"].name,
            second=most["alone"].name,
            roles=("parsing",),
        ),
        Claim(
            text="Parsing gains more from all tasks than from pictures (whole corpus).",
            first=most["with all"].name,
            second=most["with images"].name,
            roles=("parsing",),
        ),
    )


def _report(readings: Readings) -> list[Block]:
    blocks: list[Block] = []
    for role, sizes in readings.scale.sizes.items():
        rows, series = [], {}
        for size in sizes:
            for name, variant in company(readings.scale, role, size).items():
                losses = readings.loss(variant.name, role)
                scores = losses, readings.accuracy(variant.name, role), readings.sequences(variant.name, role)
                paper = _PAPER[name] if role == "parsing" and size == max(sizes) else ""
                rows.append([str(size), name, *map(interval_text, scores), paper])
                if losses:
                    series.setdefault(name, {})[size] = mean_interval(losses.values())
        head = [
            "examples",
            f"{role}, trained",
            "loss",
            "accuracy",
            "whole outputs",
            "paper: loss, accuracy, whole trees",
        ]
        blocks.append(TableBlock(head, rows, f"{role}: dev, teacher-forced; mean and 95% interval over seeds."))
        drawn = [plots.Series.of(name, points) for name, points in series.items()]
        if drawn:
            svg = plots.curves(drawn, x_label="training examples", y_label="loss, nats a target", log_x=True)
            blocks.append(
                Figure(f"{readings.scale.name}_little_data_{role}", svg, f"{role}: loss over the size of the corpus.")
            )
    return blocks


TABLE = Table(
    name="3",
    title="Table 3: tasks with little data",
    question="A task alone, with pictures (parsing), and with all others, when so many of its training examples exist."
    " The batches of the task are as many at each size.",
    variants=_variants,
    claims=_claims,
    report=_report,
)
