"""What t2t-decoder is asked to decode: lines of a file or of standard input, or the files of a folder."""

from __future__ import annotations

import dataclasses
import glob
import itertools
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.text_lines import InvalidUtf8Error, decode_lines, read_lines
from t2t_multimodel.errors import BadExampleError, DecodeError

STANDARD_INPUT = "-"


@dataclasses.dataclass(frozen=True)
class Request:
    """One input.

    Attributes:
        problem: name of the problem.
        text: the input as it was given: text, or a path.
        where: place of it for messages, such as ``"in.txt:3"``.
        error: why it cannot be decoded, in one line with a cure; None where it can be tried.
    """

    problem: str
    text: str
    where: str
    error: str | None = None


@dataclasses.dataclass(frozen=True)
class Requests:
    """The inputs of one source, in order.

    Attributes:
        items: the inputs; a list unless they come from standard input.
        named: outputs must name their inputs, as the order is that of a folder.
    """

    items: Iterable[Request]
    named: bool = False


def read_requests(source: str, problems: Mapping[str, Problem]) -> Requests:
    """The inputs of a file, of standard input (``-``), of a folder, or of a pattern such as ``pictures/*.jpg``.

    Args:
        source: where they are. Folders and patterns are for one problem whose inputs are files.
        problems: by name; where they are several, each line is ``PROBLEM<tab>INPUT``.

    Raises:
        DecodeError: the source cannot be read, holds nothing, or does not fit the problems.

    Example:
        ```python
        from t2t_multimodel.decoding.lines.requests import read_requests

        read_requests("pictures/*.jpg", {"mini_caption": problem}).items
        ```
    """
    if source == STANDARD_INPUT:
        return Requests(_from_lines(decode_lines(getattr(sys.stdin, "buffer", sys.stdin)), "line ", problems))
    if os.path.isdir(source) or (glob.has_magic(source) and not os.path.exists(source)):
        return Requests(_files_of(source, problems), named=True)
    try:
        lines = read_lines(source)
    except (OSError, BadExampleError) as error:
        raise DecodeError(f"--decode_from_file={source} cannot be read ({error}); give a UTF-8 text file") from None
    return Requests(list(_from_lines(lines, f"{source}:", problems)))


def _from_lines(
    lines: Iterable[str | InvalidUtf8Error], where: str, problems: Mapping[str, Problem]
) -> Iterator[Request]:
    only = next(iter(problems)) if len(problems) == 1 else None
    try:
        for number, line in enumerate(lines, 1):
            place = f"{where}{number}"
            if isinstance(line, InvalidUtf8Error):
                yield Request(only or "", "", place, f"{line}; save the text as UTF-8")
            elif only is not None:
                yield Request(only, line, place)
            else:
                yield _with_problem(line, place, problems)
    except BadExampleError as error:
        raise DecodeError(f"the input is {error}") from None


def _with_problem(line: str, place: str, problems: Mapping[str, Problem]) -> Request:
    name, tab, text = line.partition("\t")
    if not tab or name not in problems:
        cure = f"write PROBLEM, a tab and the input, PROBLEM one of {', '.join(problems)}"
        return Request("", line, place, f"the line names no problem of --problem; {cure}")
    return Request(name, text, place)


def _files_of(source: str, problems: Mapping[str, Problem]) -> list[Request]:
    (name, problem), *more = problems.items()
    if more:
        raise DecodeError(f"{source} does not say which file is for which problem; give one --problem")
    if not problem.inputs.given_by_path:
        raise DecodeError(f"{source} is no text file, and inputs of {name} are lines; give a UTF-8 text file")
    pattern = os.path.join(glob.escape(source), "*") if os.path.isdir(source) else source
    paths = [pathlib.Path(path) for path in sorted(glob.glob(pattern))]
    found = [Request(name, str(path), str(path)) for path in paths if path.is_file() and not path.name.startswith(".")]
    if not found:
        raise DecodeError(f"{source} has no files; give a folder or a pattern of files")
    return found


def windows(items: Iterable[Request], size: int) -> Iterator[list[Request]]:
    """Lists of `size` inputs; the last is what is left."""
    iterator = iter(items)
    while window := list(itertools.islice(iterator, size)):
        yield window
