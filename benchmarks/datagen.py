"""Text from raw lines to shards, and learning a vocabulary, beside Tensor2Tensor 1.9.0 on the same text.

    python -m benchmarks datagen --text=FILE --peer_python=PYTHON --peer_script=FILE

Work: pairs of consecutive lines, each line encoded once. The peer's script is called with the text and a folder and
prints one JSON object on its last line: `build_s` for the vocabulary, `encode_cold_s` for encoding every line once,
and `generate_files_s` for writing one example a line, twice as many as there are pairs, so half of it is counted. Of
ours everything is counted: reading, encoding, shuffling, and checking and indexing the finished shards. What is
missing is skipped with a message.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pathlib
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.console import table
from t2t_multimodel.data.generation import engine
from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.registry import register_problem


@register_problem("benchmark_text")
class BenchmarkText(Problem):
    """Every line with the next."""

    inputs = SymbolSpec()
    targets = SymbolSpec()

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        if split == "train":
            with open(self.require_source(source) / "text.txt", encoding="utf-8") as file:
                lines = filter(None, map(str.strip, file))
                for first, second in zip(lines, lines):
                    yield {"inputs": first, "targets": second}


def measure_ours(text: pathlib.Path, folder: pathlib.Path, workers: int, repeats: int, size: int = 8192) -> dict:
    """Seconds for the vocabulary and for the shards; medians of `repeats`."""
    lines = [line.strip() for line in text.read_text(encoding="utf-8").split("\n") if line.strip()]
    builds, shards = [], []
    for repeat in range(repeats):
        data_dir = folder / f"ours{repeat}"
        start = time.perf_counter()
        Vocabulary.build(lines, size=size, folder=data_dir)
        builds.append(time.perf_counter() - start)
        start = time.perf_counter()
        arguments = {"source_dir": text.parent, "num_workers": workers, "report": lambda line: None}
        (meta,) = engine.generate(["benchmark_text"], data_dir, **arguments)
        shards.append(time.perf_counter() - start)
        if meta.splits["train"].examples != len(lines) // 2:
            raise RuntimeError(f"{len(lines)} lines became {meta.splits['train'].examples} pairs")
    return {"lines": len(lines), "build_s": statistics.median(builds), "shards_s": statistics.median(shards)}


def measure_peer(python: str, script: str, text: pathlib.Path, folder: pathlib.Path) -> dict | None:
    """Seconds of the peer, or None if it is not there."""
    if not python or not script or not pathlib.Path(python).exists() or not pathlib.Path(script).exists():
        print("peer skipped: give --peer_python (or PEER_PYTHON) and --peer_script to measure it beside")
        return None
    done = subprocess.run(
        [python, script, str(text), str(folder / "peer")], capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        print("peer skipped: it ended without a result:", *done.stderr.strip().splitlines()[-1:])
        return None
    return {"build_s": found["build_s"], "shards_s": found["encode_cold_s"] + found["generate_files_s"] / 2}


def report(ours: dict, peer: dict | None, workers: int) -> str:
    """The table of both."""
    rows = [["measure", "", "ours", "peer", "ratio"]]
    for key, name in (("build_s", "vocabulary, s"), ("shards_s", f"lines to shards ({workers} workers), s")):
        theirs = peer and peer[key]
        ratio = f"{theirs / ours[key]:.1f}" if theirs else "-"
        rows.append([name, "", f"{ours[key]:.2f}", f"{theirs:.2f}" if theirs else "-", ratio])
    rate = [ours["lines"] / ours["shards_s"], peer and ours["lines"] / peer["shards_s"]]
    rows.append(["lines a second", "", f"{rate[0]:,.0f}", f"{rate[1]:,.0f}" if rate[1] else "-", "-"])
    return table(rows)


def corpora_text() -> str:
    """Training lines of the WMT-like test corpus, one language after the other."""
    folder = pathlib.Path(os.environ.get("CORPORA_DIR", "../shared/corpora")) / "translation"
    archive = folder / "training-parallel-europarl-v7.tgz"
    if not archive.exists():
        raise SystemExit(f"{archive} is missing; give --text=FILE")
    parts = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and ".de-en." in member.name:
                parts.append(io.TextIOWrapper(tar.extractfile(member), encoding="utf-8").read())
    return "".join(parts)


def main(arguments: list[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="benchmarks datagen", description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="a UTF-8 text, one sentence a line; the test corpus unless given")
    parser.add_argument("--peer_python", default=os.environ.get("PEER_PYTHON", ""))
    parser.add_argument("--peer_script", default=os.environ.get("PEER_SCRIPT", ""))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "source").mkdir()
        text = folder / "source" / "text.txt"
        content = pathlib.Path(flags.text).read_text(encoding="utf-8") if flags.text else corpora_text()
        text.write_text(content, encoding="utf-8")
        ours = measure_ours(text, folder, flags.workers, flags.repeats)
        peer = measure_peer(flags.peer_python, flags.peer_script, text, folder)
        print(f"{ours['lines']:,} lines, {text.stat().st_size / 1e6:.1f} MB")
        print(report(ours, peer, flags.workers))
