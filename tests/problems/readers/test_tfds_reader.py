"""Tests of the tensorflow-datasets path, on the mock data of its testing module."""

import numpy as np
import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import SourceError


@pytest.mark.parametrize("name", ["image_fashion_mnist", "image_cifar10", "speech_librispeech"])
def test_examples_through_tfds(name, tmp_path):
    testing = pytest.importorskip("tensorflow_datasets").testing
    problem = registry.problem(name)
    options = {**problem.options, "tfds": True, "max_seconds": 1e6, "min_seconds": 0.0}
    source = Source(tmp_dir=tmp_path, options=options)
    with testing.mock_data(num_examples=3):
        examples = list(problem.examples("train", source))
    assert len(examples) == 3 and not source.dropped
    for example in examples:
        if name.startswith("image"):
            assert example["inputs"].startswith(b"\x89PNG") and 0 <= example["targets"] < 10
        else:
            assert example["inputs"].dtype == np.float32 and np.abs(example["inputs"]).max() <= 1
            assert isinstance(example["targets"], str)


def test_what_tfds_cannot_prepare_is_a_source_error(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(*args, **kwargs):
        raise ConnectionError("no network\nand a long trace")

    monkeypatch.setattr(tfds, "load", fail)
    with pytest.raises(SourceError, match=r"cannot prepare cifar10 \(no network\)"):
        list(registry.problem("image_cifar10").examples("dev", Source(tmp_dir=tmp_path, options={"tfds": True})))
