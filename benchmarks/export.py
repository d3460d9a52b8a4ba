"""A run as a SavedModel: seconds and size of the export, seconds of a call, and equality with the run itself.

python -m benchmarks export --output_dir=runs/mini/model --data_dir=runs/mini/data --decode_hparams=beam_size=4
"""

from __future__ import annotations

import argparse
import json
import pathlib
import tempfile
import time

from benchmarks.harness import interleaved
from t2t_multimodel import process

BATCH = 32


def main(arguments: list[str]) -> None:
    """Exports, compares and prints tables."""
    parser = argparse.ArgumentParser(prog="benchmarks export", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--problem", default="", help="comma-separated; all of the run by default")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--examples", type=int, default=0, help="of each problem; 0 takes all")
    parser.add_argument("--decode_hparams", default="")
    parser.add_argument("--max_input_length", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=9, help="calls of one input that are timed")
    parser.add_argument("--json", default="")
    options = parser.parse_args(arguments)
    process.prepare()
    rows = measure(options)
    for row in rows:
        print("; ".join(f"{name} {value}" for name, value in row.items()))
    if options.json:
        lines = "".join(json.dumps({"decode_hparams": options.decode_hparams, **row}) + "\n" for row in rows)
        pathlib.Path(options.json).write_text(lines)


def measure(options) -> list[dict]:
    """One row of the export, then one a problem."""
    import tensorflow as tf

    import t2t_multimodel
    from t2t_multimodel.decoding.decode_hparams import parse_values

    model, hparams = t2t_multimodel.load(options.output_dir), parse_values(options.decode_hparams)
    names = options.problem.split(",") if options.problem else model.problems
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        version = model.export(folder, names, max_input_length=options.max_input_length, **hparams)
        exported = time.perf_counter()
        signatures = tf.saved_model.load(str(version)).signatures
        loaded = time.perf_counter()
        size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
        rows = [
            {"export_s": f"{exported - began:.1f}", "load_s": f"{loaded - exported:.1f}", "mb": f"{size / 1e6:.1f}"}
        ]
        rows += [Comparison(model, signatures[name], name, options, hparams).row() for name in names]
    return rows


class Comparison:
    """An exported problem beside `TrainedModel.generate`."""

    def __init__(self, model, signature, name: str, options, hparams: dict):
        from t2t_multimodel import registry
        from t2t_multimodel.data.vocabulary.load import load_vocabulary

        self._signature, self._repeats = signature, options.repeats
        self._problem = registry.problem(name)
        self._vocabulary = load_vocabulary(options.output_dir) if self._problem.uses_vocabulary else None
        self._values = self._raw_values(options)
        self._generate = lambda count: model.generate(name, self._given(count), **hparams)

    def row(self) -> dict:
        """Differences of texts and scores, and times."""
        count = len(self._values)
        found = [beams for start in range(0, count, BATCH) for beams in self._ask(start, start + BATCH)]
        wanted = [[(beam.text, beam.score) for beam in output.beams] for output in self._generate(count)]
        pairs = [(a, b) for row, known in zip(found, wanted) for a, b in zip(row, known)]
        seconds = interleaved(
            {
                "one_ms": lambda: self._ask(0, 1),
                "generate_one_ms": lambda: self._generate(1),
                "batch_ms": lambda: self._ask(0, BATCH),
                "generate_batch_ms": lambda: self._generate(BATCH),
            },
            self._repeats,
        )
        return {
            "problem": self._problem.name,
            "inputs": count,
            "best_differ": sum(row[0][0] != known[0][0] for row, known in zip(found, wanted)),
            "outputs": len(pairs),
            "outputs_differ": sum(a[0] != b[0] for a, b in pairs),
            "score_difference": f"{max(abs(a[1] - b[1]) for a, b in pairs):.1e}",
            **{name: f"{taken * 1000:.1f}" for name, taken in seconds.items()},
        }

    def _raw_values(self, options) -> list:
        from t2t_multimodel.data.records.features import decode_features
        from t2t_multimodel.data.records.index import RecordIndex

        problem, spec = self._problem, self._problem.inputs
        sides, feature = problem.record_sides, spec.record_feature().name
        index = RecordIndex.load_or_build(options.data_dir, problem.name, options.split, sides=sides)
        rows = list(range(len(index)))[: options.examples or None]
        return [spec.raw_value(decode_features(record)[feature], self._vocabulary) for record in index.read(rows)]

    def _given(self, count: int) -> list:
        rate = getattr(self._problem.inputs, "sample_rate", None)
        return [(value, rate) if rate else value for value in self._values[:count]]

    def _ask(self, start: int, stop: int) -> list[list[tuple[str, float]]]:
        import tensorflow as tf

        values = self._values[start:stop]
        inputs = self._problem.inputs.raw_batch(values)
        outputs = self._signature(**{name: tf.constant(value) for name, value in inputs.items()})
        scores = outputs["score"] if "score" in outputs else outputs["probability"]
        rows = zip(values, outputs["text"].numpy().tolist(), scores.numpy().tolist())
        return [[(self._shown(text.decode(), raw), score) for text, score in zip(*row)] for raw, *row in rows]

    def _shown(self, text: str, raw) -> str:
        """What `generate` shows where the exported model says `text`: of a tree, its tokens."""
        from t2t_multimodel.data.vocabulary.vocabulary import Label

        if not self._problem.targets.autoregressive:
            return text
        labels = self._vocabulary.labels
        tokens = [Label(token) if token in labels else token for token in text.split(" ") if token]
        return self._problem.present_output(tokens, text, raw)
