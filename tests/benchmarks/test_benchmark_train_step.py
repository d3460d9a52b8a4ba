import json

from benchmarks import train_step
from tests.conftest import TINY_HPARAMS


def test_a_small_step_is_measured_and_reported(capsys):
    flags = ["--hparams_set=multimodel_mini", f"--hparams={TINY_HPARAMS}", "--batch=2", "--source=5", "--target=4"]
    train_step.main([*flags, "--vocab=50", "--steps=2", "--variant=keep_freed_memory"])
    row = json.loads(capsys.readouterr().out)
    assert row["step_s"] > 0 and row["matmul_gflops"] > 0 and row["parameters"] > 1000
    table = train_step.report({variant: [row] for variant in train_step.VARIANTS})
    assert table.endswith("kept memory: 1.00") and "| default_allocator |" in table
