"""Lowers the static train step of a hparams set and writes what `run.py` needs to measure it.

`program.hlo` is a serialized HLO module: it takes `program.json`'s arguments, in their order, and gives the loss, the
norm of the gradients, and the updated variables. `args.npz` holds the arguments' values as ``arg0``, ``arg1``, ...;
without it `run.py` fills them at random.

With `--values=false` nothing of the size of the weights is written or touched: variables are given memory that no one
ever reads or writes, which an operating system hands out without having it, so that a model larger than the machine
can be lowered.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from collections.abc import Sequence
from unittest import mock

KINDS = ("text", "class", "caption", "speech")
VOCAB, CLASSES = 8192, 1000


def main(arguments: list[str]) -> None:
    """Lowers, writes, and prints a line."""
    parser = argparse.ArgumentParser(prog="benchmarks xla_program", description=__doc__.splitlines()[0])
    parser.add_argument("--hparams_set", default="multimodel_base")
    parser.add_argument("--hparams", default="")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--kind", choices=KINDS, default="text", help="class: an image and its label")
    parser.add_argument("--batch", default="32x64x64", help="ROWSxSOURCExTARGET: tokens, or frames of audio")
    parser.add_argument("--out", required=True, help="folder of the program")
    parser.add_argument("--values", choices=("true", "false"), default="true", help="write the arguments' values")
    parser.add_argument("--steps", type=int, default=0, help="also run so many steps here and keep their losses")
    options = parser.parse_args(arguments)

    from t2t_multimodel import process, registry
    from t2t_multimodel.training.cost.describe import parse_batch

    process.prepare()
    hparams = registry.hparams(options.hparams_set).override(options.hparams)
    hparams = hparams.override(f"compute.precision={options.precision},compute.compile=xla").check()
    sizes = parse_batch(options.batch)
    written = export(hparams, options.kind, sizes, options.out, values=options.values == "true", steps=options.steps)
    about = {"hparams_set": options.hparams_set, "hparams": options.hparams, "precision": options.precision}
    _write_json(options.out, {**about, "kind": options.kind, "batch": options.batch, **written})
    print(json.dumps({name: value for name, value in written.items() if name != "arguments"}))


def export(
    hparams, kind: str, sizes: tuple[int, int, int], out: str, *, values: bool = True, steps: int = 0
) -> dict[str, object]:
    """Writes `program.hlo` and, with `values`, `args.npz`; gives what stands in `program.json`.

    Args:
        hparams: all hparams, with compute.compile "xla".
        kind: one of `KINDS`.
        sizes: rows, source and target lengths.
        out: a folder.
        values: variables have values, which are written.
        steps: train steps to run by TensorFlow, for their losses.
    """
    import tensorflow as tf

    folder = pathlib.Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    step, arguments, named, flops = _step(hparams, kind, sizes, values)
    start = time.perf_counter()
    flat = tf.nest.flatten(arguments)
    shapes = [tf.TensorSpec.from_tensor(value) for value in flat]  # values would become constants of the program
    program = step.get_concrete_function(*shapes)
    traced = time.perf_counter()
    (folder / "program.hlo").write_bytes(step.experimental_get_compiler_ir(*shapes)(stage="hlo_serialized"))
    lowered = time.perf_counter()
    captured = _captured(program, named)
    if values:
        _write_values(folder / "args.npz", [*flat, *(variable for _, variable in captured)])
    losses = [float(program(*flat)[0]) for _ in range(steps)]
    return {
        "parameters": sum(variable.shape.num_elements() for variable in named.values() if variable.trainable),
        "useful_flops": flops,
        "trace_s": round(traced - start, 2),
        "lower_s": round(lowered - traced, 2),
        "losses": losses,
        "arguments": _described_arguments(arguments, captured),
    }


def _step(hparams, kind, sizes, values):
    """The step that gives the loss first, its arguments, all variables by name, and the useful FLOPs of a step."""
    import tensorflow as tf

    from t2t_multimodel.data.problem import Problem
    from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, ImageSpec, SymbolSpec
    from t2t_multimodel.model import MultiModel
    from t2t_multimodel.runs.task import Task
    from t2t_multimodel.training.cost import describe
    from t2t_multimodel.training.optimizers.make import make_optimizer
    from t2t_multimodel.training.step import make_train_step

    rows, source, target = sizes
    spec = {"text": SymbolSpec(), "speech": AudioSpec()}.get(kind, ImageSpec())
    label = ClassLabelSpec(num_classes=CLASSES) if kind == "class" else SymbolSpec()

    class Random(Problem):
        name, inputs, targets, command = f"program_{kind}", spec, label, "to_text"

    task = Task(Random(), 0)
    label = task.problem.targets  # a class label's net has its problem's name
    flops = describe.step_flops(hparams, spec, label, [source] * rows, [target] * rows, vocab_size=VOCAB)
    tf.keras.utils.set_random_seed(0)
    if values:
        model = MultiModel(hparams, vocab_size=VOCAB, specs=[spec, label])
        optimizer = make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
    else:
        model, optimizer = _untouched(
            lambda: MultiModel(hparams, vocab_size=VOCAB, specs=[spec, label]),
            lambda model: make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer),
        )
    train = make_train_step(model, optimizer, tf.distribute.get_strategy(), task, seed=0, train_steps=100000)

    batch = _random_batch(spec, label, hparams, sizes)
    arguments = batch, tf.constant(0), tf.constant(1.0), tf.constant(1000, tf.int64)

    def loss_first(*flat):
        result = train.function.python_function(*tf.nest.pack_sequence_as(arguments, flat))
        return result["loss"], result["gradient_norm"]

    slots = {f"optimizer/{name}": variable for name, variable in optimizer.named_variables().items()}
    named = {**model.named_variables(), **slots}
    return tf.function(loss_first, autograph=False, jit_compile=True), arguments, named, sum(flops.values())


def _untouched(make_model, make_optimizer):
    """Model and optimizer whose variables have memory that is never touched."""
    import tensorflow as tf

    from t2t_multimodel.training.cost.describe import without_values

    def empty(shape, dtype=tf.float32, **_):
        return tf.raw_ops.Empty(shape=list(shape), dtype=dtype)

    with without_values():
        model = make_model()
    for variable in model.variables:
        variable._initialize(empty(variable.shape, variable.dtype))
    with mock.patch.object(tf, "zeros", empty):
        return model, make_optimizer(model)


def _random_batch(spec, label, hparams, sizes):
    """Random data without padding."""
    import numpy as np
    import tensorflow as tf

    from t2t_multimodel.data.input.parsing import batch_signature

    rows, source, target = sizes
    rng = np.random.default_rng(0)
    batch = {}
    for name, part in batch_signature(spec, label, hparams.modalities).items():
        time = target if name == "targets" else source
        shape = [rows if axis == 0 else size or time for axis, size in enumerate(part.shape)]
        if name == "input_length":
            value = np.full(shape, source)
        elif part.dtype.is_integer:
            value = rng.integers(2, VOCAB if label.autoregressive or name == "inputs" else CLASSES, shape)
        else:
            value = rng.uniform(0, 255, shape) if len(shape) == 4 else rng.normal(size=shape)
        batch[name] = tf.constant(value, part.dtype)
    return batch


def _captured(program, named):
    """Names and variables that the program takes after its arguments, in its order."""
    import tensorflow as tf

    by_handle = {id(variable.handle): (name, variable) for name, variable in named.items()}
    if any(value.dtype != tf.resource for value in program.captured_inputs):
        raise SystemExit("the step captures a tensor that is no variable; make it a constant of the step")
    return [by_handle[id(value)] for value in program.captured_inputs]


def _described_arguments(arguments: Sequence, captured: Sequence) -> list[dict[str, object]]:
    """Of each argument of the program: its name, shape and type, and how `run.py` fills it."""
    import tensorflow as tf

    batch, *rest = arguments
    found = []
    for name, value in [*sorted(batch.items()), *zip(("command", "weight", "step"), rest)]:
        if name not in ("inputs", "targets"):
            fill = {"value": int(tf.reduce_max(value))}
        elif value.dtype.is_integer:
            fill = {"below": CLASSES if value.shape.rank == 1 else VOCAB}
        else:
            fill = {"normal": 1.0}
        found.append(_described(name, value, fill))
    return [*found, *(_described(name, variable, _filling(name, variable)) for name, variable in captured)]


def _filling(name: str, variable) -> dict[str, float]:
    """Random weights of the usual size; slots are zero, scales one."""
    if not variable.trainable or variable.shape.rank == 0:
        return {"value": 0}
    if variable.shape.rank == 1:
        return {"value": float("scale" in name)}
    return {"normal": float(variable.shape[-2]) ** -0.5}


def _described(name, value, fill) -> dict[str, object]:
    return {"name": name, "shape": list(value.shape), "dtype": value.dtype.name, "fill": fill}


def _write_values(path: pathlib.Path, flat) -> None:
    import numpy as np

    np.savez(path, **{f"arg{number}": value.numpy() for number, value in enumerate(flat)})


def _write_json(out: str, values: dict[str, object]) -> None:
    (pathlib.Path(out) / "program.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
