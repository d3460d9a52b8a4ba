"""Memory that decoding keeps: resident memory while a trained model decodes many different sentences.

    python -m benchmarks decode_memory --output_dir=RUN --problem=mini_translate_ende --sentences=10000

Random words of the mini suite, 4 to 12 each, in batches of `--batch_size`. The first tenth traces and warms up; memory
that grows after it would be a leak.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random

_WORDS = ("a", "small", "large", "red", "blue", "circle", "square", "star", "is", "to", "the", "left", "of", "above")


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks decode_memory", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--problem", required=True)
    parser.add_argument("--sentences", type=int, default=10000)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--beam_size", type=int, default=1)
    parser.add_argument("--json", default="", help="file of the rows, one JSON object a line")
    options = parser.parse_args(arguments)
    from t2t_multimodel import process

    process.prepare()
    import t2t_multimodel as t2t

    model, rng, rows = t2t.load(options.output_dir), random.Random(0), []
    how = {"batch_size": options.batch_size, "beam_size": options.beam_size, "extra_length": 5}
    print("| sentences | resident MB |", "|---|---|", sep="\n")
    for tenth in range(10):
        sentences = [" ".join(rng.choices(_WORDS, k=rng.randint(4, 12))) for _ in range(options.sentences // 10)]
        model.generate(options.problem, sentences, **how)
        rows.append({"sentences": (tenth + 1) * len(sentences), "resident_mb": resident_mb()})
        print(f"| {rows[-1]['sentences']:,} | {rows[-1]['resident_mb']:,.0f} |", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def resident_mb() -> float:
    """Resident memory of this process (Linux)."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
