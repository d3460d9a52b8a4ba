"""Which checkpoints count: whole ones, found from their files."""

import json

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.errors import CheckpointError
from t2t_multimodel.runs import checkpoint_files as files
from t2t_multimodel.runs.checkpoint import Checkpointer, newest_checkpoint


@pytest.fixture
def variables():
    return {"kernel": tf.Variable(np.arange(3000.0, dtype=np.float32)), "bias": tf.Variable([1.0, 2.0])}


@pytest.fixture
def run(tmp_path, variables):
    """Three checkpoints; the weights of each are its step."""
    checkpointer = Checkpointer(tmp_path, model=variables)
    for step in (5, 10, 15):
        variables["bias"].assign([step, step])
        checkpointer.save(step, {"mixing": {}})
    return tmp_path


def restored(run, variables, path=None):
    """Step and weight that a fresh reader finds."""
    step = Checkpointer(run, model=variables).restore(path)["step"]
    assert variables["bias"].numpy()[0] == step
    return step


def cut(path, size=40):
    path.write_bytes(path.read_bytes()[:size])


def data_of(run, step):
    return run / f"ckpt-{step}.data-00000-of-00001"


def test_the_newest_is_found_without_the_file_checkpoint(run, variables, capsys):
    (run / "checkpoint").unlink()
    assert restored(run, variables) == 15 and capsys.readouterr().err == ""
    (run / "checkpoint").write_bytes(b"\xff\x00 no such form")
    assert restored(run, variables) == 15


def test_tensorflow_finds_the_same_newest(run):
    assert tf.train.latest_checkpoint(run) == newest_checkpoint(run) == str(run / "ckpt-15")


def no_index(run):
    (run / "ckpt-15.index").unlink()
    return "ckpt-15.index is missing"


def no_data(run):
    data_of(run, 15).unlink()
    return "ckpt-15.data-00000-of-00001 is missing"


def cut_index(run):
    cut(run / "ckpt-15.index")
    return "has 40 of"


def cut_data(run):
    cut(data_of(run, 15))
    return "has 40 of"


def changed_data(run):
    """As many bytes as before, but others: TensorFlow's checksum tells."""
    bytes_before = bytearray(data_of(run, 15).read_bytes())
    bytes_before[100:2000] = bytes(1900)
    data_of(run, 15).write_bytes(bytes(bytes_before))
    return "is damaged"


def old_form_cut(run):
    """Older versions wrote no marker."""
    (run / "ckpt-15.done").unlink()
    cut(data_of(run, 15))
    return "cannot be read"


def all_gone(run):
    files.remove(str(run / "ckpt-15"))
    return "which the file checkpoint names, is gone"


@pytest.mark.parametrize(
    "damage", [no_index, no_data, cut_index, cut_data, changed_data, old_form_cut, all_gone], ids=lambda f: f.__name__
)
def test_a_damaged_newest_falls_back_with_one_line(run, variables, capsys, damage):
    cause = damage(run)
    assert restored(run, variables) == 10
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: ") and cause in line and "ckpt-15" in line and line.endswith("ckpt-10 is used")


def test_without_markers_whole_ones_count(run, variables, capsys):
    for marker in run.glob("*.done"):
        marker.unlink()
    assert restored(run, variables) == 15 and capsys.readouterr().err == ""


def test_weights_that_are_not_finite_are_neither_saved_nor_read(run, variables, capsys):
    checkpointer = Checkpointer(run, model=variables)
    variables["kernel"].assign(tf.fill([3000], np.nan))
    with pytest.raises(CheckpointError, match="step 20 is not saved: kernel is not finite"):
        checkpointer.save(20, {})
    assert files.steps(run) == [5, 10, 15]
    checkpointer._checkpoint.write(str(run / "ckpt-20"))  # as a version without the check
    with pytest.raises(CheckpointError, match=r"ckpt-20 has weights that are not finite \(kernel\)"):
        restored(run, variables, str(run / "ckpt-20"))
    assert restored(run, variables) == 15
    assert "ckpt-20 has weights that are not finite" in capsys.readouterr().err


def test_moments_that_are_not_finite_are_not_saved(tmp_path, variables):
    slot = tf.Variable([np.inf])
    with pytest.raises(CheckpointError, match="first is not finite"):
        Checkpointer(tmp_path, model=variables, optimizer={"first": slot}).save(1, {})


def test_when_none_is_whole_the_first_cause_is_said(run, variables):
    for step in (5, 10, 15):
        cut(data_of(run, step))
    with pytest.raises(CheckpointError, match=r"ckpt-15 is damaged .* no older checkpoint is whole; restore"):
        restored(run, variables)


@pytest.mark.parametrize("name", ["ckpt-10", "ckpt-10.index", "ckpt-10.data-00000-of-00001", "ckpt-10.done"])
def test_a_checkpoint_is_named_by_any_of_its_files(run, variables, name):
    assert restored(run, variables, str(run / name)) == 10


def test_a_folder_names_its_newest(run, variables, tmp_path_factory):
    assert restored(tmp_path_factory.mktemp("elsewhere"), variables, str(run)) == 15


def test_what_is_no_checkpoint_is_named(run, variables):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*ckpt-7; .* has ckpt-5, ckpt-10, ckpt-15"):
        restored(run, variables, str(run / "ckpt-7"))
    cut(data_of(run, 10))
    with pytest.raises(CheckpointError, match=r"ckpt-10 is damaged \(ckpt-10.data.* has 40 of .*; restore its files"):
        restored(run, variables, str(run / "ckpt-10.index"))


def test_a_save_that_was_broken_off_does_not_count_and_is_cleared(run, variables, capsys):
    (run / "ckpt-20.saving").touch()
    (run / "ckpt-20.index").write_bytes(b"half")
    (run / "ckpt-20.data-00000-of-00001").write_bytes(b"half")
    (run / "ckpt-20_temp").mkdir()
    (run / "ckpt-20_temp" / "part").touch()
    (run / ".ckpt-20.done.x.tmp").touch()
    (run / "notes.txt").touch()
    assert restored(run, variables) == 15 and capsys.readouterr().err == ""
    files.clear_leftovers(run)
    kinds = {"index", "done", "data-00000-of-00001"}
    left = {f"ckpt-{step}.{kind}" for step in (5, 10, 15) for kind in kinds}
    assert {path.name for path in run.iterdir()} == {*left, "checkpoint", "notes.txt"}


def test_only_the_newest_are_kept_and_the_file_checkpoint_follows(tmp_path, variables):
    checkpointer = Checkpointer(tmp_path, model=variables, keep=2)
    for step in (1, 2, 3, 4):
        checkpointer.save(step, {})
    assert files.steps(tmp_path) == [3, 4] and files.named_step(tmp_path) == 4
    assert json.loads((tmp_path / "ckpt-4.done").read_text())["bytes"].keys() == {
        "ckpt-4.index", "ckpt-4.data-00000-of-00001",
    }  # fmt: skip


def test_a_failed_save_keeps_all_earlier_ones(run, variables, monkeypatch):
    checkpointer = Checkpointer(run, model=variables, keep=1)

    def full(path):
        (run / "ckpt-20.index").write_bytes(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(checkpointer._checkpoint, "write", full)
    with pytest.raises(CheckpointError, match=r"step 20 could not be saved .*No space left on device.*; free space"):
        checkpointer.save(20, {})
    assert files.steps(run) == [5, 10, 15] and not (run / "ckpt-20.index").exists()
