"""Decoding of what a person types, with line editing and history; `:problem NAME` changes the problem."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from t2t_multimodel import registry
from t2t_multimodel.data.text_lines import InvalidUtf8Error
from t2t_multimodel.decoding.lines.output_lines import text_line
from t2t_multimodel.decoding.lines.requests import Request, not_utf8, stream_lines
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import ProblemDecoder

_HELP = ":problem NAME changes the problem; :problems lists them; :quit or Ctrl-D ends"


def decode_interactive(
    decoder_of: Callable[[str], ProblemDecoder], problems: Sequence[str], stream: TextIO | None = None
) -> int:
    """Decodes line by line until the end of input; returns how many lines failed.

    Args:
        decoder_of: gives the decoder of a problem; asked once a line, so it should keep them.
        problems: names of all that may be asked for; the first is the one to begin with.
        stream: where lines come from; standard input by default. On a terminal lines can be edited and recalled.

    Raises:
        DecodeError: the input is UTF-16.

    Example:
        ```python
        decode_interactive(model.decoder, model.problems)
        ```
    """
    stream = stream or sys.stdin
    problem, failed, number = problems[0], 0, 0
    on_terminal = stream.isatty()
    if on_terminal:
        print(_HELP, file=sys.stderr, flush=True)
    for line in _typed() if stream is sys.stdin and on_terminal else stream_lines(stream):
        number += 1
        if isinstance(line, str) and line.startswith(":") and line[1:2].isalpha():
            changed = _obey(line, problems)
            if changed is None:
                break
            problem = changed or problem
            continue
        output = _decoded(decoder_of(problem), line)
        failed += output.error is not None
        if output.warning:
            print(f"warning: {output.warning}", file=sys.stderr, flush=True)
        request = Request(problem, str(line), f"line {number}")
        shown = text_line(request, output, decoder_of(problem).hparams)
        print(f"error: {output.error}" if output.error is not None else shown, flush=True)
    return failed


def _obey(line: str, problems: Sequence[str]) -> str | None:
    """Follows a command line; gives the problem it changes to, "" for none, None for the end."""
    command, *words = line[1:].split()
    if command in ("quit", "q", "exit"):
        return None
    if command == "problem" and len(words) == 1:
        if words[0] in problems:
            print(f"problem {words[0]}", file=sys.stderr, flush=True)
            return words[0]
        print(f"error: {registry.unknown_name_message('problem of this run', words[0], problems)}", flush=True)
    elif command == "problems":
        print(*problems, sep="\n", file=sys.stderr, flush=True)
    else:
        print(_HELP, file=sys.stderr, flush=True)
    return ""


def _decoded(decoder: ProblemDecoder, line: str | InvalidUtf8Error) -> Output:
    if isinstance(line, InvalidUtf8Error):
        return Output(error=not_utf8(line))
    (output,) = decoder.decode([line])
    return output


def _typed() -> Iterator[str]:
    """Lines that a person types; importing readline gives `input` editing and history."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    while True:
        try:
            yield input("> ")
        except EOFError:
            print(file=sys.stderr)
            return
