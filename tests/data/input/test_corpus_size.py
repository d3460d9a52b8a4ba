"""`batching.examples`: trainings on a part of a problem's examples."""

import numpy as np
import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.data.inspect.lengths import bucket_table
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.trainer import make_trainer

PROBLEMS = ("mini_parsing", "mini_translate_ende")


def source(data, hparams, examples, split="train", seed=1, **arguments):
    hparams = hparams.override(batching__examples=examples)
    return ProblemInput(registry.problem("mini_parsing"), data, split, hparams, seed=seed, **arguments)


def records(found):
    return set(found.index.read(range(found.examples)))


def test_a_smaller_part_is_in_a_larger_one_whatever_the_seed(mini_data, small_hparams):
    whole, some, few = (source(mini_data, small_hparams, text) for text in ("", "mini_parsing:40", "mini_parsing:10"))
    assert [whole.examples, some.examples, few.examples] == [120, 40, 10]
    assert records(few) < records(some) < records(whole)
    assert records(few) != set(whole.index.read(range(10)))
    assert records(few) == records(source(mini_data, small_hparams, "mini_parsing:10", seed=9))
    batches = [few.plan.train_batch(number) for number in range(few.plan.batches_per_epoch)]
    assert sorted(np.concatenate(batches)) == list(range(10))


def test_only_the_training_of_the_named_problem_is_smaller(mini_data, small_hparams):
    warnings = []
    text = "mini_parsing:10|some_other_problem:3"
    dev = source(mini_data, small_hparams, text, split="dev", warn=warnings.append)
    assert records(dev) == records(source(mini_data, small_hparams, "", split="dev"))
    others = source(mini_data, small_hparams, "mini_speech:3", warn=warnings.append)
    assert others.examples == 120 and not warnings


def test_more_than_there_are_takes_all_and_says_so(mini_data, small_hparams):
    warnings = []
    assert source(mini_data, small_hparams, "mini_parsing:121", warn=warnings.append).examples == 120
    assert warnings == ["batching.examples wants 121 examples of mini_parsing, which has 120 to train on; all are used"]


def test_static_shapes_and_the_table_of_buckets_are_those_of_the_part(mini_data, small_hparams):
    hparams = small_hparams.override("compute.compile=xla,batching.batch_tokens=100000,batching.bucket_growth=9")
    shapes = source(mini_data, hparams, "mini_parsing:10").static_shapes.all()
    assert sum(rows for rows, _, _ in shapes) == 10
    whole = source(mini_data, hparams, "")
    limited = hparams.override("batching.examples=mini_parsing:10")
    buckets, _ = bucket_table(whole.problem, whole.index, limited, training=True)
    assert buckets[-1].examples == 10


@pytest.fixture
def read(monkeypatch):
    """The records of training shards that anything reads."""
    seen, original = set(), RecordIndex.read

    def reading(index, rows):
        found = original(index, rows)
        if "-train-" in str(index.paths[0]):
            seen.update(found)
        return found

    monkeypatch.setattr(RecordIndex, "read", reading)
    return seen


@pytest.fixture
def train(mini_data, small_hparams, tmp_path):
    """Trains on 5 examples of one problem and 15 of another in a folder; returns the weights."""
    text = "mini_parsing:5|mini_translate_ende:15"
    hparams = small_hparams.override("mixing.scheme=proportional,batching.batch_tokens=64", batching__examples=text)
    options = {"problems": PROBLEMS, "hparams": hparams, "data_dir": str(mini_data), "eval_steps": 1, "seed": 3}

    def run(folder, steps):
        trainer = make_trainer(TrainConfig(output_dir=str(tmp_path / folder), train_steps=steps, **options))
        np.testing.assert_allclose(trainer.mixer.probabilities(), [0.25, 0.75])
        trainer.run()
        return {name: value.numpy() for name, value in trainer.model.named_variables().items()}

    return run


def test_a_training_reads_no_other_examples(train, read):
    train("run", 12)
    assert len(read) == 20


@pytest.mark.slow
def test_a_training_on_a_part_goes_on_as_it_would_have(train, read):
    whole = train("whole", 12)
    train("cut", 5)
    for name, value in train("cut", 12).items():
        np.testing.assert_array_equal(value, whole[name], err_msg=name)
    assert len(read) == 20
