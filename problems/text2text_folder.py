"""Your own pairs of texts in a folder, without code."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import SourceError
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.problems.readers.layout import of_split
from t2t_multimodel.problems.readers.text import TextFile, are_column_names, decoded_lines
from t2t_multimodel.problems.readers.text_pairs import PAIR_OPTIONS, pair_examples, read_pairs
from t2t_multimodel.registry import register_problem


@register_problem("text2text_folder")
class Text2TextFolder(Problem):
    """Any text to any text: translation, summaries, answers.

    ``--source_dir`` holds, for each split (train, dev, test), either ``train.inputs.txt`` and ``train.targets.txt``
    with one example a line, or ``train.tsv`` with inputs and targets separated by one tab; each may end in .gz.
    Only train is needed. The command token is ``to_text``; a task that needs another one needs a Problem class.
    Options: see `text_pairs.PAIR_OPTIONS`.
    """

    inputs = SymbolSpec()
    targets = SymbolSpec()
    command = "to_text"
    metrics = ("bleu", "chrf", "ter")
    options = dict(PAIR_OPTIONS)
    source_help = (
        "put train.inputs.txt and train.targets.txt, or train.tsv, in a folder (dev and test alike) and give "
        "--source_dir=FOLDER"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Pairs in the order of the files."""
        yield from pair_examples(self._pairs(split, source), source, training=split == "train")

    def _pairs(self, split: str, source: Source) -> Iterator[tuple[str, str]]:
        folder = self.require_source(source)
        inputs, targets, table = (_file(folder, split, name) for name in ("inputs.txt", "targets.txt", "tsv"))
        if table and (inputs or targets):
            raise SourceError(f"{table} and {inputs or targets} both exist for {split}; keep one of the two")
        if (inputs is None) != (targets is None):
            raise SourceError(f"{inputs or targets} lacks its other side; {self.source_help}")
        if inputs and targets:
            yield from read_pairs(inputs, targets, source)
        elif table:
            yield from _read_table(table, source)
        elif split == "train":
            raise SourceError(f"{folder} holds no training files; {self.source_help}")


def _file(folder: pathlib.Path, split: str, name: str) -> TextFile | None:
    path = of_split(folder, split, f".{name}") or of_split(folder, split, f".{name}.gz")
    return TextFile(path) if path else None


def _read_table(file: TextFile, source: Source) -> Iterator[tuple[str, str]]:
    for number, text in decoded_lines(file, source):
        columns = text.split("\t")
        if number == 1 and are_column_names(columns):
            source.note("looks like column names", f"{file}: line 1", "kept as an example, delete it if it is none")
        if len(columns) != 2:
            source.drop("not two columns", f"{file}: line {number} has {len(columns)}")
            continue
        yield columns[0], columns[1]
