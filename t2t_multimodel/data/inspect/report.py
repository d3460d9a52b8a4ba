"""What t2t-inspect prints: counts, lengths, buckets and examples as plain text."""

from __future__ import annotations

import dataclasses
import itertools
import os
import textwrap
from typing import Any

from t2t_multimodel.data.console import table
from t2t_multimodel.data.generation.engine import summary
from t2t_multimodel.data.inspect import lengths as inspect_lengths
from t2t_multimodel.data.inspect.examples import Example, ExampleReader
from t2t_multimodel.data.inspect.lengths import Bin, Bucket
from t2t_multimodel.data.inspect.side import Side
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.errors import MultiModelError

_BAR = 40
_SHOWN_CLASSES = 20


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What there is to show of one split.

    Attributes:
        problem: the problem.
        split: name of the split.
        hparams_name: where the buckets come from.
        metadata: of the problem, or None where its shards were not made by this project.
        damaged: places in the shards that cannot be read.
        total: examples in the split.
        histograms: title to bins of lengths.
        classes: name and training examples of the most frequent classes.
        buckets: rows of the bucket table, the last one of all buckets.
        left_out: examples too long for training.
        examples: those to show.
    """

    problem: Problem
    split: str
    hparams_name: str
    metadata: Metadata | None
    damaged: int
    total: int
    histograms: dict[str, list[Bin]]
    classes: list[tuple[str, int]]
    buckets: list[Bucket]
    left_out: int
    examples: list[Example]

    @property
    def title(self) -> str:
        """The problem and its split."""
        return f"{self.problem.name}, {self.split}"


def inspect_split(
    problem: Problem,
    data_dir: str | os.PathLike,
    split: str,
    *,
    hparams: Any,
    hparams_name: str,
    examples: int = 5,
    start: int = 0,
    strict: bool = False,
) -> Inspection:
    """Looks at one split of a generated problem.

    Args:
        problem: the problem.
        data_dir: folder of the generated data.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        hparams: all hparams, for buckets and spectrograms.
        hparams_name: their name.
        examples: how many are shown.
        start: row of the first one.
        strict: a damaged record is an error instead of being skipped and counted.

    Raises:
        DataError: there are no shards, or they are damaged.
        MultiModelError: `start` is beyond the split.
    """
    reader = ExampleReader(problem, data_dir, split, hparams.modalities, strict=strict)
    index, total = reader.index, len(reader.index)
    if examples and start >= total:
        raise MultiModelError(f"--start={start} is beyond the {total} examples of {problem.name}-{split}; give less")
    histograms = {}
    for name, spec, lengths in (
        ("input", problem.inputs, index.input_length),
        ("target", problem.targets, index.target_length),
    ):
        if spec.length_unit:
            bins = inspect_lengths.histogram(spec.lengths_in_unit(lengths))
            histograms[f"{name} length in {spec.length_unit}"] = bins
    buckets, left_out = inspect_lengths.bucket_table(problem, index, hparams, training=split == "train")
    return Inspection(
        problem=problem,
        split=split,
        hparams_name=hparams_name,
        metadata=reader.metadata,
        damaged=index.skipped,
        total=total,
        histograms=histograms,
        classes=_classes(problem, reader.metadata),
        buckets=buckets,
        left_out=left_out,
        examples=reader.read(range(start, min(start + examples, total))),
    )


def _classes(problem: Problem, metadata: Metadata | None) -> list[tuple[str, int]]:
    if metadata is None or problem.targets.autoregressive:
        return []
    names = metadata.label_names or []
    counts = sorted(metadata.target_histogram.items(), key=lambda item: (-item[1], item[0]))
    return [
        (f"{label} {names[label]}" if label < len(names) else str(label), count)
        for label, count in counts[:_SHOWN_CLASSES]
    ]


def facts(inspection: Inspection) -> list[str]:
    """Lines on how the data were made and what is wrong with them."""
    meta, lines = inspection.metadata, [f"{inspection.total:,} examples in the shards"]
    if inspection.damaged:
        lines.append(f"{inspection.damaged:,} damaged places in the shards are skipped; generate the data again")
    if meta is None:
        return [*lines, "no metadata: the shards were not made by this project's t2t-datagen"]
    options = ", ".join(f"{name}={value}" for name, value in meta.options.items()) or "none"
    lines.append(f"seed {meta.seed}, {meta.settings['train_shards']} training shards, options: {options}")
    lines.append(f"vocabulary {meta.vocabulary}" if meta.vocabulary else "no vocabulary: neither side is text")
    if meta.sources:
        size = sum(source["size"] for source in meta.sources)
        lines.append(f"made from {len(meta.sources):,} files of {size / 1e6:,.1f} MB")
    for split, stats in meta.splits.items():
        lines += [f"{split}: {count:,} left out: {reason}" for reason, count in stats.dropped.items()]
    return lines


def bucket_rows(inspection: Inspection) -> list[list[str]]:
    """The bucket table as text cells, the head first."""
    rows = [["bucket", "examples", "share", "batches", "rows a batch", "input padding", "target padding"]]
    total = max(1, inspection.buckets[-1].examples)
    for bucket in inspection.buckets:
        rows.append(
            [
                inspect_lengths.bound_text(bucket, inspection.problem.inputs),
                f"{bucket.examples:,}",
                f"{bucket.examples / total:.1%}",
                f"{bucket.batches:,}",
                f"{bucket.examples / max(1, bucket.batches):.1f}",
                *("-" if share is None else f"{share:.1%}" for share in (bucket.input_padding, bucket.target_padding)),
            ]
        )
    return rows


def render(inspection: Inspection, width: int = 120) -> str:
    """All of it as text at most about `width` characters wide."""
    parts = [inspection.title, "=" * len(inspection.title), ""]
    if inspection.metadata is not None:
        parts += [summary([inspection.metadata]), ""]
    parts += [*facts(inspection), ""]
    for title, bins in inspection.histograms.items():
        parts += [title, *_bars([(_bin_text(entry), entry.count) for entry in bins]), ""]
    if inspection.classes:
        parts += ["most frequent classes in train", *_bars(inspection.classes), ""]
    parts += [f"batches of {inspection.hparams_name}, each padded to its longest row", table(bucket_rows(inspection))]
    if inspection.left_out:
        parts.append(f"{inspection.left_out:,} examples are longer than batching.max_length and left out of training")
    for example in inspection.examples:
        parts += ["", *_example_lines(example, width)]
    return "\n".join(parts)


def _bin_text(entry: Bin) -> str:
    if isinstance(entry.low, float) and not (entry.low.is_integer() and entry.high.is_integer()):
        return f"{entry.low:.4g} to {entry.high:.4g}"
    return f"{int(entry.low)} to {int(entry.high) - 1}" if entry.high - entry.low > 1 else f"{int(entry.low)}"


def _bars(rows: list[tuple[str, int]]) -> list[str]:
    most = max((count for _, count in rows), default=1)
    left = max((len(name) for name, _ in rows), default=0)
    return [
        f"  {name.rjust(left)} |{'#' * max(bool(count), round(_BAR * count / max(1, most)))} {count:,}"
        for name, count in rows
    ]


def _example_lines(example: Example, width: int) -> list[str]:
    """The two sides beside each other, as two columns."""
    column = max(20, (width - 3) // 2)
    left = _side_lines("inputs", example.inputs, column)
    right = _side_lines("targets", example.targets, column)
    lines = [f"--- example {example.row}"]
    lines += [f"{a.ljust(column)} | {b}".rstrip() for a, b in itertools.zip_longest(left, right, fillvalue="")]
    return lines + [f"{name}: {printable(value)}" for name, value in example.meta.items()]


def _side_lines(name: str, side: Side, column: int) -> list[str]:
    shown = side.drawing.split("\n") if side.drawing else textwrap.wrap(printable(side.text), column) or [""]
    return [f"{name} ({side.size})", *shown]


def printable(text: str) -> str:
    """The text with what a terminal would obey (controls, line ends, lone surrogates) written as escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
