"""The sweep of `benchmarks scaling`: what is there is not run again, exponents are fitted, a plot is drawn."""

import json
import xml.etree.ElementTree

import pytest

from benchmarks import harness, scaling


def point(arguments):
    """A machine whose time is linear in tokens, whose memory grows with the root of them."""
    size = int(arguments[0].rpartition(":")[2])
    return {"step_s": size / 1000, "peak_mb": 100 + size**0.5, "before_mb": 100.0}


def test_an_interrupted_sweep_goes_on(tmp_path, monkeypatch, capsys):
    asked = []

    def measured(name, arguments):
        asked.append((name, arguments[0]))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return point(arguments)

    monkeypatch.setattr(harness, "in_process", measured)
    out, svg = tmp_path / "new" / "points.jsonl", tmp_path / "plot.svg"
    flags = [f"--out={out}", f"--svg={svg}", "--axes=tokens,experts", "--sizes=tokens=100:400:1600,experts=4:16"]
    with pytest.raises(KeyboardInterrupt):
        scaling.main(flags)
    assert len(out.read_text().splitlines()) == 1
    scaling.main(flags)
    places = [place for _, place in asked]
    wanted = ["--point=tokens:100", "--point=tokens:400", "--point=tokens:1600", "--point=experts:4"]
    assert places == [*wanted[:2], *wanted[1:], "--point=experts:16"]
    assert [json.loads(line)["size"] for line in out.read_text().splitlines()] == [100, 400, 1600, 4, 16]
    printed = capsys.readouterr().out
    assert "| tokens | 1.00 | 0.50 |" in printed and "| tokens | 400 | 0.400 | 20 | 4.00 | 2.00 |" in printed
    drawn = xml.etree.ElementTree.fromstring(svg.read_text())
    assert len([part for part in drawn if part.tag.endswith("polyline")]) == 4


def test_other_settings_are_other_points(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "in_process", lambda name, arguments: point(arguments))
    flags = [f"--out={tmp_path / 'points.jsonl'}", "--axes=tokens", "--sizes=tokens=100"]
    scaling.main(flags)
    scaling.main([*flags, "--steps=9"])
    assert len((tmp_path / "points.jsonl").read_text().splitlines()) == 2
