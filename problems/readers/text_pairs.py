"""Pairs of texts: two files read side by side, checked and filtered."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Any

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.problems.readers.text import (
    InvalidUtf8Error,
    Line,
    TextFile,
    are_column_names,
    count_lines,
    decode_line,
    read_lines,
)

# For training only: max_length (most words of a side), max_ratio (most words of the longer side per word of the shorter
# side), drop_identical (leaves out pairs with equal sides). For all splits: max_examples (most examples of a split).
# 0 means no limit.
PAIR_OPTIONS = types.MappingProxyType({"max_length": 0, "max_ratio": 0.0, "drop_identical": False, "max_examples": 0})


def read_pairs(first: TextFile, second: TextFile, source: Source) -> Iterator[tuple[str, str]]:
    """Pairs of lines of two files.

    If the files have different numbers of lines, or .sgm files different segments, it is unknown which lines belong
    together: both files are left out and counted as one drop. If a side is not UTF-8, only that pair is dropped.
    """
    fault = _fault(first, second)
    if fault:
        source.drop(*fault)
        return
    pairs = zip(read_lines(first), read_lines(second))
    while True:
        try:
            left, right = next(pairs)
        except StopIteration:
            return
        except BadExampleError as error:
            source.drop("damaged text file, the rest of the pair of files is left out", str(error))
            return
        texts = _decode(first, left, source), _decode(second, right, source)
        if None in texts:
            continue
        if left.number == 1 and are_column_names(texts):
            where = f"{first} and {second}: line 1"
            source.note("looks like column names", where, "kept as an example, delete it if it is none")
        yield texts


def _fault(first: TextFile, second: TextFile) -> tuple[str, str] | None:
    """The reason why two files are not a pair, as arguments of `Source.drop`, or None."""
    try:
        counts = count_lines(first), count_lines(second)
        if counts[0] != counts[1]:
            where = f"{first} ({counts[0]} lines) and {second} ({counts[1]} lines)"
            return "different line counts, the pair of files is left out", where
        if first.is_sgm and second.is_sgm:
            for left, right in zip(read_lines(first), read_lines(second), strict=True):
                if left.key != right.key:
                    where = f"{first} and {second}, segment {left.number}"
                    return "different segments, the pair of files is left out", where
    except BadExampleError as error:
        return "damaged text file, the pair of files is left out", str(error)
    return None


def _decode(file: TextFile, line: Line, source: Source) -> str | None:
    try:
        return decode_line(line)
    except InvalidUtf8Error as error:
        source.drop("invalid UTF-8", f"{file}: {error.where}")
        return None


def pair_examples(pairs: Iterable[tuple[str, str]], source: Source, *, training: bool) -> Iterator[dict[str, Any]]:
    """Examples of the pairs that pass the filters of `PAIR_OPTIONS`; the others are counted by reason."""
    options = {**PAIR_OPTIONS, **source.options}
    limit, yielded = options["max_examples"], 0
    for pair in pairs:
        inputs, targets = (text.strip(" \t\r\n") for text in pair)
        reason = _reason_to_skip(inputs, targets, options if training else PAIR_OPTIONS)
        if not reason and limit and yielded >= limit:
            reason = "over max_examples"
        if reason:
            source.skip(reason)
            continue
        yielded += 1
        yield {"inputs": inputs, "targets": targets}


def _reason_to_skip(inputs: str, targets: str, options: dict[str, Any] | types.MappingProxyType) -> str:
    lengths = sorted((len(inputs.split()), len(targets.split())))
    if not lengths[0]:
        return "empty side"
    if options["max_length"] and lengths[1] > options["max_length"]:
        return "longer than max_length"
    if options["max_ratio"] and lengths[1] > options["max_ratio"] * lengths[0]:
        return "over max_ratio"
    if options["drop_identical"] and inputs == targets:
        return "identical sides"
    return ""
