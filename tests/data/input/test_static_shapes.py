"""Batches of fixed shapes hold the same examples as free ones, and padding."""

import itertools

import numpy as np
import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.input.pipeline import ProblemInput


def train_batches(name, data_dir, hparams, count):
    source = ProblemInput(registry.problem(name), data_dir, "train", hparams, seed=3)
    return source, [{k: v.numpy() for k, v in batch.items()} for batch in itertools.islice(source.train(), count)]


@pytest.mark.parametrize("name", ["mini_translate_ende", "mini_caption", "mini_speech", "mini_image_class"])
def test_a_filled_batch_is_the_free_one_and_padding(mini_data, tiny_hparams, name):
    hparams = tiny_hparams.override("modalities.spec_augment=false")
    _, free = train_batches(name, mini_data, hparams, 12)
    source, filled = train_batches(name, mini_data, hparams.override("compute.compile=xla"), 12)
    padding = source.problem.targets.padding
    for one, other in zip(free, filled, strict=True):
        rows = len(one["targets"])
        np.testing.assert_array_equal(other.pop("row_mask"), np.arange(len(other["targets"])) < rows)
        assert one.keys() == other.keys()
        for key, value in one.items():
            inside = tuple(slice(size) for size in value.shape)
            np.testing.assert_allclose(other[key][inside], value, atol=1e-5, err_msg=key)
            outside = np.ones(other[key].shape, bool)
            outside[inside] = False
            assert np.all(other[key][outside] == (padding if key == "targets" else 0)), key


@pytest.mark.parametrize("name", ["mini_translate_ende", "mini_caption", "mini_speech", "mini_image_class"])
def test_shapes_are_few_and_known_before(mini_data, tiny_hparams, name):
    source, batches = train_batches(name, mini_data, tiny_hparams.override("compute.compile=xla"), 40)
    times = source.problem.inputs.model_lengths(np.ones(1)) is not None
    seen = {
        (
            len(batch["targets"]),
            batch["inputs"].shape[1] if times else 0,
            batch["targets"].shape[1] if batch["targets"].ndim > 1 else 0,
        )
        for batch in batches
    }
    known = source.static_shapes.all()
    assert seen <= {tuple(sizes) for sizes in known}
    assert len(known) <= 2 * len(source.plan.buckets) + 3


def test_evaluation_keeps_free_shapes(mini_data, tiny_hparams):
    hparams = tiny_hparams.override("compute.compile=xla")
    source = ProblemInput(registry.problem("mini_translate_ende"), mini_data, "dev", hparams)
    assert source.static_shapes is None and "row_mask" not in next(source.evaluate())
