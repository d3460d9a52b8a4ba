"""Records pass between this project and Tensor2Tensor 1.9.0, both ways, through that project's own code."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

from t2t_multimodel.data.generation import engine
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary

_READ = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import tensorflow as tf
tf.logging.set_verbosity(tf.logging.ERROR)
from tensor2tensor.data_generators import translate_ende, wsj_parsing

peers = {"translate_ende": translate_ende.TranslateEndeWmt8k, "wsj_parsing": wsj_parsing.WsjParsing}
folder, found = sys.argv[1], {}
for name, peer in sorted(peers.items()):
    problem = peer()
    assert sorted(problem.example_reading_spec()[0]) == ["inputs", "targets"]
    shards = tf.gfile.Glob(folder + "/" + name + "-dev-*-of-*")
    examples = tf.data.TFRecordDataset(shards).map(problem.decode_example)  # by its example_reading_spec
    get = examples.make_one_shot_iterator().get_next()
    rows = []
    with tf.Session() as session:
        try:
            while True:
                values = session.run(get)
                rows.append({key: values[key].ravel().tolist() for key in ("inputs", "targets")})
        except tf.errors.OutOfRangeError:
            pass
    found[name] = rows
print(json.dumps(found))
"""

_WRITE = """
import json, os, sys, warnings
warnings.filterwarnings("ignore")
from tensor2tensor.data_generators import generator_utils, text_encoder

folder = sys.argv[1]
words = ["river", "stone", "house", "tree", "green", "quiet", "walks", "sings", "under", "over"]
texts = [" ".join(words[(i * j) % 10] for j in range(1, 4 + i % 6)) for i in range(400)]
encoder = text_encoder.SubwordTextEncoder.build_from_generator(texts, 60)
encoder.store_to_file(os.path.join(folder, "vocab.subwords"))

def examples(start, stop):
    for text in texts[start:stop]:
        ids = encoder.encode(text)
        yield {"inputs": ids + [1], "targets": ids[::-1] + [1]}

name = os.path.join(folder, "translate_ende-")
train = [name + "train-%05d-of-00004" % shard for shard in range(4)]
generator_utils.generate_files(examples(0, 380), train)
generator_utils.generate_files(examples(380, 400), [name + "dev-00000-of-00001"])
print(json.dumps([texts[380], encoder.encode(texts[380])]))
"""


@pytest.fixture(scope="module")
def peer():
    """Runs a script by a Python that has Tensor2Tensor and gives what its last line of output holds."""
    python = os.environ.get("PEER_PYTHON", "")
    if not python or not pathlib.Path(python).exists():
        pytest.skip("PEER_PYTHON does not name a Python 3.7 that has tensorflow 1.15 and tensor2tensor 1.9.0")

    def run(script: str, *arguments: str):
        # TensorFlow 2 leaves settings in the environment that make TensorFlow 1 eager.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TF"))}
        command = [python, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_tensor2tensor_reads_our_records(peer, corpora_dir, tmp_path):
    sources = {"wsj_parsing": corpora_dir / "parsing", "translate_ende": corpora_dir / "translation"}
    data_dir = tmp_path / "data"
    engine.generate(list(sources), data_dir, source_dir=sources, num_shards=2, report=lambda line: None)
    found = peer(_READ, str(data_dir))
    for name in sources:
        index = RecordIndex.load_or_build(data_dir, name, "dev")
        ours = [decode_features(record) for record in index.read(range(len(index)))]
        assert len(found[name]) == len(ours) > 100
        for theirs, example in zip(found[name], ours):
            assert theirs["inputs"] == example["inputs"].tolist()
            assert theirs["targets"] == example["targets"].tolist()


def test_records_of_tensor2tensor_train_here(peer, tiny_hparams, tmp_path):
    from t2t_multimodel.decoding.lines.decode_file import ProblemDecoder
    from t2t_multimodel.training.trainer import TrainConfig, train

    data_dir, run_dir = tmp_path / "data", tmp_path / "run"
    data_dir.mkdir()
    text, ids = peer(_WRITE, str(data_dir))
    encoder = T2TSubwordVocabulary.load(data_dir / "vocab.subwords")
    assert encoder.encode(text) == ids
    (row, *_) = RecordIndex.load_or_build(data_dir, "translate_ende", "dev").read([0])
    assert decode_features(row)["inputs"].tolist() == [*ids, 1]
    folders = {"data_dir": str(data_dir), "output_dir": str(run_dir)}
    train(TrainConfig(problems=("translate_ende",), hparams=tiny_hparams, train_steps=30, **folders))
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if row.get("split") == "dev"]
    assert losses and np.isfinite(losses).all()
    (decoded,) = ProblemDecoder("translate_ende", **folders).decode([text])
    assert decoded.error is None
