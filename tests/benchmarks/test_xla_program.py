"""Programs of train steps are written; what runs them needs no TensorFlow."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import xla_program
from benchmarks.xla_program import run as runner

TINY = (
    "body.depth=8,body.num_heads=1,body.encoder_blocks=1,body.mixer_blocks=0,body.decoder_blocks=1,"
    "mixture.num_experts=3,mixture.hidden=8,mixture.k=2,body.feed_forward=8,modalities.image_size=16,"
    "modalities.image_entry_filters=4:4,modalities.class_exit_widths=1:1:1:1"
)


def written(folder, *flags):
    xla_program.main([f"--out={folder}", "--hparams_set=multimodel_plus", f"--hparams={TINY}", *flags])
    return json.loads((folder / "program.json").read_text())


def test_a_program_comes_with_its_arguments(tmp_path):
    about = written(tmp_path, "--batch=2x6x4")
    assert (tmp_path / "program.hlo").stat().st_size > 10000 and about["useful_flops"] > 0
    with np.load(tmp_path / "args.npz") as file:
        assert len(file.files) == len(about["arguments"])
        for number, argument in enumerate(about["arguments"]):
            value = file[f"arg{number}"]
            assert (list(value.shape), value.dtype) == (argument["shape"], argument["dtype"])
    assert [argument["name"] for argument in about["arguments"][:5]] == [
        "inputs",
        "targets",
        "command",
        "weight",
        "step",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["class", "caption", "speech"])
def test_programs_of_other_kinds_without_values(tmp_path, kind):
    about = written(tmp_path, f"--kind={kind}", "--batch=2x8x4", "--values=false", "--precision=bfloat16")
    assert not (tmp_path / "args.npz").exists() and about["precision"] == "bfloat16"
    filled = list(runner.values(tmp_path, about, random=True))
    for value, argument in zip(filled, about["arguments"], strict=True):
        assert (list(value.shape), value.dtype) == (argument["shape"], argument["dtype"])
        assert np.isfinite(value).all()


def test_the_runner_imports_no_part_of_the_project():
    tree = ast.parse(pathlib.Path(runner.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith(("t2t", "benchmarks", "tensorflow")) for name in names)


def test_results_are_appended_and_failures_told(tmp_path, capsys):
    out = tmp_path / "results.jsonl"
    out.write_text("{}\n")
    runner.main([str(tmp_path / "nothing"), str(tmp_path / "more"), f"--out={out}", "--budget=25"])
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 3 and all("error" in row for row in rows[1:])
    assert capsys.readouterr().out.count("error") == 2


@pytest.mark.slow
def test_a_program_runs_by_jaxlib_as_by_tensorflow(tmp_path):
    """By the interpreter that JAX_PYTHON names: jax and this TensorFlow want different NumPys."""
    python = os.environ.get("JAX_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import jax"], capture_output=True).returncode:
        pytest.skip("jax is not there: set JAX_PYTHON to a Python that has it")
    about = written(tmp_path, "--batch=2x6x4", "--steps=3")
    command = [python, runner.__file__, str(tmp_path), "--repeats=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(done.stdout)["losses"], about["losses"], rtol=1e-5)
