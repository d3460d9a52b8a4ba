"""Whole runs of the loop on the mini suite."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.errors import CheckpointError, DataError, HParamsError, VocabularyError
from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.trainer import TrainConfig, make_trainer, train
from tests.conftest import MINI_PROBLEMS, SMALL, SMALL_WITH_EXPERTS


def command(data, output, *extra):
    return [
        sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer", "--problem=mini_parsing,mini_speech",
        f"--data_dir={data}", f"--output_dir={output}", "--hparams_set=multimodel_mini",
        f"--hparams={SMALL_WITH_EXPERTS}",
        "--train_steps=30", "--save_checkpoints_steps=5", "--local_eval_frequency=0", "--eval_steps=1",
        "--random_seed=3", *extra,
    ]  # fmt: skip


def checkpoint_values(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "save_counter" not in name}


def test_a_killed_run_ends_with_weights_bit_equal_to_an_uninterrupted_one(mini_data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(mini_data, whole), check=True, capture_output=True)
    process = subprocess.Popen(command(mini_data, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 900
    try:
        while not (killed / "ckpt-10.index").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "ckpt-30.index").exists()
    again = subprocess.run(command(mini_data, killed), check=True, capture_output=True, text=True)
    assert "continuing at step" in again.stderr
    expected, found = checkpoint_values(whole), checkpoint_values(killed)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert read_records(whole) == read_records(killed)


def test_records_of_a_run_follow_the_contract(mini_run):
    records = read_records(mini_run)
    assert {record["problem"] for record in records} == set(MINI_PROBLEMS)
    for record in records:
        assert {
            "step", "problem", "split", "examples", "target_tokens", "loss", "log_perplexity", "token_accuracy",
            "sequence_accuracy", "baseline_loss", "baseline_accuracy",
        } <= set(record)  # fmt: skip
        assert record["step"] == 12 and record["split"] == "dev" and record["examples"] > 0
        assert np.isfinite(record["loss"]) and 0 <= record["token_accuracy"] <= 1
        assert ("top5" in record) == (record["problem"] == "mini_image_class")
    assert list((mini_run / "events").glob("events*"))


def test_manifest_tells_what_was_trained(mini_run):
    manifest = json.loads((mini_run / "model.json").read_text())
    assert manifest["problems"] == list(MINI_PROBLEMS)
    assert manifest["commands"] == {"to_parse_tree": 0, "to_transcript": 1}


def config(mini_data, folder, **values):
    values = {"train_steps": 2, "eval_steps": 1, "problems": ("mini_translate_ende",), **values}
    return TrainConfig(data_dir=str(mini_data), output_dir=str(folder), **values)


@pytest.fixture(scope="module")
def small_run(mini_data, tiny_hparams, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small_run")
    train(config(mini_data, folder, hparams=tiny_hparams))
    return folder


def test_a_finished_run_is_extended_and_keeps_its_command_ids(mini_data, tiny_hparams, small_run):
    trainer = make_trainer(
        config(mini_data, small_run, hparams=tiny_hparams, problems=("mini_translate_ende", "mini_translate_enfr"))
    )
    assert trainer.step == 2
    assert trainer.manifest.commands == {"to_german": 0, "to_french": 1}


def counted(batches, name, shapes, start):
    """The batches of `batches(start)`; adds the shapes of each to `shapes`."""
    for batch in batches(start):
        shapes.add((name, *(tuple(value.shape) for value in batch.values())))
        yield batch


def test_each_pair_of_modalities_is_traced_once(mini_data, tiny_hparams, tmp_path):
    problems = ("mini_translate_ende", "mini_parsing", "mini_image_class")
    trainer = make_trainer(config(mini_data, tmp_path, hparams=tiny_hparams, problems=problems, train_steps=24))
    shapes = set()
    for name, source in trainer.inputs.items():
        source.train = functools.partial(counted, source.train, name, shapes)
    trainer.run()
    assert trainer.traces == {("symbol", "symbol"): 1, ("image", "class_label_mini_image_class"): 1}
    assert len(shapes) > len(problems) + 2


def test_changed_structure_is_refused(mini_data, tiny_hparams, small_run):
    with pytest.raises(HParamsError, match="group 'body'"):
        make_trainer(config(mini_data, small_run, hparams=tiny_hparams.override("body.depth=32")))


def test_missing_data_names_the_command(tiny_hparams, tmp_path, mini_data):
    with pytest.raises(DataError, match="t2t-datagen"):
        make_trainer(config(tmp_path / "nothing", tmp_path / "out", hparams=tiny_hparams))
    with pytest.raises(VocabularyError):
        (tmp_path / "empty").mkdir()
        make_trainer(config(tmp_path / "empty", tmp_path / "out", hparams=tiny_hparams))


def test_damaged_checkpoint_is_named(mini_data, tiny_hparams, tmp_path):
    train(config(mini_data, tmp_path, hparams=tiny_hparams, train_steps=1))
    data = next(tmp_path.glob("ckpt-1.data*"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="ckpt-1"):
        make_trainer(config(mini_data, tmp_path, hparams=tiny_hparams))


def test_two_replicas_follow_one_device(mini_data, tiny_hparams, tmp_path):
    """Two logical CPU devices see the same batches as one and reach the same weights up to rounding."""
    script = f"""
import sys, numpy as np, tensorflow as tf
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.trainer import TrainConfig, make_trainer
tf.config.optimizer.set_experimental_options({{"disable_meta_optimizer": True}})
replicas = int(sys.argv[1])
hparams = HParams.from_json(open({str(tmp_path / "hparams.json")!r}).read())
trainer = make_trainer(TrainConfig(problems=("mini_image_class", "mini_translate_deen"),
    hparams=hparams, data_dir={str(mini_data)!r}, output_dir=sys.argv[2], train_steps=4, eval_steps=1,
    replicas=replicas))
assert trainer.strategy.num_replicas_in_sync == replicas
trainer.run()
np.savez(sys.argv[3], **{{k.replace("/", "|"): v.numpy() for k, v in trainer.model.named_variables().items()}})
"""
    hparams = tiny_hparams.override(f"{SMALL},mixture.num_experts=0,regularization.dropout=0")
    (tmp_path / "hparams.json").write_text(hparams.to_json())
    results = []
    for replicas in (1, 2):
        out = tmp_path / f"weights{replicas}.npz"
        subprocess.run(
            [sys.executable, "-c", script, str(replicas), str(tmp_path / f"run{replicas}"), str(out)],
            check=True, capture_output=True,
        )  # fmt: skip
        results.append(dict(np.load(out)))
    one, two = results
    assert one.keys() == two.keys()
    worst = max(float(np.abs(one[name] - two[name]).max()) for name in one)
    assert worst < 2e-4
