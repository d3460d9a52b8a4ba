"""Requests that TensorFlow Serving answers by itself before it takes others, so that none waits for the first run.

A file of TFRecords of `tensorflow.serving.PredictionLog`, written by the few rules of its wire format that it needs,
so that no package of TensorFlow Serving is needed:
``PredictionLog {PredictLog predict_log = 6}``, ``PredictLog {PredictRequest request = 1}``,
``PredictRequest {ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2}``,
``ModelSpec {string name = 1; string signature_name = 3}``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.records.example_proto import varint
from t2t_multimodel.data.records.tfrecord import frame

FOLDER, FILE = "assets.extra", "tf_serving_warmup_requests"
_MODEL = b"t2t"  # TensorFlow Serving does not look at it


def warmup_requests(examples: Mapping[str, Mapping[str, np.ndarray]]) -> bytes:
    """The bytes of the file.

    Args:
        examples: by the name of a signature its inputs.
    """
    return b"".join(frame([_prediction_log(name, inputs) for name, inputs in examples.items()]))


def _prediction_log(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    spec = _field(1, _MODEL) + _field(3, signature.encode())
    entries = [
        _field(1, name.encode()) + _field(2, tf.make_tensor_proto(value).SerializeToString())
        for name, value in sorted(inputs.items())
    ]
    request = _field(1, spec) + b"".join(_field(2, entry) for entry in entries)
    return _field(6, _field(1, request))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content
