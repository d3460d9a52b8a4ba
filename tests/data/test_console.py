import io
import subprocess
import sys

from t2t_multimodel.data.console import print_warning, progress, table


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _count(monkeypatch, stderr: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress("reading", "files", total=1000, done=200) as bar:
        bar.update(300)
        bar.refresh()
    return stderr.getvalue()


def test_progress_shows_count_unit_and_total_on_a_terminal(monkeypatch):
    text = _count(monkeypatch, _Terminal())
    assert "reading" in text and "500/1000" in text and "files" in text
    # The line is cleared at the end.
    assert "\n" not in text and text.rsplit("\r", 2)[1].strip() == ""


def test_progress_is_silent_elsewhere(monkeypatch):
    assert _count(monkeypatch, io.StringIO()) == ""


def test_progress_starts_no_thread():
    # Worker processes are forked only from a process of one thread.
    code = """
import threading
from t2t_multimodel.data.console import progress
with progress("reading", "files"):
    print(threading.active_count())
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


def test_table_aligns_columns():
    rows = [["problem", "split", "examples"], ["mini_caption", "dev", "400"], ["toy", "train", "3"]]
    assert table(rows).splitlines() == [
        "problem       split  examples",
        "------------  -----  --------",
        "mini_caption  dev         400",
        "toy           train         3",
    ]


def test_warning_goes_to_stderr(capsys):
    print_warning("a.png: truncated image")
    assert capsys.readouterr() == ("", "warning: a.png: truncated image\n")
