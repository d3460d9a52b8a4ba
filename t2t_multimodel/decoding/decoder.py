"""Decodes raw inputs of a problem with a trained model: lines in, lines out, in order."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.data.example_proto import serialize
from t2t_multimodel.data.features import encode_example
from t2t_multimodel.data.files import write_atomically
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.parsing import RecordParser
from t2t_multimodel.data.specs import ClassLabelSpec, SymbolSpec
from t2t_multimodel.decoding.greedy import make_classify_step, make_greedy_step
from t2t_multimodel.errors import BadExampleError, DataError, DecodeError, MultiModelError, SourceError
from t2t_multimodel.training.checkpoint import Checkpointer
from t2t_multimodel.training.data import data_vocabulary
from t2t_multimodel.training.manifest import Manifest


@dataclasses.dataclass(frozen=True)
class DecodeHParams:
    """How to search.

    Attributes:
        batch_size: inputs decoded at once.
        extra_length: longest output; for text inputs, added to the input's length in ids.
        beam_size: 1, greedy search.
    """

    batch_size: int = 32
    extra_length: int = 100
    beam_size: int = 1

    @classmethod
    def parse(cls, text: str) -> DecodeHParams:
        """From ``name=value,name=value``.

        Raises:
            MultiModelError: an unknown name, a value that is no positive integer, or a beam.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        values = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            if name not in known:
                raise MultiModelError(registry.unknown_name_message("decode hparam", name, known))
            if not value.isdigit() or int(value) < 1:
                raise MultiModelError(f"--decode_hparams: {item!r} is no positive integer")
            values[name] = int(value)
        if values.get("beam_size", 1) != 1:
            raise MultiModelError(
                "--decode_hparams: beam_size above 1 is not supported; leave it out for greedy search"
            )
        return cls(**values)


@dataclasses.dataclass
class Decoded:
    """One line of output, or why there is none."""

    text: str = ""
    error: str | None = None


class ProblemDecoder:
    """A trained model at the service of one problem.

    Args:
        problem_name: a registered problem the model was trained on.
        data_dir: the generated data, for its vocabulary and class names.
        output_dir: the training run.
        hparams: how to search.
        checkpoint: path of a checkpoint; the newest unless given.

    Raises:
        MultiModelError: no such problem, no checkpoint, or a vocabulary that does not fit.
    """

    def __init__(
        self,
        problem_name: str,
        *,
        data_dir: str,
        output_dir: str,
        hparams: DecodeHParams = DecodeHParams(),
        checkpoint: str | None = None,
    ):
        manifest = Manifest.load(output_dir)
        (self.task,) = manifest.tasks([problem_name])
        self.problem, self.hparams = self.task.problem, hparams
        self.vocabulary = data_vocabulary(data_dir, [self.problem])
        if self.vocabulary is not None:
            manifest.check_vocabulary(self.vocabulary, data_dir)
        model = manifest.make_model()
        Checkpointer(output_dir, model=model.named_variables()).restore(checkpoint)
        self._parse = RecordParser(self.problem, manifest.hparams.modalities)
        self._classes = isinstance(self.problem.targets, ClassLabelSpec)
        if self._classes:
            self._step = make_classify_step(model, self.problem)
            self._names = _class_names(self.problem, data_dir)
        else:
            self._step = make_greedy_step(model, self.problem)

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
            for place, text in zip(places, self._search(records, raws)):
                results[place].text = text
        return results

    def _record(self, line: str) -> tuple[bytes, Any]:
        """The line as a serialized example with empty targets, and as the raw input."""
        raw = self.problem.prepare_input(line)
        if isinstance(raw, str) and not raw.strip():
            raise DecodeError("the line is empty; give one input a line")
        example = {"inputs": raw, "targets": 0 if self._classes else ""}
        return serialize(encode_example(self.problem, example, self.vocabulary)), raw

    def _search(self, records: list[bytes], raws: list[Any]) -> list[str]:
        batch = self._parse(tf.constant(records))
        if self._classes:
            return [self._names[best[0]] for best in self._step(batch).numpy()]
        length = self.hparams.extra_length
        if isinstance(self.problem.inputs, SymbolSpec):
            length += batch["inputs"].shape[1]
        rows = self._step(batch, tf.constant(self.task.command), tf.constant(length)).numpy()
        return [
            self.problem.present_output(self.vocabulary.decode_tokens(row), self.vocabulary.decode(row), raw)
            for row, raw in zip(rows.tolist(), raws)
        ]


def _class_names(problem, data_dir: str) -> list[str]:
    names = Metadata.load(data_dir, problem.name).label_names
    return names or [str(i) for i in range(problem.targets.num_classes)]


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
