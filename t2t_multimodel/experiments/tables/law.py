"""A law: the loss alone over the size of the corpus, and what joint training adds to it."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.experiments import law
from t2t_multimodel.experiments.declare import Scale, Table, Variant
from t2t_multimodel.experiments.document import Block, Bullets, Paragraph
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import between
from t2t_multimodel.experiments.tables.little_data import company

_LEAST_SIZES = 3  # as many as the law has parameters


def _variants(scale: Scale) -> Sequence[Variant]:
    return [
        variant
        for role, sizes in scale.sizes.items()
        for size in sizes
        for name, variant in company(scale, role, size).items()
        if name in ("alone", "with all")
    ]


def _report(readings: Readings) -> list[Block]:
    rows, sentences = [], []
    for role in readings.scale.sizes:
        single, both = (_losses(readings, role, name) for name in ("alone", "with all"))
        if sum(len(single[size].keys() & both[size].keys()) > 1 for size in single.keys() & both.keys()) < _LEAST_SIZES:
            continue
        alone, interaction = law.fit(single), law.fit_interaction(single, both)
        for what, found in ((f"{role} alone", alone), (f"{role}, joint - alone", interaction)):
            rows.append([what, *(between(part) for part in (found.constant, found.factor, found.exponent))])
        sentences.append(f"{role}: {_falls(alone)} {_sentence(law.threshold(interaction), interaction.examples)}")
    if not rows:
        return [
            Paragraph("Not run: it needs a task alone and with all at three sizes or more, with two seeds or more.")
        ]
    ends = " and ".join(f"{end:g}" for end in law.EXPONENTS)
    caption = (
        "Loss = constant + factor * examples^-exponent, nats a target; 95% intervals by bootstrap over seeds. An"
        f" exponent at {ends}, the ends of what is tried, is not determined by the sizes measured."
    )
    return [TableBlock(["what", "constant", "factor", "exponent"], rows, caption), Bullets(sentences)]


def _losses(readings: Readings, role: str, name: str) -> law.Losses:
    """Losses by size of the corpus, of the sizes that were run."""
    sizes = readings.scale.sizes[role]
    found = {size: readings.loss(company(readings.scale, role, size)[name].name, role) for size in sizes}
    return {size: losses for size, losses in found.items() if losses}


def _falls(alone: law.PowerLaw) -> str:
    """Whether the loss alone follows a law at all; its factor is held at 0 where the best one would be below."""
    if alone.factor.mean > 0:
        return "the loss alone falls with the examples."
    return (
        "the loss alone does not fall with the examples, so that no law of the size holds: at equal steps, a small"
        " corpus that is seen often is learned no worse than a large one."
    )


def _sentence(found: law.Threshold, measured: Sequence[int]) -> str:
    low, high = (f"{end:,.0f}" for end in found.reach)
    within = f"between {low} and {high} examples, the sizes measured and a factor of 2 beyond"
    sure = f"{found.shares[found.helps]:.0%} of resamples agree"
    if found.examples is None:
        verb = "helps" if found.helps == "throughout" else "does not help"
        return f"Joint training {verb} {within}; {sure}."
    inside = measured[0] <= found.examples.mean <= measured[-1]
    where = between(found.examples, ",.0f") + (" examples" if inside else " examples, a size that was not measured")
    return f"Joint training helps {found.helps} {where} ({within}); {sure}."


TABLE = Table(
    name="law",
    title="A law: when joint training begins to help",
    question="The loss alone as a power law of the training examples, and what joint training adds: a constant for the"
    " competition, and a term that falls with the examples for the synergy (Aghajanyan et al. 2023, arXiv 2301.03728).",
    variants=_variants,
    report=_report,
)
