"""Raw values to TFRecord features, under Tensor2Tensor's names.

| side | raw value | features |
|---|---|---|
| text in | str, or list of words and labels | `inputs` int64 ids, ended by 1 |
| image in | encoded JPEG or PNG bytes | `image/encoded` bytes, `image/format` bytes |
| audio in | float32 array | `waveforms` float |
| text out | as text in | `targets` int64 ids, ended by 1; beside an image `image/class/label` |
| class out | int | `targets` one int64; beside an image `image/class/label` |

Each modality says its own features (`data/spec.py`).

Keys ``meta/...`` are kept: str as bytes, int as int64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records import example_proto
from t2t_multimodel.data.spec import Feature, InputSpec, Spec, TargetSpec
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.errors import DataError


def parsing_features(problem: Problem) -> dict[str, Feature]:
    """The features of a problem's records that a reader needs: ``"inputs"`` and ``"targets"`` to `Feature`."""
    target = Feature(problem.inputs.target_feature, "int64", sequence=problem.targets.autoregressive)
    return {"inputs": problem.inputs.record_feature(), "targets": target}


def encode_example(problem: Problem, raw: Mapping[str, Any], vocabulary: AnyVocabulary | None) -> dict[str, Any]:
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
    vocabulary: AnyVocabulary | None,
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
    rows: list[dict[str, Any]] = [
        {key: _meta(name, key, value) for key, value in raw.items() if key.startswith("meta/")} for raw in raws
    ]
    sides = (("inputs", inputs, inputs.record_feature().name), ("targets", targets, inputs.target_feature))
    for side, spec, key in sides:
        for row, features in zip(rows, spec.encode([raw[side] for raw in raws], vocabulary, key)):
            row.update(features)
    return rows


def _check(name: str, side: str, spec: Spec, raw: Mapping[str, Any]) -> None:
    if side not in raw:
        raise DataError(f"problem {name} yielded an example without {side!r}; its examples() must give both sides")
    needed = spec.needed(raw[side])
    if needed is not None:
        raise DataError(f"problem {name} yielded {side} {str(raw[side])[:60]!r}; {needed} is needed")


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
