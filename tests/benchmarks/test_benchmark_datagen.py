import pathlib
import sys

from benchmarks import datagen


def test_small_run_measures_both_sides(tmp_path: pathlib.Path, capsys):
    (tmp_path / "source").mkdir()
    text = tmp_path / "source" / "text.txt"
    text.write_text("\n".join(f"line {number} of some text" for number in range(200)))
    ours = datagen.measure_ours(text, tmp_path, workers=1, repeats=1, size=400)
    assert ours["lines"] == 200 and ours["build_s"] > 0 and ours["shards_s"] > 0
    script = tmp_path / "peer.py"
    script.write_text('print(\'noise\')\nprint(\'{"build_s": 2.0, "encode_cold_s": 1.5, "generate_files_s": 0.5}\')')
    peer = datagen.measure_peer(sys.executable, str(script), text, tmp_path)
    assert peer == {"build_s": 2.0, "shards_s": 1.75}
    assert "1.75" in datagen.report(ours, peer, workers=1) and "-" in datagen.report(ours, None, workers=1)
    script.write_text("raise SystemExit('no peer')")
    assert datagen.measure_peer(sys.executable, str(script), text, tmp_path) is None
    assert datagen.measure_peer("", "", text, tmp_path) is None
    assert capsys.readouterr().out.count("peer skipped") == 2
