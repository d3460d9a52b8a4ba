"""Command t2t-eval."""

import json
import shutil
import subprocess
import sys


def run(*arguments):
    command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_eval", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_scores_are_printed_and_appended(mini_data, mini_run, tmp_path):
    output_dir = shutil.copytree(mini_run, tmp_path / "run")
    before = (output_dir / "metrics.jsonl").read_text()
    done = run(
        "--problem=mini_parsing",
        f"--data_dir={mini_data}",
        f"--output_dir={output_dir}",
        "--split=test",
        "--eval_steps=1",
        "--decode_examples=2",
        "--decode_hparams=batch_size=2,extra_length=2",
        f"--report={tmp_path / 'report'}",
        "--report_examples=1",
        "--bootstrap_resamples=20",
    )
    assert done.returncode == 0, done.stderr
    header, _, line = done.stdout.splitlines()
    assert header.split()[0] == "problem" and header.endswith("metrics")
    assert line.split()[:2] == ["mini_parsing", "test"] and "bracket_f1" in line
    after = (output_dir / "metrics.jsonl").read_text()
    assert after.startswith(before)
    (record,) = map(json.loads, after[len(before) :].splitlines())
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert [one["record"] for one in report["problems"]] == [record] and len(report["problems"][0]["best"]) == 1
    assert record["bracket_f1_interval"][0] <= record["bracket_f1"] <= record["bracket_f1_interval"][1]
    assert (tmp_path / "report/page.html").exists() and "mini_parsing" in (tmp_path / "report/report.txt").read_text()
    assert record["decoded_examples"] == 2 and record["split"] == "test" and record["step"] == 12


def test_errors_are_one_line(tmp_path):
    missing = run("--problem=mini_parsing", f"--data_dir={tmp_path}")
    assert (
        missing.returncode == 1
        and missing.stderr.strip() == "error: --output_dir is missing; give --output_dir=OUTPUT_DIR"
    )
    unknown = run("--problem=mini_parsin", f"--data_dir={tmp_path}", f"--output_dir={tmp_path}")
    assert unknown.returncode == 1 and "did you mean mini_parsing" in unknown.stderr
    assert len(unknown.stderr.splitlines()) == 1


def test_help_names_the_flags():
    done = run("--help")
    assert done.returncode == 0 and all(
        flag in done.stdout for flag in ("--split", "--decode_examples", "--problem", "--report")
    )
