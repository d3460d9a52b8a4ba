"""Scalars of a run's TensorBoard events, read without TensorFlow."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from t2t_multimodel.data import storage
from t2t_multimodel.data.records.tfrecord import scan
from t2t_multimodel.runs.layout import EVENTS


@dataclasses.dataclass(frozen=True)
class Point:
    """One value of a scalar.

    Attributes:
        step: of the training.
        seconds: that the sessions of the run had taken by then, together.
        value: finite or not.
    """

    step: int
    seconds: float
    value: float


def read_scalars(output_dir: str | os.PathLike) -> dict[str, list[Point]]:
    """The scalars of a run by tag, in the order of their steps; what is damaged or cut is left out.

    A session that continues from an earlier step replaces the values of the steps that were trained again; the time
    that they took stays.

    Args:
        output_dir: the run folder.

    Example:
        read_scalars("runs/mini")["loss/mini_parsing"][-1].value
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    folder, before, found = storage.at(output_dir) / EVENTS, 0.0, {}
    files = sorted(folder.glob("*tfevents*"), key=lambda path: path.name) if folder.is_dir() else []
    for path in files:
        begin = last = None
        for _, payload in scan(path, lambda line: None):
            try:
                event = Event.FromString(payload)
            except DecodeError:
                continue
            begin = event.wall_time if begin is None else begin
            last = event.wall_time
            for value in event.summary.value:
                if (number := _number(value)) is not None:
                    points = found.setdefault(value.tag, [])
                    while points and points[-1].step >= event.step:
                        points.pop()
                    points.append(Point(event.step, before + last - begin, number))
        before += last - begin if begin is not None else 0.0
    return found


def _number(value) -> float | None:
    """The number of a scalar; None for anything else."""
    tensor = value.tensor
    if not value.HasField("tensor") or tensor.tensor_shape.dim or tensor.dtype not in _TYPES:
        return None
    if tensor.tensor_content:
        content = np.frombuffer(tensor.tensor_content, _TYPES[tensor.dtype])
        return float(content[0]) if len(content) == 1 else None
    numbers = [*tensor.float_val, *tensor.double_val, *tensor.int_val, *tensor.int64_val]
    return float(numbers[0]) if numbers else 0.0


# DT_FLOAT, DT_DOUBLE, DT_INT32, DT_INT64 of TensorFlow's types.proto.
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
