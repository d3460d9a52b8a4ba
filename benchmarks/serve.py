"""Load on t2t-query-server: requests of five kinds, some of them hostile, batched and one by one.

    python -m benchmarks serve --output_dir=RUN --requests=5000 --concurrency=200 --hostile=0.2 --json=FILE

RUN is a run of the mini suite, or `demo` for the model in the box. A server is started in a process of its own. Each of
a set of inputs is asked alone first. Then all are asked `--concurrency` at a time, in random order, among requests that
must be refused (benchmarks/hostile.py). Every good one must be answered as it was alone (text of all outputs, scores to
1e-3), every bad one be refused with its status and reason. Client and server share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator

from benchmarks.hostile import Ask, hostile_requests
from benchmarks.http_client import Connection

_KINDS = (
    ("class", "mini_image_class"),
    ("caption", "mini_caption"),
    ("speech", "mini_speech"),
    ("parsing", "mini_parsing"),
    ("translation", "mini_translate_ende"),
)
# How the inputs of a kind are searched for, in turn.
_SEARCHES = ({}, {}, {}, {"beam_size": 4})
_START_S, _SCORE_SLACK = 600, 1e-3


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks serve", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", default="demo", help="a run of the mini suite, or demo")
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--hostile", type=float, default=0.2, help="share of requests that must be refused")
    parser.add_argument("--inputs", type=int, default=24, help="different good inputs of each kind")
    parser.add_argument("--max_batch", default="32,1", help="batch sizes of the servers that are measured")
    parser.add_argument("--unbatched_requests", type=int, default=1000, help="requests to those of batch size 1")
    parser.add_argument("--body_timeout_s", type=float, default=2.0, help="of the server, for slow senders")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", default="", help="file of the rows, one JSON object a line")
    options = parser.parse_args(arguments)
    rows = []
    print("| max_batch | measure | value |", "|---|---|---|", sep="\n")
    for row in measure(options):
        rows.append(row)
        print(f"| {row['max_batch']} | {row['measure']} | {shown(row['value'])} |", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    if any(row["measure"].startswith("wrong") and row["value"] for row in rows):
        sys.exit("some answers were wrong; see the rows that begin with 'wrong'")


def shown(value: object) -> str:
    """A value for people to read."""
    return str(value) if not isinstance(value, float) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def measure(options: argparse.Namespace) -> Iterator[dict]:
    """Yields rows: max_batch, measure, value; a server for each batch size."""
    for size in map(int, options.max_batch.split(",")):
        with server(options, size) as (url, pid):
            count = options.requests if size > 1 else min(options.requests, options.unbatched_requests)
            for name, value in load(url, pid, options, count):
                yield {"max_batch": size, "measure": name, "value": value}


@contextlib.contextmanager
def server(options: argparse.Namespace, max_batch: int) -> Iterator[tuple[str, int]]:
    """Address and process id of a server that is warm."""
    run = ["--demo"] if options.output_dir == "demo" else [f"--output_dir={options.output_dir}"]
    flags = ["--port=0", f"--max_batch={max_batch}", f"--body_timeout_s={options.body_timeout_s}", "--timeout_s=300"]
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with open(log, "w", encoding="utf-8") as file:
            command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_query_server", *run, *flags]
            process = subprocess.Popen(command, stderr=file)
        try:
            url = _url(process, log)
            while not _warm(url):
                time.sleep(0.5)
            yield url, process.pid
        finally:
            process.terminate()
            status = process.wait(timeout=_START_S)
        if status:
            raise RuntimeError(f"the server ended with status {status}: {log.read_text(encoding='utf-8')[-2000:]}")


def _url(process: subprocess.Popen, log: pathlib.Path) -> str:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        for line in log.read_text(encoding="utf-8").splitlines():
            if '"serving"' in line:
                return json.loads(line)["url"]
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def _warm(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=60) as answer:
            health = json.load(answer)
    except urllib.error.HTTPError:
        return False
    return health["warmed"] == health["searches"]


def load(url: str, pid: int, options: argparse.Namespace, count: int) -> Iterator[tuple[str, object]]:
    """Yields measures of one server under load.

    Args:
        url: of the server.
        pid: of its process.
        options: of the command.
        count: requests.
    """
    with urllib.request.urlopen(f"{url}v1/problems") as answer:
        served = {one["name"] for one in json.load(answer)["problems"]}
    good = [one for kind, name in _KINDS if name in served for one in good_requests(kind, name, options.inputs)]
    texts = [name for name in ("mini_translate_ende", "mini_parsing") if name in served]
    pictures = [name for name in ("mini_caption", "mini_image_class") if name in served]
    bad = hostile_requests(pictures[0], "mini_speech", texts[0])
    host, port = url.removeprefix("http://").rstrip("/").rsplit(":", 1)
    alone = asyncio.run(_alone(host, int(port), good))
    began_mb, draw = memory_mb(pid), random.Random(options.seed)
    hostile = [bad[at % len(bad)] for at in range(round(count * options.hostile))]
    asked = hostile + [draw.choice(good) for _ in range(count - len(hostile))]
    draw.shuffle(asked)
    run = Run(host, int(port), options.concurrency, pid)
    began = time.perf_counter()
    asyncio.run(run.ask_all(asked))
    seconds = time.perf_counter() - began
    yield "requests", count
    yield "of them hostile", len(hostile)
    wrong = wrong_answers(run, alone)
    yield "wrong answers to good requests", sum(one.statuses == (200,) for one, _ in wrong)
    yield "wrong answers to bad requests", sum(one.statuses != (200,) for one, _ in wrong)
    for name, found in Counter((one.name, found) for one, found in wrong).most_common(10):
        yield f"wrong: {name[0]}", f"{found} times, such as {name[1]}"
    yield "seconds", seconds
    yield "requests a second", count / seconds
    taken = sorted(taken for one, _, _, taken in run.answers if one.statuses == (200,))
    for share in (50, 95, 99):
        yield f"good requests: ms at {share}%", 1e3 * taken[min(len(taken) - 1, len(taken) * share // 100)]
    yield "alone: ms at 50%", 1e3 * statistics.median(taken for _, taken in alone.values())
    for part, megabytes in zip(("begin", "25%", "50%", "75%", "end"), [began_mb, *run.memory, memory_mb(pid)]):
        yield f"server's memory at {part}, MB", megabytes


def good_requests(kind: str, name: str, count: int) -> list[Ask]:
    """Requests of one kind, from the test split of its mini problem."""
    from t2t_multimodel import registry
    from t2t_multimodel.data.problem import Source

    problem = registry.problem(name)
    examples = problem.examples("test", Source(seed=7, options={**problem.options, "test_examples": count}))
    asked = []
    for number, example in enumerate(examples):
        decode = _SEARCHES[number % len(_SEARCHES)]
        given = _as_sent(problem.inputs, example["inputs"])
        body = json.dumps({"inputs": [given], "decode": decode}).encode()
        asked.append(Ask(f"{kind} {number}", f"/v1/{name}", body))
    return asked


def _as_sent(spec: object, raw: object) -> object:
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, bytes):
        from t2t_multimodel.modalities.audio.spec import wav_bytes

        raw = wav_bytes(raw, spec.sample_rate)
    return {"b64": base64.b64encode(raw).decode()}


async def _alone(host: str, port: int, good: list[Ask]) -> dict[str, tuple[dict, float]]:
    """Answer and seconds of each good request, one after the other."""
    connection, found = Connection(host, port), {}
    for one in good:
        began = time.perf_counter()
        status, body = await connection.ask(one)
        if status != 200:
            raise RuntimeError(f"{one.name} alone is answered with {status}: {body[:300]!r}")
        found[one.name] = json.loads(body)["outputs"][0], time.perf_counter() - began
    connection.close()
    return found


class Run:
    """Many clients at once.

    Args:
        host, port: of the server.
        concurrency: clients, each with a connection that it keeps.
        pid: of the server.

    Attributes:
        answers: request, status, body and seconds of each.
        memory: of the server after each quarter but the last, in MB.
    """

    def __init__(self, host: str, port: int, concurrency: int, pid: int):
        self._address, self._concurrency, self._pid = (host, port), concurrency, pid
        self.answers: list[tuple[Ask, int, bytes, float]] = []
        self.memory: list[float] = []

    async def ask_all(self, asked: list[Ask]) -> None:
        """Asks all; the order of the answers is that of their coming."""
        left = iter(asked)
        quarters = {len(asked) * part // 4 for part in (1, 2, 3)}

        async def client() -> None:
            connection = Connection(*self._address)
            for one in left:
                began = time.perf_counter()
                status, body = await connection.ask(one)
                self.answers.append((one, status, body, time.perf_counter() - began))
                if len(self.answers) in quarters:
                    self.memory.append(memory_mb(self._pid))
            connection.close()

        await asyncio.gather(*(client() for _ in range(self._concurrency)))


def wrong_answers(run: Run, alone: dict[str, tuple[dict, float]]) -> list[tuple[Ask, str]]:
    """Requests that were not answered as they should be, with what came."""
    wrong = []
    for one, status, body, _ in run.answers:
        fine = status in one.statuses
        if fine and one.statuses == (200,):
            fine = same(json.loads(body)["outputs"][0], alone[one.name][0])
        elif fine:
            fine = one.words in json.loads(body)["error"]
        if not fine:
            wrong.append((one, f"{status} {body[:120].decode(errors='replace')}"))
    return wrong


def same(one: dict, other: dict) -> bool:
    """Whether two outputs have the same texts, and scores to rounding."""
    texts = [[beam["text"] for beam in output["beams"]] for output in (one, other)]
    scores = zip([one, *one["beams"]], [other, *other["beams"]])
    return texts[0] == texts[1] and all(abs(a["score"] - b["score"]) <= _SCORE_SLACK for a, b in scores)


def memory_mb(pid: int) -> float:
    """What a process holds, in MB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
