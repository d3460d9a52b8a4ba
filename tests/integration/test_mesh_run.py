"""A run of t2t-trainer with experts over a mesh goes on and decodes on one device."""

import subprocess
import sys

import pytest

import t2t_multimodel as t2t
from t2t_multimodel.runs.metrics_log import read_records
from tests.conftest import SMALL_WITH_EXPERTS

HPARAMS = f"--hparams={SMALL_WITH_EXPERTS}"


def trainer(data, run, steps, *flags):
    done = subprocess.run(
        [
            sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer", "--problem=mini_parsing", f"--data_dir={data}",
            f"--output_dir={run}", "--hparams_set=multimodel_mini", HPARAMS,
            f"--train_steps={steps}", "--local_eval_frequency=0", *flags,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


@pytest.mark.slow
def test_a_run_over_a_mesh(mini_data, tmp_path):
    trainer(mini_data, tmp_path, 4, "--strategy=mesh", "--mesh_shape=experts:3")
    accumulated = f"{HPARAMS},optimizer.accumulate_steps=2"
    went_on = trainer(mini_data, tmp_path, 6, "--strategy=mesh", "--mesh_shape=batch:2;experts:1", accumulated)
    assert "continuing at step 4" in went_on
    assert "continuing at step 6" in trainer(mini_data, tmp_path, 8, "--strategy=one_device")
    assert [record["step"] for record in read_records(tmp_path)] == [4, 6, 8]
    model = t2t.load(tmp_path)
    (output,) = model.generate("mini_parsing", ["the small circle is red"])
    assert model.step == 8 and isinstance(output.text, str)
