"""A plain Transformer trained alone on one problem: the peer that a joint model is measured against.

    python -m benchmarks transformer --data_dir=DATA --problem=translate_deen --steps=1000 --out=peers.jsonl

Encoder and decoder of 3 pre-normalised layers each, depth 192, 4 heads, feed-forward 1024, dropout 0.1, label smoothing
0.1, Adam with peak rate 2e-3, gradients clipped at norm 1, embedding and softmax tied (Vaswani et al. 2017). Pictures
are read as patches of 4 x 4 pixels (Dosovitskiy et al. 2020), sound by two convolutions of stride 2 (Dong et al. 2018),
and a class from the mean of the encoder's outputs. Batches and the dev split are those of `t2t-trainer` with
`--hparams_set`. A line of `--out` is one problem: loss in nats a target and accuracy, teacher-forced.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import time

from benchmarks.harness import append_rows, read_rows


def main(arguments: list[str]) -> None:
    """Trains one problem, or takes the line that stands in `--out`, and prints its line."""
    parser = argparse.ArgumentParser(prog="benchmarks transformer", description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--problem", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--schedule", choices=("cosine", "rsqrt"), default="cosine")
    parser.add_argument("--learning_rate", type=float, default=2e-3, help="peak of the rate")
    parser.add_argument("--warmup_steps", type=int, default=100)
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    parser.add_argument("--hparams_set", default="multimodel_plus", help="of the batches")
    parser.add_argument("--eval_steps", type=int, default=0, help="batches of the dev split; 0 takes all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="", help="JSON lines, appended")
    options = parser.parse_args(arguments)
    key = {name: value for name, value in vars(options).items() if name not in ("data_dir", "out")}
    found = [row for row in (read_rows(pathlib.Path(options.out)) if options.out else []) if key.items() <= row.items()]
    if not found:
        found = [{**key, **measure(options)}]
        if options.out:
            append_rows(pathlib.Path(options.out), found)
    print(json.dumps(found[0]))


def measure(options: argparse.Namespace) -> dict:
    """Trains and scores; what a line tells beside the options."""
    from t2t_multimodel import process

    process.prepare()
    import keras
    import tensorflow as tf

    from benchmarks.transformer_model import Transformer
    from t2t_multimodel import registry
    from t2t_multimodel.data.input.parsing import batch_signature
    from t2t_multimodel.data.input.pipeline import ProblemInput
    from t2t_multimodel.training.config import TrainConfig
    from t2t_multimodel.training.run_data import read_data

    keras.mixed_precision.set_global_policy(options.precision)
    keras.utils.set_random_seed(options.seed)
    config = TrainConfig(
        problems=(options.problem,),
        hparams=registry.hparams(options.hparams_set).check(),
        data_dir=options.data_dir,
        output_dir="",
        train_steps=options.steps,
        seed=options.seed,
    )
    data = read_data(config)
    (task,), (train,) = data.tasks.values(), data.inputs.values()
    net = Transformer(task.problem, data.manifest.vocab_size)
    batches = train.train()
    first = next(batches)
    net(first, training=False)
    optimizer = keras.optimizers.Adam(_rate(options), beta_1=0.9, beta_2=0.98, epsilon=1e-9, global_clipnorm=1.0)
    optimizer.build(net.trainable_variables)

    signature = [batch_signature(task.problem.inputs, task.problem.targets, config.hparams.modalities)]

    @tf.function(autograph=False, input_signature=signature)
    def step(batch):
        with tf.GradientTape() as tape:
            loss = net.smoothed_loss(batch)
        gradients = tape.gradient(loss, [variable.value for variable in net.trainable_variables])
        optimizer.apply(gradients, net.trainable_variables)
        return loss

    seconds = []
    for _ in range(options.steps):
        batch = next(batches)
        began = time.perf_counter()
        loss = float(step(batch))
        seconds.append(time.perf_counter() - began)
    score = tf.function(net.score, autograph=False, input_signature=signature)
    dev = ProblemInput(task.problem, options.data_dir, "dev", config.hparams, seed=options.seed)
    totals = sum(score(batch) for batch in dev.evaluate(options.eval_steps or None)).numpy()
    return {
        "loss": float(totals[0] / totals[1]),
        "token_accuracy": float(totals[2] / totals[1]),
        "train_loss": loss,
        "parameters": net.count_params(),
        "step_s": round(statistics.median(seconds), 4),
        "steps_s": round(sum(seconds), 1),
    }


def _rate(options: argparse.Namespace):
    import keras

    peak, warm = options.learning_rate, options.warmup_steps

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            number = keras.ops.cast(step, "float32") + 1.0
            if options.schedule == "rsqrt":
                return peak * keras.ops.minimum(number / warm, keras.ops.sqrt(warm / number))
            done = keras.ops.clip((number - warm) / max(1, options.steps - warm), 0.0, 1.0)
            return peak * keras.ops.minimum(number / warm, 0.5 * (1.0 + keras.ops.cos(done * 3.141592653589793)))

        def get_config(self):
            return {}

    return Rate()
