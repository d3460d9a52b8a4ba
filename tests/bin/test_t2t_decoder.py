"""t2t-decoder from outside: files in, files out, and one clear line for each error."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from t2t_multimodel import load, registry
from t2t_multimodel.data.generation.engine import generate
from t2t_multimodel.data.problem import Source


def decode(problem, data_dir, output_dir, *flags, stdin=None):
    return subprocess.run(
        [
            sys.executable, "-m", "t2t_multimodel.bin.t2t_decoder", f"--problem={problem}", f"--data_dir={data_dir}",
            f"--output_dir={output_dir}", "--decode_hparams=extra_length=4,batch_size=2", *flags,
        ],
        capture_output=True, text=True, input=stdin, check=False,
    )  # fmt: skip


def raw_input(name: str):
    problem = registry.problem(name)
    return next(iter(problem.examples("dev", Source(seed=1, options={**problem.options, "dev_examples": 1}))))["inputs"]


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> pathlib.Path:
    """An image, an audio file and files that are neither."""
    import soundfile

    folder = tmp_path_factory.mktemp("media")
    (folder / "picture.jpg").write_bytes(raw_input("mini_image_class"))
    soundfile.write(folder / "sound.wav", np.asarray(raw_input("mini_speech")), 8000)
    (folder / "cut.jpg").write_bytes(raw_input("mini_image_class")[:200])
    (folder / "noise.wav").write_bytes(b"no sound at all")
    return folder


def test_a_bad_picture_costs_itself_alone(mini_data, mini_run, media, tmp_path):
    paths = [media / "picture.jpg", media / "cut.jpg", media / "missing.jpg", media / "picture.jpg"]
    (tmp_path / "in.txt").write_text("".join(f"{path}\n" for path in paths))
    result = decode(
        "mini_image_class", mini_data, mini_run,
        f"--decode_from_file={tmp_path / 'in.txt'}", f"--decode_to_file={tmp_path / 'out.txt'}",
    )  # fmt: skip
    lines = (tmp_path / "out.txt").read_text().split("\n")
    assert len(lines) == 5 and lines[4] == ""
    assert lines[0] == lines[3] and len(lines[0].split()) == 2  # "red circle"
    assert lines[1] == lines[2] == ""
    assert result.returncode == 1
    assert "cut.jpg" in result.stderr and "missing.jpg" in result.stderr
    assert "2 inputs could not be decoded" in result.stderr
    assert "Traceback" not in result.stderr


def test_sound_is_decoded_and_noise_named(mini_data, mini_run, media, tmp_path):
    (tmp_path / "in.txt").write_text(f"{media / 'sound.wav'}\n{media / 'noise.wav'}\n")
    result = decode("mini_speech", mini_data, mini_run, f"--decode_from_file={tmp_path / 'in.txt'}")
    assert len(result.stdout.split("\n")) == 3
    assert result.returncode == 1
    assert "noise.wav" in result.stderr and "Traceback" not in result.stderr


def test_text_interactively(mini_data, mini_run):
    result = decode("mini_parsing", mini_data, mini_run, "--decode_interactive", stdin="a small red circle\n\n")
    lines = result.stdout.strip().split("\n")
    assert result.returncode == 0
    assert "circle" in lines[0]
    assert lines[1].startswith("error:")


@pytest.mark.parametrize(
    ("problem", "flags", "message"),
    [
        ("mini_parsng", ["--decode_interactive"], "did you mean mini_parsing"),
        ("mini_translate_ende", ["--decode_interactive"], "train it on mini_translate_ende"),
        ("mini_parsing", [], "--decode_from_file"),
        ("mini_parsing", ["--decode_from_file=/nowhere/in.txt"], "cannot be read"),
        ("mini_parsing", ["--decode_interactive", "--decode_hparams=beam_size=0"], "beam_size"),
        ("mini_parsing", ["--decode_interactive", "--score_file=x"], "exclude each other"),
    ],
)
def test_what_is_wrong_is_one_line(mini_data, mini_run, problem, flags, message):
    result = decode(problem, mini_data, mini_run, *flags)
    assert result.returncode == 1
    (line,) = result.stderr.strip().split("\n")
    assert line.startswith("error:") and message in line


def test_several_problems_from_a_pipe_as_json(mini_run, media):
    lines = (
        f"mini_parsing\ta small red circle\nmini_speech\t{media / 'sound.wav'}\nmini_speech\t{media / 'noise.wav'}\n"
    )
    flags = ["--decode_format=json", "--decode_hparams=extra_length=4,beam_size=2,return_beams=true"]
    result = decode("mini_parsing,mini_speech", "", mini_run, *flags, stdin=lines)
    tree, transcript, noise = map(json.loads, result.stdout.splitlines())
    assert result.returncode == 1 and "1 inputs could not be decoded" in result.stderr
    assert tree["text"].startswith("(") and len(tree["beams"]) == 2 and tree["beams"][0]["score"] <= 0
    assert transcript["problem"] == "mini_speech" and "text" in transcript and "noise.wav" in noise["error"]


def test_given_targets_are_scored(mini_run, tmp_path):
    tree = "(S (NP (DT a) (JJ small) (JJ red) (NN circle)))"
    (tmp_path / "pairs.tsv").write_text(f"a small red circle\t{tree}\na small red circle\tno tree\n")
    flags = [f"--score_file={tmp_path / 'pairs.tsv'}", f"--decode_to_file={tmp_path / 'scores'}"]
    result = decode("mini_parsing", "", mini_run, *flags)
    first, second = (tmp_path / "scores").read_text().splitlines()
    assert result.returncode == 1 and "the target is no tree" in result.stderr and second == ""
    model = load(mini_run)
    targets = model.decoder("mini_parsing").problem.prepare_target(tree)
    (expected,) = model.score("mini_parsing", ["a small red circle"], [targets])
    assert float(first) == pytest.approx(expected, abs=1e-4)
    assert expected == pytest.approx(model.score("mini_parsing", ["a small red circle"], [tree])[0])


def test_missing_checkpoint_is_one_line(mini_data, mini_run, tmp_path):
    result = decode("mini_parsing", mini_data, tmp_path, "--decode_interactive")
    assert result.returncode == 1
    assert result.stderr.startswith("error:") and "run t2t-trainer" in result.stderr
    shutil.copy(mini_run / "model.json", tmp_path)
    result = decode("mini_parsing", mini_data, tmp_path, "--decode_interactive")
    assert result.returncode == 1
    assert result.stderr.strip().count("\n") == 0 and "no checkpoint" in result.stderr


def test_another_vocabulary_is_one_line(mini_run, tmp_path):
    options = "train_examples=30,dev_examples=5,test_examples=0"
    generate(["mini_parsing"], tmp_path, seed=9, num_shards=1, num_workers=1, vocab_size=300, options=options)
    result = decode("mini_parsing", tmp_path, mini_run, "--decode_interactive")
    assert result.returncode == 1
    assert result.stderr.startswith("error:") and "not the one the model was trained with" in result.stderr
