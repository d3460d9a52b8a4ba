"""Decoding: tokens a second, time of a late token over an early one, beam over greedy, share of the machine's limit.

    python -m benchmarks decode --hparams_set=multimodel_base --source=32 --lengths=32,128 --batches=1,8,64 --json=FILE

A model with random weights decodes random text; no output ends before its length, so that each call gives exactly
batch x length tokens. The limit is the bytes of weights that a step must read (of the experts, those that the batch's
tokens chose) over the memory bandwidth that a pass over a large array reaches in the same run. Where the peer is given
(--peer_python or PEER_PYTHON, --peer_script or PEER_SCRIPT: Tensor2Tensor 1.9.0's greedy decoding), both take their
turn in one run. The machine's other work is in all figures; ratios of one run carry over, times do not.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks decode", description=__doc__.splitlines()[0])
    parser.add_argument("--hparams_set", default="multimodel_tiny")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--batches", default="1,8,64")
    parser.add_argument("--source", type=int, default=32)
    parser.add_argument("--lengths", default="32,128", help="ids of an output")
    parser.add_argument("--late", type=int, default=512, help="the late token; 0 leaves the comparison out")
    parser.add_argument("--early", type=int, default=32)
    parser.add_argument("--beams", default="4", help="beam sizes compared with greedy search; empty for none")
    parser.add_argument("--compile", default="none", help="none or xla, of greedy search")
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", default="", help="file of the rows, one JSON object a line")
    parser.add_argument("--peer_python", default=os.environ.get("PEER_PYTHON", ""))
    parser.add_argument("--peer_script", default=os.environ.get("PEER_SCRIPT", ""))
    parser.add_argument("--profile", action="store_true", help="name the ops that take most of a call at batch 8")
    options = parser.parse_args(arguments)
    rows = []
    print("| set | batch | length | measure | value |", "|---|---|---|---|---|", sep="\n")
    for row in measure(options):
        rows.append(row)
        print(
            f"| {options.hparams_set} | {row['batch']} | {row['length']} | {row['measure']} | {shown(row)} |",
            flush=True,
        )
    if options.json:
        lines = [json.dumps({"hparams_set": options.hparams_set, **row}) for row in rows]
        pathlib.Path(options.json).write_text("\n".join(lines) + "\n", encoding="utf-8")


def shown(row: dict) -> str:
    """A value for people to read."""
    value = row["value"]
    return value if isinstance(value, str) else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def measure(options: argparse.Namespace):
    """Yields rows: batch, length, measure, value."""
    from t2t_multimodel import process

    process.prepare()
    bench = DecodeBench(options)
    batches = [int(batch) for batch in options.batches.split(",")]
    lengths = [int(length) for length in options.lengths.split(",")]
    bandwidth = memory_gb_per_s()
    yield {"batch": 0, "length": 0, "measure": "memory bandwidth, GB/s", "value": bandwidth}
    for length in lengths:
        for batch in batches:
            row = {"batch": batch, "length": length}
            seconds = bench.greedy(batch, length)
            yield {**row, "measure": "greedy, tokens a second", "value": batch * length / seconds}
            yield {**row, "measure": "greedy, ms a step", "value": 1e3 * seconds / length}
            read = bench.step_bytes(batch)
            yield {**row, "measure": "weights a step, MB", "value": read / 1e6}
            limit = read / 1e9 / bandwidth
            yield {**row, "measure": "share of the memory's limit", "value": limit * length / seconds}
    batch = 8 if 8 in batches else batches[-1]
    yield from compared_with_peer(options, bench, batch, lengths)
    yield from late_over_early(options, bench, batch)
    for beams in filter(None, options.beams.split(",")):
        row = {"batch": batch, "length": lengths[0]}
        ratio = bench.beam(batch, lengths[0], int(beams)) / bench.greedy(batch, lengths[0])
        yield {**row, "measure": f"beam {beams} over greedy, time a sentence", "value": ratio}
    if options.profile:
        for name, share in bench.top_ops(batch, lengths[0]):
            yield {"batch": batch, "length": lengths[0], "measure": f"op {name}", "value": share}


def late_over_early(options: argparse.Namespace, bench: DecodeBench, batch: int):
    """The time of a token late in an output over that of an early one, in the same trace."""
    if options.late:
        late, early = bench.token_times(batch, [options.late, options.early])
        name = f"token {options.late} over token {options.early}, processor time"
        yield {"batch": batch, "length": options.late, "measure": name, "value": late / early}


def compared_with_peer(options: argparse.Namespace, bench: DecodeBench, batch: int, lengths: list[int]):
    """Our greedy tokens a second over the peer's, in turn."""
    if not all(path and pathlib.Path(path).exists() for path in (options.peer_python, options.peer_script)):
        print("peer skipped: give --peer_python (or PEER_PYTHON) and --peer_script to measure it beside")
        return
    for length in lengths:
        ours = batch * length / bench.greedy(batch, length)
        command = [options.peer_python, options.peer_script, "--hparams_set", options.hparams_set, "--mode", "decode"]
        command += ["--batch", str(batch), "--src_len", str(options.source), "--tgt_len", str(length)]
        command += ["--vocab", str(options.vocab), "--reps", str(options.repeats)]
        # TensorFlow 2 leaves settings in the environment that the peer's TensorFlow would follow.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TF")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean)
        try:
            theirs = json.loads(done.stdout.strip().splitlines()[-1])["out_tokens_per_s"]
        except (IndexError, ValueError, KeyError):
            print("peer skipped: it ended without a result:", *done.stderr.strip().splitlines()[-1:])
            return
        row = {"batch": batch, "length": length}
        yield {**row, "measure": "peer, tokens a second", "value": theirs}
        yield {**row, "measure": "greedy over peer", "value": ours / theirs}


class DecodeBench:
    """A model of random weights whose outputs never end.

    Args:
        options: of the command.
    """

    def __init__(self, options: argparse.Namespace):
        import numpy as np

        from t2t_multimodel import registry
        from t2t_multimodel.data.problem import Problem
        from t2t_multimodel.modalities import SymbolSpec
        from t2t_multimodel.model import MultiModel

        class Random(Problem):
            name, inputs, targets, command = "benchmark_text", SymbolSpec(), SymbolSpec(), "to_text"

        self.options, self.problem = options, Random()
        hparams = registry.hparams(options.hparams_set).override(options.hparams)
        self.model = MultiModel(hparams, vocab_size=options.vocab, specs=[SymbolSpec()])
        self.random = np.random.default_rng(0)
        for variable in self.model.trainable_variables:  # the gates start at zero: all tokens would take two experts
            if "gate" in variable.path:
                variable.assign(self.random.normal(0, 1, variable.shape))
        self._searches: dict = {}

    def greedy(self, batch: int, length: int) -> float:
        """Median seconds of a greedy search."""
        return self._median(batch, length, 1)

    def beam(self, batch: int, length: int, beams: int) -> float:
        """Median seconds of a beam search."""
        return self._median(batch, length, beams)

    def _median(self, batch, length, beams) -> float:
        call = self._call(batch, length, beams)
        call()  # traced and warm
        return statistics.median(_seconds(call) for _ in range(self.options.repeats))

    def _call(self, batch: int, length: int, beams: int, rounded: int | None = None) -> Callable[[], object]:
        import tensorflow as tf

        from t2t_multimodel.decoding.compiled import make_compiled_search
        from t2t_multimodel.decoding.decode_hparams import DecodeHParams
        from t2t_multimodel.decoding.steps import round_length
        from t2t_multimodel.decoding.traced import make_search

        rounded = rounded or round_length(length)
        key = beams, rounded
        if key not in self._searches:
            compiled = self.options.compile if beams == 1 else "none"
            hparams = DecodeHParams.make(beam_size=beams, compile=compiled).of_trace()
            make = make_compiled_search if compiled == "xla" else make_search
            self._searches[key] = make(self.model, self.problem, hparams, rounded, (endless(self.options.vocab),))
        shape = (batch, self.options.source)
        inputs = tf.constant(self.random.integers(2, self.options.vocab, shape), tf.int32)
        features = {"inputs": inputs, "targets": tf.zeros([batch, 1], tf.int32)}
        search, lengths = self._searches[key], tf.fill([batch], length)
        return lambda: search(features, tf.constant(0), lengths, [{}], tf.zeros([batch, 0])).ids.numpy()

    def token_times(self, batch: int, positions: list[int]) -> list[float]:
        """Processor seconds of the token at each position: searches that end 16 tokens after it less those before it.

        All run the trace whose cache holds the last of them. The difference of two long times drowns in a machine's
        other work, so it is that of the least processor times.
        """
        rounded, around, taken = max(positions) + 16, 16, []
        for position in positions:
            calls = [self._call(batch, position + shift, 1, rounded) for shift in (-around, around)]
            for call in calls:
                call()
            before, after = (min(_processor_s(call) for _ in range(max(3, self.options.repeats))) for call in calls)
            taken.append((after - before) / (2 * around))
        return taken

    def step_bytes(self, batch: int) -> int:
        """Bytes of weights that a step of `batch` rows reads: the decoder's, the logits', one embedding a row.

        Of the experts those count that `batch` rows choose if each chooses evenly.
        """
        import numpy as np

        mixture, total = self.model.hparams.mixture, 0
        parts = (*self.model.mixer.trainable_variables, *self.model.decoder.trainable_variables)
        for variable in parts:
            if variable.path.endswith(("noise_kernel", "source_attention/key_kernel", "source_attention/value_kernel")):
                continue
            share = 1.0
            if "/expert_" in variable.path:
                share = 1 - (1 - mixture.k / mixture.num_experts) ** batch
            total += share * 4 * np.prod(variable.shape)
        table = 4 * self.options.vocab * self.model.hparams.body.depth
        return int(total + table)

    def top_ops(self, batch: int, length: int) -> list[tuple[str, float]]:
        """Kinds of ops and their share of the time of one search."""
        from benchmarks.train_step import top_ops_of

        call = self._call(batch, length, 1)
        call()
        return top_ops_of(call, count=12)


def endless(num_ids: int):
    """A constraint that forbids padding and the end."""
    import tensorflow as tf

    from t2t_multimodel.data.output_constraint import OutputConstraint

    class Endless(OutputConstraint):
        def init_state(self, features, max_lengths):
            return {}

        def advance(self, state, ids):
            return state

        def penalties(self, state):
            return tf.constant([[-1e9, -1e9] + [0.0] * (num_ids - 2)])

    return Endless()


def memory_gb_per_s(megabytes: int = 256) -> float:
    """GB/s at which a large array is read: the best of five sums of it, by all cores."""
    import tensorflow as tf

    x = tf.ones([megabytes * 2**18 // 1024, 1024])

    @tf.function(autograph=False)
    def read():
        return tf.reduce_max(x)

    read()
    return megabytes * 2**20 / 1e9 / min(_seconds(lambda: read().numpy()) for _ in range(5))


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _processor_s(call: Callable[[], object]) -> float:
    """Seconds that all threads of this process spend in a call."""
    began = time.process_time()
    call()
    return time.process_time() - began
