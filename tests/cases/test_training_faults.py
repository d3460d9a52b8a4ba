"""What went wrong in trainings of the past, each with the smallest run that shows it."""

import dataclasses
import re
import shutil

import numpy as np
import pytest

from t2t_multimodel import load, registry
from t2t_multimodel.data.generation import engine
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.errors import DataError, HParamsError
from t2t_multimodel.modalities import ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.problems.mini.problems import MiniCaption
from t2t_multimodel.registry import register_problem
from t2t_multimodel.training.trainer import TrainConfig, make_trainer, train


@register_problem("large_mini_caption")
class LargeMiniCaption(MiniCaption):
    """Captions of larger images."""

    inputs = ImageSpec(size=64, augment=False)


def config(data, folder, hparams, *problems, **values):
    values = {"train_steps": 1, "eval_steps": 1, **values}
    return TrainConfig(problems=problems, hparams=hparams, data_dir=str(data), output_dir=str(folder), **values)


def test_images_of_two_sizes_train_and_evaluate_in_one_run(small_hparams, tmp_path):
    problems = ("mini_caption", "large_mini_caption")
    options = "train_examples=20,dev_examples=4,test_examples=0"
    engine.generate(problems, tmp_path / "data", num_workers=1, options=options, report=lambda line: None)
    hparams = small_hparams.override("modalities.image_size=0,mixing.scheme=uniform")
    trainer = make_trainer(config(tmp_path / "data", tmp_path / "run", hparams, *problems, train_steps=6))
    records = trainer.run()
    assert [record["problem"] for record in records] == list(problems)
    assert trainer.traces == {("image", "symbol"): 2}


@pytest.fixture(scope="module")
def bare_data(mini_data, tmp_path_factory):
    """Shards without metadata; mini_parsing has no dev split."""
    folder = tmp_path_factory.mktemp("bare")
    for pattern in ("vocab.*", "mini_translate_ende-*-of-*", "mini_parsing-train-*-of-*"):
        for path in mini_data.glob(pattern):
            shutil.copy(path, folder)
    return folder


def test_missing_metadata_and_dev_splits_are_found_before_training(bare_data, small_hparams, tmp_path, capsys):
    problems = ("mini_translate_ende", "mini_parsing")
    records = train(config(bare_data, tmp_path, small_hparams, *problems))
    assert [record["problem"] for record in records] == ["mini_translate_ende"]
    assert records[0]["baseline_loss"] > 0
    lines = capsys.readouterr().err.splitlines()
    (said,) = [at for at, line in enumerate(lines) if line.startswith("mini_parsing has no dev split")]
    (first,) = [at for at, line in enumerate(lines) if line.startswith("step 1/1")]
    assert said < first


def test_a_run_without_any_dev_split_ends_well(bare_data, small_hparams, tmp_path):
    assert train(config(bare_data, tmp_path, small_hparams, "mini_parsing")) == []
    assert (tmp_path / "ckpt-1.index").exists()


def test_a_missing_dev_shard_is_found_before_training(bare_data, small_hparams, tmp_path):
    data = shutil.copytree(bare_data, tmp_path / "data")
    (data / "mini_translate_ende-dev-00000-of-00001").rename(data / "mini_translate_ende-dev-00000-of-00002")
    with pytest.raises(DataError, match="dev-00001-of-00002 is missing"):
        make_trainer(config(data, tmp_path / "run", small_hparams, "mini_translate_ende"))


def test_a_run_of_adam_is_not_continued_with_muon(mini_data, small_run, small_hparams):
    muon = small_hparams.override("optimizer.name=muon")
    with pytest.raises(HParamsError, match=r"optimizer\.name=adam, whose state muon cannot continue"):
        make_trainer(config(mini_data, small_run, muon, "mini_parsing"))


def test_a_run_continued_on_its_image_problem_keeps_the_places_of_others(mini_data, small_hparams, tmp_path):
    hparams = small_hparams.override("mixing.scheme=uniform")
    both = config(mini_data, tmp_path, hparams, "mini_parsing", "mini_image_class", train_steps=6)
    train(both)
    before = make_trainer(both).mixer.state()
    assert before["mini_parsing"]["batches"] > 0
    train(dataclasses.replace(both, problems=("mini_image_class",), train_steps=8))
    after = make_trainer(both).mixer.state()
    assert after["mini_parsing"] == before["mini_parsing"]
    assert after["mini_image_class"]["batches"] == before["mini_image_class"]["batches"] + 2


def test_loss_weights_scale_the_gradient_of_the_named_problem(mini_data, small_hparams, tmp_path):
    norms = []
    for weights in ("", "mini_translate_ende:3|wsj_parsing:7"):
        hparams = small_hparams.override("mixture.num_experts=0", mixing__loss_weights=weights)
        trainer = make_trainer(config(mini_data, tmp_path, hparams, "mini_translate_ende"))
        _, values = trainer.train_step(0)
        norms.append(float(values["gradient_norm"]))
    assert trainer.loss_weights == {"mini_translate_ende": 3.0}
    assert norms[1] == pytest.approx(3 * norms[0], rel=1e-4)


@pytest.mark.parametrize("weights", ["mini_parsing", "mini_parsing:x", "mini_parsing:-1", "mini_parsing:nan"])
def test_malformed_loss_weights_are_named(mini_data, small_hparams, tmp_path, weights):
    hparams = small_hparams.override(mixing__loss_weights=weights)
    with pytest.raises(HParamsError, match=r"mixing\.loss_weights"):
        make_trainer(config(mini_data, tmp_path, hparams, "mini_parsing"))


def test_the_authors_loss_weights_name_registered_problems():
    from t2t_multimodel.hparams.weights import parse_weights

    weights = parse_weights(registry.hparams("multimodel_1p8").mixing.loss_weights, "mixing.loss_weights")
    assert weights == {"image_imagenet": 0.7, "speech_wsj": 2.0, "speech_librispeech": 2.0}
    assert weights.keys() <= set(registry.problem_names())


@register_problem("faults_sentiment")
class Sentiment(Problem):
    """Three words to one of two classes."""

    inputs, targets, command = SymbolSpec(), ClassLabelSpec(2), "to_sentiment"

    def examples(self, split, source):
        for number in range(40 if split == "train" else 4):
            yield {"inputs": "good day here" if number % 2 else "bad night there", "targets": number % 2}


@register_problem("faults_topic")
class Topic(Sentiment):
    """As many classes, other labels."""

    targets, command = ClassLabelSpec(2), "to_topic"


@pytest.fixture(scope="module")
def classified(small_hparams, tmp_path_factory):
    """A run of two problems whose targets are classes."""
    folder, problems = tmp_path_factory.mktemp("classified"), ("faults_sentiment", "faults_topic")
    engine.generate(problems, folder / "data", num_workers=1, vocab_size=300, report=lambda line: None)
    train(config(folder / "data", folder / "run", small_hparams, *problems, train_steps=4))
    return folder / "run"


def test_the_class_of_a_text_is_the_same_beside_a_longer_line(classified):
    model, short, long = load(classified), "good day", "bad night there " * 20
    (alone,) = model.generate("faults_sentiment", [short])
    beside = model.generate("faults_sentiment", [short, long])[0]
    assert alone.text == beside.text
    assert [beam.score for beam in beside.beams] == pytest.approx([beam.score for beam in alone.beams], abs=1e-5)


def test_two_problems_with_equally_many_classes_have_a_head_each(classified):
    nets = load(classified).keras_model.nets
    assert {"class_label_faults_sentiment", "class_label_faults_topic"} <= set(nets)


def test_text_that_is_too_long_is_said_before_training(cases, small_hparams, tmp_path, capsys):
    engine.generate(
        ["text2text_folder"], tmp_path / "data", source_dir=cases / "tables" / "long", num_workers=1, vocab_size=300,
        report=lambda line: None,
    )  # fmt: skip
    capsys.readouterr()
    hparams = small_hparams.override("batching.max_length=128,batching.batch_tokens=2048")
    make_trainer(config(tmp_path / "data", tmp_path / "run", hparams, "text2text_folder"))
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "longer" in line]
    assert re.search(
        r"15 of \d+ training examples of text2text_folder are longer than .*max_length=128; left out", line
    )


def test_sound_that_is_too_long_is_counted_in_training_and_said_in_decoding(mini_data, small_hparams, tmp_path, capsys):
    hparams = small_hparams.override("modalities.audio_max_seconds=1.5")
    train(config(mini_data, tmp_path, hparams, "mini_speech"))
    assert "training examples of mini_speech are longer than" in capsys.readouterr().err
    sound = (np.zeros(3 * 8000, np.float32), 8000)
    (output,) = load(tmp_path).generate("mini_speech", [sound], extra_length=1)
    assert output.error is None and "audio of 3.0 s" in output.warning and "audio_max_seconds=1.5" in output.warning
