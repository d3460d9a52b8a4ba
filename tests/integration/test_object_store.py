"""Data and runs in an S3 bucket: the same bytes and weights as in folders, also after a SIGKILL."""

import http.server
import json
import pathlib
import signal
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import SMALL
from tests.object_store import BUCKET, Store, serve

SIZES = "train_examples=40,dev_examples=4,test_examples=0"
TEXT = "a small red circle is on a dark background"
HPARAMS = f"{SMALL},batching.batch_tokens=256"


# What a user does in Python, once in a folder and once in the bucket.
EVERYTHING = """
import json, sys
import tensorflow as tf
import t2t_multimodel as t2t
from t2t_multimodel import errors, process
from t2t_multimodel.runs.selection.average import average_checkpoints

process.prepare()
places, hparams, sizes, text = json.loads(sys.argv[1])
found = {}
for place in places:
    settings = {"options": sizes, "num_workers": 1, "num_shards": 2, "vocab_size": 300, "report": lambda line: None}
    t2t.generate_data("mini_parsing", data_dir=f"{place}/data", **settings)
    records = t2t.train(
        "mini_parsing", data_dir=f"{place}/data", output_dir=f"{place}/run", train_steps=2, eval_steps=1,
        hparams_set="multimodel_mini", hparams=hparams,
    )
    model = t2t.load(f"{place}/run")
    reader = tf.train.load_checkpoint(f"{place}/run/ckpt-2")
    names = sorted(set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"})
    weights = [reader.get_tensor(name) for name in names if name.startswith("model/")]
    found[place] = {
        "records": records,
        "weights": [weight.tobytes().hex() for weight in weights],
        "output": [str(out) for out in model.generate("mini_parsing", [text], extra_length=2)],
        "step": model.step,
        "averaged": average_checkpoints(f"{place}/run", 2).steps,
        "named": [t2t.load(f"{place}/run", checkpoint=name).step for name in ("best", "average")],
    }
try:
    t2t.load("s3://missing/run")
except errors.StorageError as error:
    found["missing"] = str(error)
with open(sys.argv[2], "w") as file:
    json.dump(found, file, default=str)
process.leave(0)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An S3 server with a bucket."""
    server, store = serve(tmp_path_factory.mktemp("cache"))
    yield store
    server.stop()


def test_a_bucket_gives_what_a_folder_gives(store, tmp_path):
    places = str(tmp_path / "local"), f"s3://{BUCKET}/first"
    done = store.run("-c", EVERYTHING, json.dumps([places, HPARAMS, SIZES, TEXT]), tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found[places[0]]["step"] == 2 and len(found[places[0]]["weights"]) > 10
    assert found[places[1]] == found[places[0]]
    assert "there is no bucket s3://missing; make it" in found["missing"]
    local = {path.name: path.read_bytes() for path in (tmp_path / "local" / "data").iterdir() if path.is_file()}
    remote = store.objects("first/data")
    assert remote.keys() == local.keys() and sum("-of-" in name for name in local) == 3
    times = ".index.npz"  # an index holds the times of its shards
    assert {name for name in local if remote[name] != local[name]} == {n for n in local if n.endswith(times)}
    run = store.objects("first/run")
    assert found[places[1]]["named"] == [2, 2] and {"best.json", "average/ckpt-2.done"} <= run.keys()
    assert {"ckpt-2.index", "ckpt-2.done", "model.json", "metrics.jsonl", "vocab.model"} <= run.keys()
    assert not [name for name in run if "temp" in name or name.endswith((".saving", ".lock"))]
    assert [name for name in run if name.startswith("events/")]
    assert "pure virtual" not in done.stderr


# A training whose steps take long enough to be killed between two saves.
TRAINING = """
import json, sys, time
import t2t_multimodel as t2t
from t2t_multimodel import process

process.prepare()
data, run, hparams, pause = sys.argv[1:]

def wait(output):
    time.sleep(float(pause))

t2t.train(
    "mini_parsing", data_dir=data, output_dir=run, train_steps=8, save_steps=3, eval_steps=1,
    hparams_set="multimodel_mini", hparams=hparams, actions=[wait],
)
process.leave(0)
"""


@pytest.mark.slow
def test_a_training_killed_in_a_bucket_ends_as_one_that_was_not(store, tmp_path):
    place = f"s3://{BUCKET}/second"
    settings = f"--problem_options={SIZES}", "--num_shards=2", "--vocab_size=300", "--num_workers=2"
    done = store.run(*command("datagen"), "--problem=mini_parsing", f"--data_dir={place}/data", *settings)
    assert done.returncode == 0, done.stderr
    undisturbed = store.run("-c", TRAINING, f"{place}/data", f"{place}/whole", HPARAMS, "0")
    assert undisturbed.returncode == 0, undisturbed.stderr

    killed = store.start("-c", TRAINING, f"{place}/data", f"{place}/killed", HPARAMS, "1.5")
    while "ckpt-3.done" not in store.objects("second/killed"):
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    left = store.objects("second/killed")
    assert "train.lock" in left and "ckpt-8.done" not in left
    resumed = store.run("-c", TRAINING, f"{place}/data", f"{place}/killed", HPARAMS, "0")
    assert resumed.returncode == 0 and "continuing at step" in resumed.stderr, resumed.stderr
    assert weights(store, "second/killed", tmp_path) == weights(store, "second/whole", tmp_path)
    lines = [store.objects(f"second/{run}")["metrics.jsonl"].decode().splitlines() for run in ("killed", "whole")]
    assert len(lines[0]) == 1 and [same(line) for line in lines[0]] == [same(line) for line in lines[1]]

    source = tmp_path / "in.txt"
    source.write_text(f"{TEXT}\n")
    store.client().upload_file(str(source), BUCKET, "second/in.txt")
    flags = "--problem=mini_parsing", f"--output_dir={place}/killed", "--decode_hparams=extra_length=2"
    files = f"--decode_from_file={place}/in.txt", f"--decode_to_file={place}/out.txt"
    decoded = store.run(*command("decoder"), *flags, *files)
    assert decoded.returncode == 0 and "pure virtual" not in decoded.stderr, decoded.stderr
    local = store.run(*command("decoder"), *flags, f"--decode_from_file={source}")
    assert store.objects("second")["out.txt"].decode() == local.stdout != ""


def command(name: str) -> tuple[str, str]:
    return "-m", f"t2t_multimodel.bin.t2t_{name}"


def weights(store: Store, run: str, folder: pathlib.Path) -> dict[str, bytes]:
    """All tensors of the last checkpoint, copied from the bucket as any tool copies it."""
    (folder / run).mkdir(parents=True)
    for name, content in store.objects(run).items():
        if name.startswith("ckpt-8"):
            (folder / run / name).write_bytes(content)
    reader = tf.train.load_checkpoint(str(folder / run / "ckpt-8"))
    names = sorted(set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"})
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names}


def same(line: str) -> dict:
    """A record without what depends on the time."""
    return {name: value for name, value in json.loads(line).items() if "second" not in name}


class Refusing(http.server.BaseHTTPRequestHandler):
    """A store that takes no credentials."""

    def answer(self):
        """The same to all."""
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = answer

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.mark.slow
def test_a_store_that_refuses_or_is_not_there_is_named_in_one_line(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    refusing = Store(f"http://127.0.0.1:{server.server_port}", tmp_path)
    flags = "--problem=mini_parsing", "--data_dir=s3://bucket/data"
    done = refusing.run(*command("datagen"), *flags)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "refuses access" in done.stderr and "check AWS_ACCESS_KEY_ID" in done.stderr
    server.shutdown()
    server.server_close()
    done = refusing.run(*command("datagen"), *flags)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "s3://bucket cannot be reached" in done.stderr and "check the network and S3_ENDPOINT" in done.stderr


FETCH = """
import sys
from t2t_multimodel import errors, process
from t2t_multimodel.data import storage

process.prepare()
try:
    print(len(storage.local_copy("s3://bucket/shard").read_bytes()))
except errors.StorageError as error:
    print(error)
process.leave(0)
"""


class Breaking(Refusing):
    """A store whose transfers break off after a part, as long as `breaks`."""

    breaks = True
    body = bytes(3 << 20)

    def answer(self):
        """The one object, or the bucket."""
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = self.body[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.end_headers()
        if self.command == "GET" and "list-type" not in self.path:
            self.wfile.write(part[: len(part) // 2] if self.breaks and int(first) else part)
            self.close_connection = True

    do_GET = do_HEAD = answer


@pytest.mark.slow
def test_a_transfer_that_breaks_off_leaves_nothing_half(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    store = Store(f"http://127.0.0.1:{server.server_port}", tmp_path)
    done = store.run("-c", FETCH)
    assert done.returncode == 0 and "s3://bucket/shard cannot be reached" in done.stdout, done
    assert not list((tmp_path / "objects").glob("*-shard"))
    Breaking.breaks = False
    assert store.run("-c", FETCH).stdout == f"{len(Breaking.body)}\n"
    assert next((tmp_path / "objects").glob("*-shard")).stat().st_size == len(Breaking.body)
    server.shutdown()
    server.server_close()
