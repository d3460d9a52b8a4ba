"""t2t-trainer from outside."""

import subprocess
import sys

import pytest

from t2t_multimodel.runs.metrics_log import read_records
from tests.conftest import TINY_HPARAMS


def run(*flags):
    return subprocess.run(
        [sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer", *map(str, flags)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_data_are_generated_first_where_they_are_missing(tmp_path):
    result = run(
        "--problem=mini_translate_ende", "--generate_data", f"--data_dir={tmp_path / 'data'}",
        "--problem_options=train_examples=40,dev_examples=8,test_examples=0", f"--output_dir={tmp_path / 'run'}",
        "--hparams_set=multimodel_mini", f"--hparams={TINY_HPARAMS}", "--train_steps=1",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (record,) = read_records(tmp_path / "run")
    assert (record["problem"], record["step"], record["examples"]) == ("mini_translate_ende", 1, 8)
    assert "mini_translate_ende" in result.stdout.splitlines()[-1]
    assert "1/1" in result.stderr


def test_help_imports_no_tensorflow():
    code = (
        "import sys; sys.argv = ['t2t-trainer', '--help'];"
        "from t2t_multimodel.bin import t2t_trainer; t2t_trainer.run();"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--hparams_set" in done.stdout


def test_describe_counts_parameters():
    done = run("--describe", "--hparams_set=multimodel_base")
    assert done.returncode == 0
    assert "105,443,328" in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--problem=mini"], "--data_dir is missing"),
        (["--problem=mni", "--data_dir=x", "--output_dir=y"], "did you mean mini"),
        (["--problem=mini", "--data_dir=x", "--output_dir=y", "--hparams_set=multimodel_bas"], "multimodel_base"),
        (["--problem=mini", "--data_dir=x", "--output_dir=y", "--hparams=body.dept=3"], "body.depth"),
    ],
)
def test_what_is_wrong_is_one_line(flags, message):
    result = run(*flags)
    assert result.returncode == 1
    assert result.stderr.startswith("error:") and message in result.stderr
    assert result.stderr.strip().count("\n") == 0
