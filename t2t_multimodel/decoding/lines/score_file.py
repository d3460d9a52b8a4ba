"""Scores of given targets, as Tensor2Tensor's ``--score_file``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from t2t_multimodel.decoding.lines.decode_file import print_notes, run_windows
from t2t_multimodel.decoding.lines.requests import Request, places_by_problem, read_requests
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import ProblemDecoder


def score_file(
    decoders: Mapping[str, ProblemDecoder],
    source: str,
    destination: str | None = None,
    *,
    form: str = "text",
    identity: str = "",
) -> int:
    """Log-probabilities of the targets of a file; returns how many lines could not be scored.

    Each line is ``INPUT<tab>TARGET``, with a column ``PROBLEM`` before it where there are several problems. Each output
    is the sum of the log-probabilities of the target's ids in nats, the end included; a line that cannot be scored
    gives an empty one.

    Args:
        decoders: by the names of the problems.
        source: a file, or ``-`` for standard input.
        destination: file of scores, one a line, in order; None prints them.
        form: ``"text"``, or ``"json"`` with problem, input and target beside the score.
        identity: of the model.

    Raises:
        DecodeError: the source cannot be read.
        PathError: scores cannot be written; they are printed then.

    Example:
        ```python
        score_file({"mini_parsing": model.decoder("mini_parsing")}, "pairs.tsv")
        ```
    """
    requests = read_requests(source, {name: decoder.problem for name, decoder in decoders.items()})
    batch_size = next(iter(decoders.values())).hparams.batch_size

    def lines_of(window: Sequence[Request]) -> tuple[list[str], int]:
        scores = _score_window(decoders, window)
        for request, score in zip(window, scores):
            if isinstance(score, str):
                print_notes(Output(error=score), f"{request.where}: ")
        write = _json_line if form == "json" else _text_line
        failed = sum(isinstance(score, str) for score in scores)
        return [write(request, score) for request, score in zip(window, scores)], failed

    key = f"scores|{identity}|{sorted(decoders)}|{form}"
    return run_windows(requests, source, destination, lines_of, key=key, batch_size=batch_size)


def _score_window(decoders: Mapping[str, ProblemDecoder], window: Sequence[Request]) -> list[float | str]:
    """A score for each line, or why there is none."""
    window = [request if request.error or "\t" in request.text else _without_target(request) for request in window]
    scores: list[float | str] = [request.error or "" for request in window]
    for problem, places in places_by_problem(window).items():
        pairs = [_split(window[at].text) for at in places]
        found = decoders[problem].score_each([given for given, _ in pairs], [target for _, target in pairs])
        for at, score in zip(places, found):
            scores[at] = score if isinstance(score, float) else str(score)
    return scores


def _without_target(request: Request) -> Request:
    return dataclasses.replace(request, error="the line has no target; write the input, a tab and the target")


def _split(line: str) -> tuple[str, str]:
    given, _, target = line.partition("\t")
    return given, target


def _text_line(request: Request, score: float | str) -> str:
    del request
    return f"{score:.6f}" if isinstance(score, float) else ""


def _json_line(request: Request, score: float | str) -> str:
    given, target = _split(request.text)
    line = {"problem": request.problem, "input": given, "target": target}
    line |= {"score": score} if isinstance(score, float) else {"error": score}
    return json.dumps(line, ensure_ascii=False)
