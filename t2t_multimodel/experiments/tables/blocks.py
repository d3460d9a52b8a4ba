"""Table 4: what each kind of block gives to the joint model."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.experiments.declare import ROLES, TRANSLATIONS, Claim, Scale, Table, Variant
from t2t_multimodel.experiments.document import Block, Paragraph
from t2t_multimodel.experiments.document import Table as TableBlock
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.show import interval_text, loss_and_accuracy
from t2t_multimodel.experiments.variants import JOINT, joint, without_block

_LITTLE = 0.01
_PAPER = {
    (JOINT, "images"): "1.6 67%",
    ("mixture", "images"): "1.6 66%",
    ("attention", "images"): "1.6 67%",
    (JOINT, "en-fr"): "1.2 76%",
    ("mixture", "en-fr"): "1.3 74%",
    ("attention", "en-fr"): "1.4 72%",
}


def removed(scale: Scale) -> dict[tuple[str, str], Variant]:
    """Variants by block and budget."""
    return {key: without_block(*key, hparams) for key, hparams in scale.removed.items()}


def _variants(scale: Scale) -> Sequence[Variant]:
    return [joint(), *removed(scale).values()]


def _claims(scale: Scale) -> Sequence[Claim]:
    found = []
    for (block, budget), variant in removed(scale).items():
        found.append(
            Claim(
                text=f"The {block} never harms: pictures are no worse with it, at equal {budget}.",
                first=JOINT,
                second=variant.name,
                roles=("images",),
                kind="not_greater",
                margin=_LITTLE,
            )
        )
        if block != "convolution":
            text = f"Translations gain from the {block}, at equal {budget}."
            found.append(Claim(text=text, first=JOINT, second=variant.name, roles=TRANSLATIONS))
    return found


def _report(readings: Readings) -> list[Block]:
    named = {JOINT: JOINT, **{variant.name: block for (block, _), variant in removed(readings.scale).items()}}
    rows = []
    for variant, block in named.items():
        results = list(readings.results(variant).values())
        if not results:
            continue
        flops = sum(results[0]["flops"].values())
        cells = [loss_and_accuracy(readings, variant, role) for role in ("images", "en-fr")]
        against = "" if variant == JOINT else interval_text(readings.difference(variant, JOINT, ROLES), "+.3f")
        paper = " / ".join(filter(None, (_PAPER.get((block, role)) for role in ("images", "en-fr"))))
        rows.append([variant, f"{results[0]['parameters']:,}", f"{flops / 1e9:.2f}", *cells, against, paper])
    head = ["model", "parameters", "GFLOPs of nine batches", "images: loss; accuracy", "en-fr: loss; accuracy"]
    head += ["mean of nine against all blocks", "paper: images / en-fr"]
    note = (
        "Without mixture there are no experts. Without attention every position of mixer and decoder gets the mean of"
        " what it may see, of its own past and of the source. Without convolution all kernels of the body have one tap."
        " The depth is then chosen so that parameters, or FLOPs of a step on a batch of each task, are nearest to those"
        " of the model with all blocks: a comparison that the paper did not make."
    )
    return [
        Paragraph(note),
        TableBlock(head, rows, "Loss in nats a target and accuracy on dev; mean and 95% interval."),
    ]


TABLE = Table(
    name="4",
    title="Table 4: what the blocks give",
    question="The joint model with all blocks, and without one kind of them, at equal parameters and at equal FLOPs.",
    variants=_variants,
    claims=_claims,
    report=_report,
)
