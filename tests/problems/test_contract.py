"""The contract of every registered problem: raw files, TFRecords, batch, loss and metric."""

import functools
import math

import contract_corpora
import numpy as np
import pytest

from t2t_multimodel import metrics, registry
from t2t_multimodel.data.generation import engine
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, Vocabulary
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec

VOCAB_SIZE = 400
BLOCKS = "body.encoder_blocks=1,body.mixer_blocks=1,body.decoder_blocks=1,body.attention_conv_blocks=1"


def own_problems() -> list[str]:
    """Names of this package's problems, without those that other tests register."""
    names = registry.problem_names()
    return [name for name in names if type(registry.problem(name)).__module__.startswith("t2t_multimodel.problems.")]


class Bench:
    """One tiny model of all modalities, and an evaluation step for each pair of them."""

    def __init__(self, hparams):
        from t2t_multimodel.model import MultiModel

        self.hparams = hparams.override(BLOCKS)
        problems = [registry.problem(name) for name in own_problems()]
        specs = [spec for problem in problems for spec in (problem.inputs, problem.targets)]
        self.model = MultiModel(self.hparams, vocab_size=VOCAB_SIZE, specs=specs)
        self._steps = {}

    def eval_step(self, task):
        from t2t_multimodel.training.step import make_eval_step

        if task.pair not in self._steps:
            self._steps[task.pair] = make_eval_step(self.model, task)
        return self._steps[task.pair]


@pytest.fixture(scope="module")
def bench(tiny_hparams) -> Bench:
    return Bench(tiny_hparams)


@pytest.fixture
def generate(tmp_path):
    """Generates a problem from its corpus; gives the data folder and the metadata."""

    def run(name: str):
        corpus = contract_corpora.CORPORA.get(name)
        if corpus is None:
            pytest.fail(f"problem {name} has no corpus in tests/problems/contract_corpora.py; add one")
        source, data = tmp_path / "source", tmp_path / "data"
        source.mkdir()
        options = corpus(source)
        (meta,) = engine.generate(
            [name],
            data,
            source_dir=source,
            num_shards=2,
            num_workers=1,
            vocab_size=VOCAB_SIZE,
            options=options,
            strict=True,
            report=lambda line: None,
        )
        return data, meta

    return run


@pytest.mark.parametrize("name", own_problems())
def test_from_raw_files_to_loss_and_metric(name, generate, bench):
    from t2t_multimodel.data.input.pipeline import ProblemInput
    from t2t_multimodel.runs.task import Task
    from t2t_multimodel.training.evaluation import make_record, sum_scores

    data, meta = generate(name)
    train, dev = meta.splits["train"], meta.splits["dev"]
    assert train.examples >= contract_corpora.TRAIN and dev.examples >= contract_corpora.DEV
    assert not train.dropped and not dev.dropped
    problem = registry.problem(name)
    inputs = {split: ProblemInput(problem, data, split, bench.hparams, strict=True) for split in ("train", "dev")}
    assert {split: source.examples for split, source in inputs.items()} == {
        "train": train.examples,
        "dev": dev.examples,
    }
    task = Task(problem, command=1)
    step = bench.eval_step(task)
    batch = next(inputs["train"].train())
    check_batch(problem, batch, bench.hparams)
    sums = step(batch, np.int32(task.command))
    assert math.isfinite(sums["nll"]) and sums["nll"] > 0 and sums["sequences"] == len(batch["targets"])
    totals = sum_scores(task, inputs["dev"].evaluate(), step, baseline(problem, meta))
    record = make_record(task, totals, step=0, split="dev")
    assert record["examples"] == dev.examples and record["target_tokens"] == dev.target_tokens
    assert math.isfinite(record["loss"]) and record["baseline_loss"] > 0
    assert 0 <= record["token_accuracy"] <= 1
    if isinstance(problem.targets, ClassLabelSpec):
        assert 0 <= record["top1"] <= record["top5"] <= 1
    else:
        check_metrics(problem, data, inputs["dev"].index)


def baseline(problem, meta):
    from t2t_multimodel.training.baseline import Baseline

    classes = problem.targets.num_classes if isinstance(problem.targets, ClassLabelSpec) else VOCAB_SIZE
    return Baseline.from_histogram(meta.target_histogram, classes)


def check_batch(problem, batch, hparams) -> None:
    x, y = batch["inputs"].numpy(), batch["targets"].numpy()
    assert len(x) == len(y) > 0
    if isinstance(problem.inputs, ImageSpec):
        size = hparams.modalities.image_size
        assert x.shape[1:] == (size, size, 3) and 0 <= x.min() < x.max() <= 255
    elif isinstance(problem.inputs, AudioSpec):
        frames = batch["input_length"].numpy()
        assert x.shape[2] == hparams.modalities.audio_bands and 0 < frames.min() <= frames.max() <= x.shape[1]
        assert np.isfinite(x).all() and x.std() > 0
    else:
        check_ids(x)
    if isinstance(problem.targets, ClassLabelSpec):
        assert y.ndim == 1 and 0 <= y.min() <= y.max() < problem.targets.num_classes
    else:
        check_ids(y)


def check_ids(ids) -> None:
    """Every row has one end id, with only padding after it."""
    assert ids.ndim == 2 and 0 <= ids.min() <= ids.max() < VOCAB_SIZE
    for row in ids:
        (end,) = np.nonzero(row == END_ID)[0]
        assert end > 0 and (row[:end] > END_ID).all() and not row[end + 1 :].any()


def check_metrics(problem, data, index) -> None:
    """Scores of the targets themselves are perfect and differ from those of empty outputs."""
    assert problem.command and problem.metrics and problem.uses_vocabulary
    vocabulary = Vocabulary.load(data)
    rows = [decode_features(record) for record in index.read(range(len(index)))]
    text = isinstance(problem.inputs, SymbolSpec)
    inputs = [vocabulary.decode(row[problem.inputs.record_feature().name]) if text else None for row in rows]
    targets = [row[problem.inputs.target_feature] for row in rows]
    present = functools.partial(present_ids, problem, vocabulary)
    references = [[present(ids, given)] for ids, given in zip(targets, inputs, strict=True)]
    perfect = metrics.score(problem.metrics, [reference for (reference,) in references], references)
    empty = metrics.score(problem.metrics, [present([END_ID], given) for given in inputs], references)
    assert set(problem.metrics) <= set(perfect) and perfect.keys() == empty.keys()
    for name in problem.metrics:
        assert math.isfinite(perfect[name]) and math.isfinite(empty[name])
        assert perfect[name] != empty[name]
    perfect_of = {"wer": 0, "cer": 0, "bracket_f1": 1, "bleu": 100}
    for name in perfect_of.keys() & set(problem.metrics):
        assert perfect[name] == pytest.approx(perfect_of[name])


def present_ids(problem, vocabulary, ids, inputs) -> str:
    return problem.present_output(vocabulary.decode_tokens(ids), vocabulary.decode(ids), inputs)


def test_every_corpus_belongs_to_a_problem():
    assert set(contract_corpora.CORPORA) <= set(own_problems())
