"""What t2t-decoder is asked to decode: lines of a file or of standard input, or the files of a folder."""

from __future__ import annotations

import dataclasses
import glob
import os
import pathlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TextIO

from t2t_multimodel import paths
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
        return Requests(_from_lines(stream_lines(sys.stdin), "line ", problems))
    if is_many(source):
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
    for number, line in enumerate(lines, 1):
        place = f"{where}{number}"
        if isinstance(line, InvalidUtf8Error):
            yield Request(only or "", "", place, not_utf8(line))
        elif only is not None:
            yield Request(only, line, place)
        else:
            yield _with_problem(line, place, problems)


def not_utf8(line: InvalidUtf8Error) -> str:
    """What is wrong with a line that is not UTF-8, with the cure."""
    return f"{line}; save the text as UTF-8"


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
    files = [pathlib.Path(path) for path in sorted(glob.glob(pattern))]
    found = [Request(name, str(path), str(path)) for path in files if path.is_file() and not path.name.startswith(".")]
    if not found:
        raise DecodeError(f"{source} has no files; give a folder or a pattern of files")
    return found


def places_by_problem(requests: Sequence[Request]) -> dict[str, list[int]]:
    """Which of the inputs are of each problem; those that cannot be tried are left out."""
    places = defaultdict(list)
    for at, request in enumerate(requests):
        if request.error is None:
            places[request.problem].append(at)
    return places


def stream_lines(stream: TextIO) -> Iterator[str | InvalidUtf8Error]:
    """Lines of a stream as soon as they are there; bytes are read, as the locale may name another encoding.

    Raises:
        DecodeError: the text is UTF-16.
    """
    stream = getattr(stream, "buffer", stream)
    lines = (line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for line in stream)
    try:
        yield from decode_lines(lines)
    except BadExampleError as error:
        raise DecodeError(f"the input is {error}") from None


def is_many(source: str) -> bool:
    """Whether a source is a folder or a pattern, not one file.

    Example:
        ```python
        from t2t_multimodel.decoding.lines.requests import is_many

        is_many("pictures/*.jpg")  # True
        ```
    """
    if paths.is_remote(source):  # an address may have signs of a pattern
        return False
    return os.path.isdir(source) or (glob.has_magic(source) and not os.path.exists(source))
