"""Raw values to TFRecord features, under Tensor2Tensor's names.

| side | raw value | features |
|---|---|---|
| text in | str, or list of words and labels | `inputs` int64 ids, ended by 1 |
| picture in | encoded JPEG or PNG bytes | `image/encoded` bytes, `image/format` bytes |
| sound in | float32 array | `waveforms` float |
| text out | as text in | `targets` int64 ids, ended by 1; beside a picture `image/class/label` |
| class out | int | `targets` one int64; beside a picture `image/class/label` |

Keys ``meta/...`` are kept: str as bytes, int as int64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.specs import AudioSpec, ClassLabelSpec, ImageSpec, InputSpec, SymbolSpec, TargetSpec
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, Vocabulary
from t2t_multimodel.errors import DataError, VocabularyError

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Feature:
    """How one side of a problem stands in a record.

    Args:
        name: the feature's key.
        kind: ``"int64"``, ``"float"`` or ``"bytes"``.
        sequence: a variable number of values, else exactly one.
    """

    name: str
    kind: str
    sequence: bool


def parsing_features(problem: Problem) -> dict[str, Feature]:
    """The features of a problem's records that a reader needs: ``"inputs"`` and ``"targets"`` to `Feature`."""
    return {"inputs": _input_feature(problem.inputs), "targets": _target_feature(problem.inputs, problem.targets)}


def needs_vocabulary(problem: Problem) -> bool:
    """Whether a side of the problem is text."""
    return isinstance(problem.inputs, SymbolSpec) or isinstance(problem.targets, SymbolSpec)


def encode_example(problem: Problem, raw: Mapping[str, Any], vocabulary: Vocabulary | None) -> dict[str, Any]:
    """Features of one raw example; `example_proto.serialize` makes them a record.

    Raises:
        DataError: a raw value is not what the problem's specs say.
        VocabularyError: there is text but no vocabulary, or an unknown label.
    """
    return encode_examples(problem.name, problem.inputs, problem.targets, [raw], vocabulary)[0]


def encode_examples(
    name: str,
    inputs: InputSpec,
    targets: TargetSpec,
    raws: Sequence[Mapping[str, Any]],
    vocabulary: Vocabulary | None,
) -> list[dict[str, Any]]:
    """Features of several raw examples of one problem; text is encoded in one go.

    Args:
        name: the problem's name, for messages.
        inputs: spec of the one side.
        targets: spec of the other.
        raws: the raw examples.
        vocabulary: needed if a side is text.

    Raises:
        DataError: a raw value is not what the specs say.
        VocabularyError: there is text but no vocabulary, or an unknown label.
    """
    for raw in raws:
        _check(name, "inputs", inputs, raw)
        _check(name, "targets", targets, raw)
    rows: list[dict[str, Any]] = [{} for _ in raws]
    for raw, row in zip(raws, rows):
        for key, value in raw.items():
            if key.startswith("meta/"):
                row[key] = _meta(name, key, value)
    _fill(rows, input_key(inputs), inputs, [raw["inputs"] for raw in raws], vocabulary)
    _fill(rows, target_key(inputs), targets, [raw["targets"] for raw in raws], vocabulary)
    return rows


def input_key(inputs: InputSpec) -> str:
    """Name of the feature that holds the input."""
    return _input_feature(inputs).name


def target_key(inputs: InputSpec) -> str:
    """Name of the feature that holds the target, which goes by what stands beside it."""
    return "image/class/label" if isinstance(inputs, ImageSpec) else "targets"


def _input_feature(inputs: InputSpec) -> Feature:
    if isinstance(inputs, SymbolSpec):
        return Feature("inputs", "int64", True)
    if isinstance(inputs, ImageSpec):
        return Feature("image/encoded", "bytes", False)
    return Feature("waveforms", "float", True)


def _target_feature(inputs: InputSpec, targets: TargetSpec) -> Feature:
    return Feature(target_key(inputs), "int64", isinstance(targets, SymbolSpec))


def _fill(rows, key: str, spec, values: list, vocabulary: Vocabulary | None) -> None:
    if isinstance(spec, SymbolSpec):
        if vocabulary is None:
            raise VocabularyError("text needs a vocabulary; generate the data with one")
        for row, ids in zip(rows, _encode_text(values, vocabulary)):
            ids.append(END_ID)
            row[key] = ids
    elif isinstance(spec, ImageSpec):
        for row, value in zip(rows, values):
            row[key] = value
            row["image/format"] = b"png" if value.startswith(_PNG) else b"jpeg"
    elif isinstance(spec, AudioSpec):
        for row, value in zip(rows, values):
            row[key] = value
    else:
        for row, value in zip(rows, values):
            row[key] = [int(value)]


def _encode_text(values: list, vocabulary: Vocabulary) -> list[list[int]]:
    if all(isinstance(value, str) for value in values):
        return vocabulary.encode_batch(values)
    return vocabulary.encode_mixed_batch([[value] if isinstance(value, str) else value for value in values])


def _check(name: str, side: str, spec, raw: Mapping[str, Any]) -> None:
    if side not in raw:
        raise DataError(f"problem {name} yielded an example without {side!r}; its examples() must give both sides")
    value = raw[side]
    if isinstance(spec, SymbolSpec):
        good = isinstance(value, str) or (isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value))
        wanted = "a str or a list of words and labels"
    elif isinstance(spec, ImageSpec):
        good, wanted = isinstance(value, bytes) and bool(value), "encoded image bytes"
    elif isinstance(spec, AudioSpec):
        good = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim == 1 and value.size > 0
        wanted = "a float32 array [samples]"
    else:
        assert isinstance(spec, ClassLabelSpec)
        good = isinstance(value, int | np.integer) and 0 <= value < spec.num_classes
        wanted = f"a class from 0 to {spec.num_classes - 1}"
    if not good:
        raise DataError(f"problem {name} yielded {side} {str(value)[:60]!r}; {wanted} is needed")


def _meta(name: str, key: str, value: Any) -> bytes | list[int]:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    if isinstance(value, int | np.integer):
        return [int(value)]
    raise DataError(f"problem {name} yielded {key} of type {type(value).__name__}; give a str or an int")


def decode_features(example: bytes) -> dict[str, Any]:
    """The features of a record in Python types, see `example_proto.parse`.

    Raises:
        DataError: `example` is damaged.
    """
    try:
        return example_proto.parse(example)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"a record is no tf.train.Example ({error}); generate the data again") from error
