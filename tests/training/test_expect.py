import pytest

from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.training.cost import expect
from t2t_multimodel.training.cost.describe import bytes_of_training, parameter_count
from t2t_multimodel.training.cost.sample_steps import Sample, sample_steps

TEXT = (SymbolSpec(), SymbolSpec())


def expected(hparams, batch, monkeypatch, samples):
    """What is expected where steps on smaller batches take these samples; and the batches that were asked for."""
    asked = []

    def steps(hparams, problem, batches, *, vocab_size):
        del hparams, problem, vocab_size
        asked.extend(batches)
        return samples[: len(batches)]

    monkeypatch.setattr(expect, "sample_steps", steps)
    monkeypatch.setattr(expect, "product_gflops", lambda: 100.0)
    return expect.expect_step(hparams, "", TEXT, batch, flops=10**11, vocab_size=100), asked


def test_memory_and_time_follow_in_line_from_smaller_batches(small_hparams, monkeypatch):
    samples = [Sample(1000, 10_000, 1.0), Sample(1000, 14_000, 1.5)]
    found, asked = expected(small_hparams, (32, 7, 9), monkeypatch, samples)
    assert asked == [(8, 7, 9), (16, 7, 9)]
    assert (found.peak, found.seconds) == (22_000, 2.5) and found.product_seconds == pytest.approx(1.0)
    slower = [samples[0], Sample(1000, 9_000, 4.0)]
    found, _ = expected(small_hparams, (32, 7, 9), monkeypatch, slower)
    assert (found.peak, found.seconds) == (9_000, 8.0)  # never more than in proportion
    found, asked = expected(small_hparams, (1, 7, 9), monkeypatch, samples)
    assert asked == [(1, 7, 9)] and (found.peak, found.seconds) == (10_000, 1.0)


def test_the_model_is_counted_and_what_does_not_fit_is_not_tried(small_hparams, monkeypatch):
    model = bytes_of_training(small_hparams, vocab_size=100)
    weights = 4 * parameter_count(small_hparams, vocab_size=100)
    assert model[1:] == (2 * weights, weights)  # Adam has two moments
    assert 0 <= model.weights - weights < 1000  # beside states of random generators
    monkeypatch.setattr(expect, "usable_bytes", lambda: sum(model) - 1)
    found, asked = expected(small_hparams, (32, 7, 9), monkeypatch, [])
    assert asked == [] and found.peak == 0 and "are not known" in expect.format_expected(found)


@pytest.mark.slow
def test_steps_on_made_up_batches_are_measured(small_hparams):
    samples = sample_steps(small_hparams, "mini_speech", [(1, 40, 5), (2, 40, 5)], vocab_size=50)
    assert len(samples) == 2 and all(sample.peak > sample.program > 0 and sample.seconds > 0 for sample in samples)
    (classes,) = sample_steps(small_hparams, "mini_image_class", [(2, 1, 1)], vocab_size=50)
    assert classes.peak > classes.program
