"""A trained model at the service of one problem: raw inputs in, outputs out, in order."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.records.example_proto import serialize
from t2t_multimodel.data.records.features import encode_example
from t2t_multimodel.decoding.decode_hparams import DEFAULT, DecodeHParams
from t2t_multimodel.decoding.output import Beam, Output
from t2t_multimodel.decoding.score_targets import make_score_step
from t2t_multimodel.decoding.search import Hypothesis, ProblemSearch, present
from t2t_multimodel.errors import BadExampleError, DataError, DecodeError, MultiModelError, PathError, SourceError
from t2t_multimodel.runs.load import LoadedRun

INPUT_ERRORS = (BadExampleError, DecodeError, SourceError, DataError, PathError)
_MISSING = object()
# Enough to sort by length, few enough to be soon done.
BATCHES_OF_A_WINDOW = 16


@dataclasses.dataclass(frozen=True)
class PreparedInput:
    """An input that was read and encoded.

    Attributes:
        record: the serialized example.
        raw: the raw input, as the problem's spec has it.
        warning: what is to be known of it, such as that it was cut; None where there is nothing.
        length: values that the record holds of it: ids of a text, samples of audio, 1 for an image.
    """

    record: bytes
    raw: Any
    warning: str | None
    length: int


class ProblemDecoder:
    """Decodes inputs of one problem, and scores given targets.

    Args:
        run: a loaded run.
        problem_name: a problem that the run was trained on.
        hparams: how to search.

    Raises:
        CheckpointError: the run cannot serve the problem.
    """

    def __init__(self, run: LoadedRun, problem_name: str, hparams: DecodeHParams = DEFAULT):
        self._run, self.hparams = run, hparams
        (self.task,) = run.manifest.tasks([problem_name])
        self.problem = self.task.problem
        self._search = ProblemSearch(run.model, self.task, hparams, run.vocabulary)
        self._names = run.label_names.get(problem_name) or []
        self._parse = RecordParser(self.problem, run.manifest.hparams.modalities)

    def decode(self, inputs: Iterable[Any], prefix: str = "") -> Iterator[Output]:
        """Decodes inputs as `Problem.prepare_input` takes them; gives one output each, in order.

        An input that cannot be read costs itself alone: its output says why.

        Args:
            inputs: raw inputs.
            prefix: text that every output begins with; its log-probability counts in the score.
        """
        for window in batches(inputs, self.hparams.batch_size * BATCHES_OF_A_WINDOW):
            yield from self._decode_window(window, prefix)

    def prepare(self, value: Any) -> PreparedInput:
        """Reads and encodes one input as `decode` does; other threads than the model's may do it.

        Raises:
            MultiModelError: the input cannot be read.
        """
        return self._prepare(value, self.problem.targets.empty)

    def decode_prepared(self, inputs: Sequence[PreparedInput], prefix: str = "") -> list[Output]:
        """Outputs of inputs that were prepared, in order.

        Args:
            inputs: of `prepare`.
            prefix: text that every output begins with.
        """
        ids = self._run.vocabulary.encode(prefix) if prefix and self.problem.targets.autoregressive else []
        outputs: list[Output] = [Output()] * len(inputs)
        for batch in self._by_length(list(enumerate(inputs))):
            found = self._search([one.record for _, one in batch], [ids] * len(batch))
            for (number, one), hypotheses in zip(batch, found):
                outputs[number] = self.output(hypotheses, one)
        return outputs

    def search(self, one: PreparedInput) -> list[Hypothesis]:
        """The ids that the search finds for one input, best first."""
        return self._search([one.record])[0]

    def output(self, hypotheses: Sequence[Hypothesis], one: PreparedInput) -> Output:
        """What a person gets for the ids that were found for an input."""
        if self.problem.targets.autoregressive:
            vocabulary = self._run.vocabulary
            beams = [
                Beam(present(self.problem, vocabulary, found.ids, one.raw), found.score, found.penalized)
                for found in hypotheses
            ]
        else:
            beams = [Beam(self._class_name(found.ids[0]), math.exp(found.score)) for found in hypotheses]
        return Output(text=beams[0].text, score=hypotheses[0].score, beams=tuple(beams), warning=one.warning)

    def stream_prepared(self, one: PreparedInput, every: int = 4) -> Iterator[str | Output]:
        """The output of one input as it grows: texts, and at the end the `Output` that `decode_prepared` gives.

        Args:
            one: of `prepare`.
            every: ids after which a text is given.
        """
        for found in self._search.stream(one.record, every):
            if found.finished:
                yield self.output(found.hypotheses, one)
            else:
                yield present(self.problem, self._run.vocabulary, found.hypotheses[0].ids, one.raw)

    def score(self, inputs: Iterable[Any], targets: Iterable[Any]) -> Iterator[float]:
        """Log-probability in nats of each input's target, the end of the sequence included.

        Args:
            inputs: as for `decode`.
            targets: raw targets: text, words and tree labels, or a class by name or number.

        Raises:
            DecodeError: an input or target cannot be read, or their numbers differ.
        """
        for window in batches(
            itertools.zip_longest(inputs, targets, fillvalue=_MISSING), self.hparams.batch_size * BATCHES_OF_A_WINDOW
        ):
            if any(value is _MISSING for pair in window for value in pair):
                raise DecodeError("there are not as many targets as inputs; give one target an input")
            for score in self.score_each([value for value, _ in window], [target for _, target in window]):
                if isinstance(score, MultiModelError):
                    raise score
                yield score

    def score_each(self, inputs: Sequence[Any], targets: Sequence[Any]) -> list[float | MultiModelError]:
        """As `score`; in the place of an input or target that cannot be read stands its error."""
        scores: list[float | MultiModelError] = [0.0] * len(inputs)
        readable: list[tuple[int, PreparedInput]] = []
        for number, (value, target) in enumerate(zip(inputs, targets)):
            try:
                readable.append((number, self._prepare(value, self._raw_target(target))))
            except INPUT_ERRORS as error:
                scores[number] = error
        for batch in self._by_length(readable):
            for (number, _), score in zip(batch, self._scores([one.record for _, one in batch])):
                scores[number] = score
        return scores

    def _decode_window(self, inputs: Sequence[Any], prefix: str) -> list[Output]:
        outputs: list[Output | None] = [None] * len(inputs)
        readable: list[tuple[int, PreparedInput]] = []
        for number, value in enumerate(inputs):
            try:
                readable.append((number, self.prepare(value)))
            except INPUT_ERRORS as error:
                outputs[number] = Output(error=str(error))
        for (number, _), output in zip(readable, self.decode_prepared([one for _, one in readable], prefix)):
            outputs[number] = output
        return outputs

    def _by_length(self, readable: Sequence[tuple[int, PreparedInput]]) -> Iterator[list[tuple[int, PreparedInput]]]:
        """Batches of records of about the same length."""
        return batches(sorted(readable, key=lambda one: len(one[1].record)), self.hparams.batch_size)

    def _prepare(self, value: Any, target: Any) -> PreparedInput:
        raw = self.problem.prepare_input(value)
        raw, warning = self.problem.inputs.shorten(raw, self._run.manifest.hparams.modalities)
        features = encode_example(self.problem, {"inputs": raw, "targets": target}, self._run.vocabulary)
        length = len(features[self.problem.inputs.record_feature().name]) if self.problem.inputs.length_unit else 1
        return PreparedInput(serialize(features), raw, warning, length)

    def _class_name(self, label: int) -> str:
        return self._names[label] if label < len(self._names) else str(label)

    def _raw_target(self, target: Any) -> Any:
        if self.problem.targets.autoregressive:
            return self.problem.prepare_target(target)
        if not isinstance(target, str):
            return target
        if target in self._names:
            return self._names.index(target)
        if target.isdigit():
            return int(target)
        raise DecodeError(f"{target!r} is not a class of {self.problem.name}; give its name or its number")

    def _scores(self, records: list[bytes]) -> list[float]:
        model = self._run.model
        key = "score", self.task.step_key(model.hparams.modalities)
        step = model.traces.get(key, lambda: make_score_step(model, self.problem))
        return step(self._parse(tf.constant(records)), tf.constant(self.task.command)).numpy().tolist()


def batches(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of `size` values, read when they are asked for; the last is what is left."""
    iterator = iter(values)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
