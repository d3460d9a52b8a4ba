"""The benchmark of decoding runs and reports; the measured values are not checked."""

import json
import sys

from benchmarks import decode
from tests.conftest import TINY_HPARAMS

SIZES = ["--hparams_set=multimodel_mini", "--batches=2", "--source=5", "--vocab=40", "--repeats=1", "--early=20"]


def test_the_table_and_its_json(capsys, tmp_path):
    file = tmp_path / "rows.json"
    flags = ["--lengths=3", "--late=40", "--beams=2", f"--hparams={TINY_HPARAMS}", f"--json={file}", "--peer_python="]
    decode.main([*SIZES, *flags])
    out = capsys.readouterr().out
    assert "peer skipped: give --peer_python" in out
    rows = {row["measure"]: row for row in map(json.loads, file.read_text().splitlines())}
    assert set(rows) >= {
        "memory bandwidth, GB/s",
        "greedy, tokens a second",
        "weights a step, MB",
        "share of the memory's limit",
        "token 40 over token 20, processor time",
        "beam 2 over greedy, time a sentence",
    }
    assert all(row["hparams_set"] == "multimodel_mini" for row in rows.values())
    assert rows["greedy, tokens a second"]["value"] > 0 and rows["greedy, tokens a second"]["batch"] == 2
    assert len(out.splitlines()) == len(rows) + 3


def test_a_peer_takes_its_turn(capsys, tmp_path):
    peer = tmp_path / "peer.py"
    peer.write_text("import sys\nassert '--mode' in sys.argv\nprint('{\"out_tokens_per_s\": 1e-3}')\n")
    flags = ["--lengths=3", "--late=0", "--beams=", f"--hparams={TINY_HPARAMS}"]
    decode.main([*SIZES, *flags, f"--peer_python={sys.executable}", f"--peer_script={peer}"])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "greedy over peer" in line]
    assert float(row.split("|")[-2].replace(",", "")) > 1
