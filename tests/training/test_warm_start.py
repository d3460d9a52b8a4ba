import dataclasses

import numpy as np
import pytest

import t2t_multimodel as t2t
from t2t_multimodel import demo
from t2t_multimodel.data.generation import engine
from t2t_multimodel.data.vocabulary import tools as vocabulary_tools
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import CheckpointError, VocabularyError
from t2t_multimodel.runs.load import load_run
from t2t_multimodel.runs.manifest import Manifest
from t2t_multimodel.training.trainer import TrainConfig, make_trainer
from tests.conftest import MINI_PROBLEMS


@pytest.fixture(scope="module")
def config(mini_data, mini_run, tiny_hparams, tmp_path_factory):
    return TrainConfig(
        problems=("mini_parsing",),
        hparams=tiny_hparams,
        data_dir=str(mini_data),
        output_dir=str(tmp_path_factory.mktemp("tuned")),
        train_steps=1,
        seed=5,
        warm_start_from=str(mini_run),
    )


@pytest.fixture(scope="module")
def old_weights(mini_run):
    model = load_run(mini_run, problems=MINI_PROBLEMS).model
    return {path: variable.numpy() for path, variable in model.named_variables().items()}


def test_shared_weights_are_taken_and_commands_go_by_name(config, mini_run, old_weights, capsys):
    trainer = make_trainer(dataclasses.replace(config, problems=("mini_speech",)))
    assert "warm start" in capsys.readouterr().err
    (command,) = trainer.manifest.commands
    old = Manifest.load(mini_run).commands
    assert old[command] != trainer.manifest.commands[command]
    for path, variable in trainer.model.named_variables().items():
        if path.endswith("commands"):
            found, expected = variable.numpy()[trainer.manifest.commands[command]], old_weights[path][old[command]]
        else:
            found, expected = variable.numpy(), old_weights[path]
        np.testing.assert_array_equal(found, expected, err_msg=path)


def test_an_extended_vocabulary_keeps_the_rows_of_old_ids(config, mini_data, old_weights, tmp_path):
    vocabulary = Vocabulary.load(mini_data)
    vocabulary_tools.extend(vocabulary, ["octagon"], [], tmp_path)
    longer = vocabulary_tools.extend(Vocabulary.load(tmp_path), ["hexagon"], [], tmp_path / "data")
    options = "train_examples=20,dev_examples=4,test_examples=4"
    engine.generate(["mini_parsing"], tmp_path / "data", num_workers=1, options=options, report=lambda line: None)
    trainer = make_trainer(
        dataclasses.replace(config, data_dir=str(tmp_path / "data"), output_dir=str(tmp_path / "run"))
    )
    tables = [path for path in old_weights if path.endswith(("/embedding", "/softmax"))]
    assert len(tables) == 2
    for path in tables:
        table = trainer.model.named_variables()[path].numpy()
        assert table.shape[0] == longer.size == vocabulary.size + 2
        np.testing.assert_array_equal(table[:-2], old_weights[path])
        assert np.abs(table[-2:]).min() > 0
    trainer.run()
    assert trainer.step == 1


def test_a_run_that_continues_is_left_alone(config, capsys):
    make_trainer(config).run()
    capsys.readouterr()
    continued = make_trainer(dataclasses.replace(config, train_steps=2))
    assert continued.step == 1 and "warm start" not in capsys.readouterr().err


def test_what_does_not_fit_is_refused(config, tmp_path):
    output = {"output_dir": str(tmp_path / "run")}
    with pytest.raises(CheckpointError, match="no checkpoint"):
        make_trainer(dataclasses.replace(config, **output, warm_start_from=str(tmp_path)))
    with pytest.raises(CheckpointError, match="hparams_set"):
        make_trainer(dataclasses.replace(config, **output, hparams=config.hparams.override(mixture__hidden=24)))
    options = "train_examples=20,dev_examples=4,test_examples=4"
    engine.generate(["mini_parsing"], tmp_path / "other", num_workers=1, options=options, report=lambda line: None)
    with pytest.raises(VocabularyError, match="does not extend"):
        make_trainer(dataclasses.replace(config, **output, data_dir=str(tmp_path / "other")))


def test_the_model_in_the_box_starts_a_run(mini_data, tmp_path, capsys):
    """Its weights are rounded; a problem of the user's own gets a command token beside the demo's."""
    data = tmp_path / "data"
    vocabulary_tools.extend(vocabulary_tools.open_vocabulary(demo.run_folder()), ["octagon"], [], data)
    (tmp_path / "train.tsv").write_text("a ring\tein Ring\na small octagon\tein kleines Achteck\n", encoding="utf-8")
    t2t.generate_data("text2text_folder", data_dir=data, source_dir=tmp_path, num_workers=1)
    t2t.train(
        "text2text_folder",
        hparams_set="multimodel_mini_plus",
        data_dir=data,
        output_dir=tmp_path / "run",
        train_steps=0,
        warm_start_from="demo",
    )
    assert f"from {demo.run_folder()}" in capsys.readouterr().err
    found, boxed = (t2t.load(folder).keras_model.named_variables() for folder in (tmp_path / "run", "demo"))
    for name, value in found.items():
        if name != "multimodel/commands":
            old = boxed[name].numpy()
            np.testing.assert_array_equal(value.numpy()[: len(old)], old, err_msg=name)
