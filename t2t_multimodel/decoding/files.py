"""Decodes raw inputs of a problem with a trained model: lines in, lines out, in order."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from t2t_multimodel.data.records.example_proto import serialize
from t2t_multimodel.data.records.features import encode_example
from t2t_multimodel.data.specs import ClassLabelSpec
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.decoding.decode_hparams import DEFAULT, DecodeHParams
from t2t_multimodel.decoding.search import ProblemSearch, present
from t2t_multimodel.errors import BadExampleError, DataError, DecodeError, SourceError
from t2t_multimodel.runs.load import check_vocabulary, load_run


@dataclasses.dataclass
class Decoded:
    """One line of output, or why there is none."""

    text: str = ""
    error: str | None = None


class ProblemDecoder:
    """A trained model at the service of one problem.

    Args:
        problem_name: a registered problem the model was trained on.
        output_dir: the training run.
        data_dir: generated data, to check that their vocabulary is the model's; decoding does not need them.
        hparams: how to search.
        checkpoint: path of a checkpoint; the newest unless given.

    Raises:
        MultiModelError: no such problem, no checkpoint, or a vocabulary that does not fit.
    """

    def __init__(
        self,
        problem_name: str,
        *,
        output_dir: str,
        data_dir: str | None = None,
        hparams: DecodeHParams = DEFAULT,
        checkpoint: str | None = None,
    ):
        trained = load_run(output_dir, problems=[problem_name], checkpoint=checkpoint)
        if data_dir:
            check_vocabulary(trained.manifest, data_dir, trained.tasks)
        self.task, self.problem, self.hparams = trained.tasks[0], trained.tasks[0].problem, hparams
        self.vocabulary = trained.vocabulary
        self._search = ProblemSearch(trained.model, self.task, hparams)
        self._classes = isinstance(self.problem.targets, ClassLabelSpec)
        self._names = trained.label_names.get(self.task.name, [])

    def decode(self, lines: Iterable[str]) -> Iterator[Decoded]:
        """Decodes lines of text, or paths; gives one result a line, in order. A bad line costs itself alone."""
        batch: list[str] = []
        for line in lines:
            batch.append(line.rstrip("\r\n"))
            if len(batch) == self.hparams.batch_size:
                yield from self._decode_batch(batch)
                batch = []
        if batch:
            yield from self._decode_batch(batch)

    def _decode_batch(self, lines: Sequence[str]) -> list[Decoded]:
        results = [Decoded() for _ in lines]
        records, raws, places = [], [], []
        for i, line in enumerate(lines):
            try:
                record, raw = self._record(line)
            except (BadExampleError, DecodeError, SourceError, DataError) as error:
                results[i].error = str(error)
                continue
            records.append(record)
            raws.append(raw)
            places.append(i)
        if records:
            for place, raw, ids in zip(places, raws, self._search(records)):
                results[place].text = self._present(ids, raw)
        return results

    def _record(self, line: str) -> tuple[bytes, Any]:
        """The line as a serialized example with empty targets, and as the raw input."""
        raw = self.problem.prepare_input(line)
        if isinstance(raw, str) and not raw.strip():
            raise DecodeError("the line is empty; give one input a line")
        example = {"inputs": raw, "targets": 0 if self._classes else ""}
        return serialize(encode_example(self.problem, example, self.vocabulary)), raw

    def _present(self, ids: list[int], raw: Any) -> str:
        return self._names[ids[0]] if self._classes else present(self.problem, self.vocabulary, ids, raw)


def decode_file(decoder: ProblemDecoder, source: str, destination: str | None) -> int:
    """Decodes each line of a file; returns how many lines could not be decoded.

    Args:
        decoder: the decoder.
        source: file of inputs, UTF-8, one a line.
        destination: file of outputs, written atomically; None prints them.

    Raises:
        DecodeError: the file cannot be read or is not UTF-8.
    """
    try:
        lines = pathlib.Path(source).read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DecodeError(f"--decode_from_file={source} cannot be read ({error}); give a UTF-8 text file") from None
    outputs, failed = [], 0
    for number, result in enumerate(decoder.decode(lines), 1):
        if result.error is not None:
            failed += 1
            print(f"{source}:{number}: {result.error}", file=sys.stderr)
        outputs.append(result.text.replace("\n", " "))
        if destination is None:
            print(outputs[-1], flush=True)
    if destination is not None:
        write_atomically(destination, ("\n".join(outputs) + "\n").encode())
    return failed


def decode_interactive(decoder: ProblemDecoder, stream: TextIO = sys.stdin) -> int:
    """Decodes what a person types, line by line, until the end of input; returns how many lines failed."""
    failed = 0
    prompt = "> " if stream.isatty() else ""
    print(prompt, end="", file=sys.stderr, flush=True)
    for line in stream:
        (result,) = decoder.decode([line])
        failed += result.error is not None
        print(f"error: {result.error}" if result.error is not None else result.text, flush=True)
        print(prompt, end="", file=sys.stderr, flush=True)
    return failed
