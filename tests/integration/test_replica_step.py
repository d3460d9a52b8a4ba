"""The train step on two replicas of which one has no rows."""

import subprocess
import sys

import numpy as np

SCRIPT = """
import sys
import numpy as np
import tensorflow as tf
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.layers.seeds import SeedStream
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training import step as train_step
from t2t_multimodel.training.optimizers.make import make_optimizer
from t2t_multimodel.training.strategies import make_strategy

replicas, path = int(sys.argv[1]), sys.argv[2]
hparams = HParams.from_json(open(sys.argv[3]).read())
# All replicas draw the noise of the first one.
train_step.SeedStream = lambda seed, step, replica: SeedStream(seed, step)


class Text(Problem):
    name, inputs, targets, command = "text", SymbolSpec(), SymbolSpec(), "to_text"


strategy = make_strategy(replicas=replicas)
assert strategy.num_replicas_in_sync == replicas
with strategy.scope():
    tf.keras.utils.set_random_seed(3)
    model = MultiModel(hparams, vocab_size=50, specs=[SymbolSpec()])
    for number, variable in enumerate(model.trainable_variables):
        noise = np.random.default_rng(number).normal(0, 0.1, variable.shape)
        variable.assign(variable.value + noise.astype(np.float32))
    optimizer = make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
step = train_step.make_train_step(model, optimizer, strategy, Task(Text(), 0), seed=1, train_steps=10)
rng = np.random.default_rng(0)
for number in range(3):
    rows = {"inputs": rng.integers(2, 50, (1, 9)), "targets": rng.integers(2, 50, (1, 7))}
    batch = {name: tf.constant(value, tf.int32) for name, value in rows.items()}
    result = step(batch, tf.constant(0), tf.constant(1.0), tf.constant(number, tf.int64))
values = {name: value.numpy() for name, value in result.items()}
np.savez(path, **values, **{k.replace("/", "|"): v.numpy() for k, v in model.named_variables().items()})
"""


def results(tmp_path, hparams):
    (tmp_path / "hparams.json").write_text(hparams.to_json())
    found = []
    for replicas in (1, 2):
        path = tmp_path / f"{replicas}.npz"
        command = [sys.executable, "-c", SCRIPT, str(replicas), str(path), str(tmp_path / "hparams.json")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(dict(np.load(path)))
    return found


def test_a_replica_without_rows_counts_nowhere(tiny_hparams, tmp_path):
    """One replica has a row, the other a filler row: they do as one device does."""
    hparams = tiny_hparams.override(
        "regularization.dropout=0.2,optimizer.learning_rate=0.01,mixture.loss_coefficient=1"
    )
    one, two = results(tmp_path, hparams)
    assert one["mixture_loss"] > 0
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=2e-5, rtol=1e-4, err_msg=name)
