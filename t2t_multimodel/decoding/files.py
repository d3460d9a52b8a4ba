"""Decoding of files and of what a person types."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from t2t_multimodel import paths
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.data.text_lines import InvalidUtf8Error, decode_lines, read_lines
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import ProblemDecoder
from t2t_multimodel.errors import BadExampleError, DecodeError, PathError


def decode_file(decoder: ProblemDecoder, source: str, destination: str | None) -> int:
    """Decodes each line of a file; returns how many lines could not be decoded.

    Args:
        decoder: the decoder.
        source: file of inputs, UTF-8, one a line; a line that is not UTF-8 gives an empty output.
        destination: file of outputs, written atomically; None prints them.

    Raises:
        DecodeError: the file cannot be read or is UTF-16.
        PathError: the outputs cannot be written; they are printed then.
    """
    try:
        lines = read_lines(source)
    except (OSError, BadExampleError) as error:
        raise DecodeError(f"--decode_from_file={source} cannot be read ({error}); give a UTF-8 text file") from None
    outputs, failed = [], 0
    for number, output in enumerate(_decode_lines(decoder, lines), 1):
        failed += output.error is not None
        _print_notes(output, f"{source}:{number}: ")
        outputs.append(output.text.replace("\n", " "))
        if destination is None:
            print(outputs[-1], flush=True)
    if destination is not None:
        _write(destination, outputs)
    return failed


def _write(destination: str, outputs: list[str]) -> None:
    """Writes the outputs, or prints them where that fails: nothing that was computed is lost."""
    try:
        write_atomically(destination, ("\n".join(outputs) + "\n").encode())
    except OSError as error:
        print(*outputs, sep="\n", flush=True)
        error.filename = error.filename or destination
        raise PathError(f"{paths.describe_os_error(error)}; the outputs were printed instead") from error


def decode_interactive(decoder: ProblemDecoder, stream: TextIO = sys.stdin) -> int:
    """Decodes what a person types, line by line, until the end of input; returns how many lines failed."""
    failed = 0
    prompt = "> " if stream.isatty() else ""
    print(prompt, end="", file=sys.stderr, flush=True)
    for output in _decode_typed(decoder, stream):
        failed += output.error is not None
        if output.warning:
            print(f"warning: {output.warning}", file=sys.stderr, flush=True)
        print(f"error: {output.error}" if output.error is not None else output.text, flush=True)
        print(prompt, end="", file=sys.stderr, flush=True)
    return failed


def _decode_lines(decoder: ProblemDecoder, lines: Sequence[str | InvalidUtf8Error]) -> Iterator[Output]:
    """One output a line, in order; a line that is not UTF-8 costs itself alone."""
    outputs = iter(decoder.decode(line for line in lines if isinstance(line, str)))
    for line in lines:
        yield next(outputs) if isinstance(line, str) else Output(error=f"{line}; save the text as UTF-8")


def _decode_typed(decoder: ProblemDecoder, stream: TextIO) -> Iterator[Output]:
    """One output for each line as soon as it is there; bytes are read, as the locale may name another encoding."""
    stream = getattr(stream, "buffer", stream)
    lines = (line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for line in stream)
    try:
        for line in decode_lines(lines):
            yield from _decode_lines(decoder, [line])
    except BadExampleError as error:
        raise DecodeError(f"the input is {error}") from None


def _print_notes(output: Output, where: str) -> None:
    for note in (output.error, output.warning and f"warning: {output.warning}"):
        if note:
            print(f"{where}{note}", file=sys.stderr)
