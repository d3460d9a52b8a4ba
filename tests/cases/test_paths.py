"""Rows `~` and unwritable places: the home folder everywhere, checks before work, results that are not lost."""

import builtins
import io
import os
import subprocess
import sys

import pytest

import t2t_multimodel as t2t
from t2t_multimodel import paths
from t2t_multimodel.data import storage
from t2t_multimodel.errors import DataError, MultiModelError, PathError

SIZES = "train_examples=30,dev_examples=4,test_examples=0"


def run(module, *flags, cwd=None, home=None):
    environment = {**os.environ, "HOME": str(home)} if home else None
    command = [sys.executable, "-m", f"t2t_multimodel.bin.{module}", *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


def one_line(done) -> str:
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_the_home_folder_is_the_same_for_every_command(mini_data, mini_run, tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (home / "data").symlink_to(mini_data)
    (home / "run").symlink_to(mini_run)
    (home / "in.txt").write_text("a small red circle\n")
    done = run(
        "t2t_datagen", "--problem=mini_parsing", "--data_dir=~/new", "--tmp_dir=~/scratch", "--vocab_size=300",
        f"--problem_options={SIZES}", "--num_workers=1", cwd=work, home=home,
    )  # fmt: skip
    assert done.returncode == 0 and (home / "new" / "mini_parsing.json").exists(), done.stderr
    done = run(
        "t2t_decoder", "--problem=mini_parsing", "--data_dir=~/data", "--output_dir=~/run",
        "--decode_hparams=extra_length=2", "--decode_from_file=~/in.txt", "--decode_to_file=~/out.txt",
        cwd=work, home=home,
    )  # fmt: skip
    assert done.returncode == 0 and (home / "out.txt").read_text().count("\n") == 1, done.stderr
    done = run(
        "t2t_inspect", "--problem=mini_parsing", "--data_dir=~/data", "--html=~/page.html", "--to_dir=~/media",
        cwd=work, home=home,
    )  # fmt: skip
    assert done.returncode == 0 and (home / "page.html").exists(), done.stderr
    vocabulary = ["--action=build", "--file=~/in.txt", "--vocab_size=290", "--to_dir=~/vocabulary"]
    done = run("t2t_vocab", *vocabulary, cwd=work, home=home)
    assert "there is too little" in done.stderr or (home / "vocabulary" / "vocab.json").exists(), done.stderr
    done = run("t2t_vocab", "--data_dir=~/data", "--action=coverage", "--file=~/in.txt", cwd=work, home=home)
    assert done.returncode == 0 and "ids a word" in done.stdout, done.stderr
    assert not list(work.iterdir())


def test_the_home_folder_in_python(mini_run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(mini_run)
    assert t2t.load("~/run").step == 12
    t2t.generate_data("mini_parsing", data_dir="~/data", options=SIZES, num_workers=1, vocab_size=300)
    assert (tmp_path / "data" / "mini_parsing.json").exists()
    for folder in ("~/none", {"wsj_parsing": "~/none"}):
        with pytest.raises(MultiModelError, match=f"{tmp_path}/none"):
            t2t.generate_data("wsj_parsing", data_dir="~/other", source_dir=folder)
    assert not (tmp_path / "~").exists()


def test_only_a_leading_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/some one")
    assert paths.resolve("~/x") == "/home/some one/x"
    assert paths.resolve("a/~/x") == "a/~/x"
    assert paths.resolve("gs://bucket/~x") == "gs://bucket/~x"
    with pytest.raises(PathError, match=r"there is no user 'nobody_of_that_name'; write \./~nobody"):
        paths.resolve("~nobody_of_that_name/x")


def test_a_missing_folder_of_outputs_is_named_before_decoding(mini_run, tmp_path):
    (tmp_path / "in.txt").write_text("a small red circle\n")
    done = run(
        "t2t_decoder", "--problem=mini_parsing", f"--output_dir={mini_run}", f"--decode_from_file={tmp_path}/in.txt",
        f"--decode_to_file={tmp_path}/no/such/dir/x",
    )  # fmt: skip
    assert f"there is no folder {tmp_path}/no/such/dir" in one_line(done)
    assert done.stdout == ""


def test_a_file_in_the_place_of_the_run_is_named_before_training(mini_data, tmp_path):
    (tmp_path / "file").write_text("")
    flags = ["--problem=mini_parsing", f"--data_dir={mini_data}"]
    done = run("t2t_trainer", *flags, f"--output_dir={tmp_path}/file")
    assert f"--output_dir={tmp_path}/file cannot be written ({tmp_path}/file is a file)" in one_line(done)
    done = run("t2t_trainer", *flags, f"--output_dir={tmp_path}/file/run")
    assert f"{tmp_path}/file is a file" in one_line(done)


def test_a_read_only_place_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    for check, path in ((paths.check_output_folder, "new/run"), (paths.check_output_file, "out.txt")):
        with pytest.raises(PathError, match=rf"--flag={tmp_path / path} cannot be written \(permission denied for"):
            check(tmp_path / path, "--flag")
    with pytest.raises(PathError, match="permission denied"):
        t2t.train("mini_parsing", data_dir=tmp_path, output_dir=tmp_path / "run", train_steps=1)


class _FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(28, "No space left on device")


def test_outputs_are_printed_where_the_disk_is_full(mini_run, tmp_path, monkeypatch, capsys):
    from t2t_multimodel.decoding.lines import resumable_lines
    from t2t_multimodel.decoding.lines.decode_file import decode_file

    (tmp_path / "in.txt").write_text("a small red circle\na small red circle\n")
    decoders = {"mini_parsing": t2t.load(mini_run).decoder("mini_parsing")}
    monkeypatch.setattr(resumable_lines.ResumableLines, "_open", lambda lines: _FullDisk())
    with pytest.raises(PathError, match=f"{tmp_path}/out.txt: No space left on device; .*printed"):
        decode_file(decoders, str(tmp_path / "in.txt"), str(tmp_path / "out.txt"))
    assert capsys.readouterr().out.count("\n") == 2
    assert [file.name for file in tmp_path.iterdir()] == ["in.txt"]


def test_a_run_that_cannot_be_written_is_evaluated_all_the_same(mini_data, mini_run, monkeypatch, capsys):
    written = open

    def read_only(file, mode="r", *args, **kwargs):
        if str(file).endswith("metrics.jsonl") and "a" in mode:
            raise OSError(30, "Read-only file system", str(file))
        return written(file, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", read_only)
    model = t2t.load(mini_run)
    (record,) = model.evaluate("mini_parsing", data_dir=mini_data, eval_steps=1, decode=False, log_dir=mini_run)
    assert record["examples"] > 0
    assert "the scores of mini_parsing are not kept" in capsys.readouterr().err


def test_a_pipe_is_written_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with open(os.open(tmp_path / "pipe", os.O_RDWR), "rb", buffering=0) as reader:
        storage.write_atomically(tmp_path / "pipe", b"hello")
        assert reader.read(5) == b"hello"
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]
    storage.write_atomically(os.devnull, b"x")
    assert not os.path.isfile(os.devnull)


def test_errors_of_a_write_name_the_file_and_long_names_work(tmp_path):
    with pytest.raises(OSError, match=f"'{tmp_path}/none/x.json'"):
        storage.write_atomically(tmp_path / "none" / "x.json", b"")
    storage.write_atomically(tmp_path / ("ä" * 120), b"x")
    assert (tmp_path / ("ä" * 120)).read_bytes() == b"x"


def test_datagen_names_the_flag_whose_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--tmp_dir"):
        t2t.generate_data("mini_parsing", data_dir=tmp_path / "data", tmp_dir=tmp_path / "file" / "tmp")
    with pytest.raises(DataError, match="--data_dir"):
        t2t.generate_data("mini_parsing", data_dir=tmp_path / "file" / "data", tmp_dir=tmp_path / "tmp")


def test_wrong_flags_are_one_line():
    done = run("t2t_datagen", "--no_such_flag=1")
    assert "no_such_flag" in one_line(done) and "--help" in done.stderr
    done = run("t2t_trainer", "--train_steps=many")
    assert "train_steps" in one_line(done)


def test_the_home_folder_in_lists_of_paths(mini_run, tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("HOME", str(tmp_path))
    Image.new("RGB", (32, 32)).save(tmp_path / "ein Bild ü.png")
    model = t2t.load(mini_run)
    found, missing = model.generate("mini_image_class", ["~/ein Bild ü.png", "~nobody_there/x.png"], errors="return")
    assert found.error is None and found.text
    assert "there is no user" in missing.error


@pytest.mark.parametrize(
    ("flag", "cause"),
    [
        ("--tmp_dir=s3://bucket/x", "give a path of this machine"),
        ("--data_dir=hdfs://host/x", "addresses of this kind are not read; give gs://BUCKET/..."),
        ("--data_dir=s3:///x", "addresses of this kind are not read"),
    ],
)
def test_addresses_that_cannot_be_used_are_named_at_once(flag, cause, tmp_path):
    line = one_line(run("t2t_datagen", "--problem=mini_parsing", flag, cwd=tmp_path))
    assert flag.partition("=")[2] in line and cause in line
    assert not list(tmp_path.iterdir())
