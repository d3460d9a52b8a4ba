"""docs/metrics.md: its table lists the metrics there are, and its code runs as written."""

import pathlib
import re
import subprocess
import sys

from t2t_multimodel import metrics

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_table_lists_the_metrics():
    rows = re.findall(r"^\| `(\w+)`", PAGE, re.M)
    assert sorted(set(rows) - {"top1"}) == metrics.names()
    assert sorted(re.findall(r"^\| `(\w+)`, lower is better", PAGE, re.M)) == sorted(metrics.ERROR_RATES)


def test_the_keys_beside_a_metric_are_those_it_gives():
    tree = "(S (NP (DT a) (NN ring)) (VP (VBZ is)))"
    for name, others in re.findall(r"^\| `(\w+)`(?:, lower is better)? \| (.*?) ?\|", PAGE, re.M):
        if name in metrics.names() and name != "meteor":  # it takes long to start
            found = metrics.get(name)([tree], [[tree]])
            assert {name, *re.findall(r"`(\w+)`", others)} == set(found)


def test_as_written():
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S))
    code += "\nassert metrics.score(['same_length'], outputs, references) == {'same_length': 0.5}\n"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "tok:13a" in result.stdout and result.stdout.splitlines()[1] == "[0.0, 0.25]"
