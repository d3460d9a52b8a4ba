import json

import pytest

from benchmarks import train_step
from tests.conftest import TINY_HPARAMS


@pytest.mark.parametrize("kind,source", [("text", 5), ("caption", 1), ("speech", 16)])
def test_a_small_step_is_measured_and_reported(capsys, kind, source):
    flags = ["--hparams_set=multimodel_mini", f"--hparams={TINY_HPARAMS}", "--batch=2", "--target=4", "--vocab=50"]
    flags += [f"--source={source}", f"--kind={kind}", "--steps=2", "--variant=as_commands"]
    train_step.main([*flags, *(["--profile"] if kind == "text" else [])])
    row = json.loads(capsys.readouterr().out)
    assert row["step_s"] > 0 and row["matmul_gflops"] > 0 and row["parameters"] > 1000 and row["useful_gflop"] > 0
    table = train_step.report({variant: [row] for variant in train_step.VARIANTS})
    assert "default_allocator over as_commands: 1.00" in table and "without_onednn over as_commands: 1.00" in table
    if kind == "text":
        assert row["top_ops"] and all(0 < share <= 1 for _, share in row["top_ops"])
        assert any("MatMul" in name or "Mul" in name or "Depthwise" in name for name, _ in row["top_ops"])
