"""The benchmark of the exported model runs and finds no difference; times are not checked."""

import json

import pytest

from benchmarks import export


@pytest.mark.slow
def test_rows(mini_run, mini_data, tmp_path, capsys):
    file = tmp_path / "rows.json"
    flags = [
        f"--output_dir={mini_run}",
        f"--data_dir={mini_data}",
        f"--json={file}",
        "--repeats=1",
        "--max_input_length=24",
    ]
    export.main([*flags, "--examples=5", "--decode_hparams=beam_size=2,extra_length=6"])
    first, *rows = map(json.loads, file.read_text().splitlines())
    assert float(first["mb"]) > 0 and float(first["export_s"]) > 0
    assert [row["problem"] for row in rows] == ["mini_image_class", "mini_parsing", "mini_speech"]
    assert all(row["best_differ"] == row["outputs_differ"] == 0 and row["inputs"] == 5 for row in rows)
    assert rows[1]["outputs"] == 10 and "problem mini_parsing; inputs 5" in capsys.readouterr().out
