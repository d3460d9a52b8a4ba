"""The code of docs/python.md, run as written and in its order."""

import pathlib
import re
import subprocess
import sys

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "python.md").read_text(encoding="utf-8")


def test_as_written(tmp_path):
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S))
    assert code.count("t2t.") >= 3
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "missing.jpg" in result.stdout and "bracket_f1" not in result.stderr
    assert (tmp_path / "model.keras").exists()


def test_the_package_is_imported_without_tensorflow():
    code = "import sys, t2t_multimodel as t2t; assert t2t.load; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
