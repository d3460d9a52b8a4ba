"""Decoding and scoring of files: windows of inputs, each sorted by length, with outputs in the order of the inputs."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence

from t2t_multimodel.data.console import progress
from t2t_multimodel.decoding.lines.output_lines import FORMATS
from t2t_multimodel.decoding.lines.requests import STANDARD_INPUT, Request, Requests, places_by_problem, read_requests
from t2t_multimodel.decoding.lines.resumable_lines import Lines, PrintedLines, ResumableLines
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import BATCHES_OF_A_WINDOW, ProblemDecoder, batches


def decode_file(
    decoders: Mapping[str, ProblemDecoder],
    source: str,
    destination: str | None = None,
    *,
    form: str = "text",
    identity: str = "",
) -> int:
    """Decodes all inputs of a source; returns how many could not be decoded.

    Outputs are written as they come; the same call after an interruption goes on after them.

    Args:
        decoders: by the names of the problems, all with the same `hparams`.
        source: see `read_requests`.
        destination: file of outputs, one line an input, in order; None prints them.
        form: ``"text"`` or ``"json"``, see `output_lines`.
        identity: of the model, such as its folder and step: outputs of another one are not continued.

    Raises:
        DecodeError: the source cannot be read.
        PathError: outputs cannot be written; they are printed then.

    Example:
        ```python
        model = t2t_multimodel.load("run")
        decode_file({"mini_parsing": model.decoder("mini_parsing")}, "in.txt", "out.txt")
        ```
    """
    requests = read_requests(source, {name: decoder.problem for name, decoder in decoders.items()})
    hparams = next(iter(decoders.values())).hparams

    def lines_of(window: Sequence[Request]) -> tuple[list[str], int]:
        outputs = _decode_window(decoders, window)
        for request, output in zip(window, outputs):
            print_notes(output, f"{request.where}: ")
        lines = [FORMATS[form](one, output, hparams, requests.named) for one, output in zip(window, outputs)]
        return lines, sum(output.error is not None for output in outputs)

    key = f"{identity}|{sorted(decoders)}|{hparams}|{form}"
    return run_windows(requests, source, destination, lines_of, key=key, batch_size=hparams.batch_size)


def run_windows(
    requests: Requests,
    source: str,
    destination: str | None,
    lines_of: Callable[[Sequence[Request]], tuple[list[str], int]],
    *,
    key: str,
    batch_size: int,
) -> int:
    """Makes the lines of all inputs, window by window; returns how many inputs failed.

    Args:
        requests: the inputs.
        source: where they come from.
        destination: file of the lines; None prints them.
        lines_of: the lines of a window of inputs, and how many of them failed.
        key: what the lines depend on beside the inputs.
        batch_size: inputs of a batch.
    """
    items = requests.items
    streamed = source == STANDARD_INPUT
    lines = _open_lines(destination, None if streamed else _fingerprint(key, items))
    if lines.done:
        print(f"continuing after {lines.done:,} outputs of {destination}.part", file=sys.stderr)
    left = items if streamed else items[lines.done :]
    failed, total = lines.failed, None if streamed else len(items)
    with progress("decoding", "inputs", total, lines.done) as bar:
        for window in batches(left, batch_size if streamed else batch_size * BATCHES_OF_A_WINDOW):
            made, missed = lines_of(window)
            lines.add(made, missed)
            failed += missed
            bar.update(len(window))
    lines.finish()
    return failed


def print_notes(output: Output, where: str) -> None:
    """Says on stderr what is to be known of an output."""
    for note in (output.error, output.warning and f"warning: {output.warning}"):
        if note:
            print(f"{where}{note}", file=sys.stderr)


def _decode_window(decoders: Mapping[str, ProblemDecoder], window: Sequence[Request]) -> list[Output]:
    """One output an input, in order."""
    outputs = [Output(error=request.error) for request in window]
    for problem, places in places_by_problem(window).items():
        for at, output in zip(places, decoders[problem].decode([window[at].text for at in places])):
            outputs[at] = output
    return outputs


def _open_lines(destination: str | None, key: str | None) -> Lines:
    return PrintedLines() if destination is None else ResumableLines(destination, key)


def _fingerprint(key: str, items: Sequence[Request]) -> str:
    digest = hashlib.sha256(key.encode())
    for request in items:
        digest.update(f"\n{request.problem}\t{request.text}\t{request.error}".encode())
    return digest.hexdigest()
