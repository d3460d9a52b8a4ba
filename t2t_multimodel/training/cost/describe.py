"""Parameter counts of a model by part, and what its training keeps on each device of a mesh."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state

from t2t_multimodel.data.spec import InputSpec, TargetSpec
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.mesh.experts import ExpertMesh
from t2t_multimodel.mesh.layout import MeshLayout, check_mesh_shape
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.model import MultiModel
from t2t_multimodel.training.cost import flops
from t2t_multimodel.training.optimizers.make import moment_count

VOCAB_SIZE = 8192
_PENDING = "uninitialized_variables"  # Keras' name of its list; keras/src/backend/common/variables.py


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Variables made within the block are never allocated.

    Keras remembers variables without values and would give them theirs at the next symbolic call of any layer:
    gigabytes for the larger sets.
    """
    before = list(global_state.get_global_attribute(_PENDING) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_PENDING, before)


def parameters_by_part(
    hparams: HParams, *, vocab_size: int = VOCAB_SIZE, specs: Iterable[InputSpec | TargetSpec] = (SymbolSpec(),)
) -> dict[str, int]:
    """Trainable parameters of encoder, mixer, decoder, mixtures and each modality net; nothing is allocated.

    Args:
        hparams: of the model.
        vocab_size: ids of the vocabulary.
        specs: which modality nets; the symbol net alone unless given.
    """
    with without_values():
        model = MultiModel(hparams, vocab_size=vocab_size, specs=specs)
    counts: Counter[str] = Counter()
    for variable in model.trainable_variables:
        first, *_ = variable.path.removeprefix("multimodel/").split("/")
        part = f"{first} mixture" if "/mixture/" in variable.path else first
        counts[part] += int(np.prod(variable.shape))
    return dict(sorted(counts.items()))


def parameter_count(hparams: HParams, *, vocab_size: int = VOCAB_SIZE) -> int:
    """Trainable parameters of a text model."""
    return sum(parameters_by_part(hparams, vocab_size=vocab_size).values())


class MeshBytes(NamedTuple):
    """Bytes that a training keeps on one device.

    Attributes:
        weights, moments, gradients: of the experts, or of all other parts.
    """

    weights: int
    moments: int
    gradients: int


def bytes_by_device(
    hparams: HParams,
    mesh_shape: str,
    *,
    vocab_size: int = VOCAB_SIZE,
    specs: Iterable[InputSpec | TargetSpec] = (SymbolSpec(),),
) -> list[dict[str, MeshBytes]]:
    """Bytes of ``experts`` and ``others`` on each device of a mesh, in its order; nothing is allocated.

    Activations come on top.

    Args:
        hparams: of the model.
        mesh_shape: such as ``batch:2;experts:4``.
        vocab_size: ids of the vocabulary.
        specs: which modality nets; the symbol net alone unless given.

    Raises:
        MultiModelError: the experts cannot be divided over such a mesh.
    """
    batch, experts = check_mesh_shape(mesh_shape, hparams)
    mesh = ExpertMesh(MeshLayout(batch, experts, ("CPU:0",) * (batch * experts)))
    with without_values(), mesh.scope():
        model = MultiModel(hparams, vocab_size=vocab_size, specs=specs)
    found = [{"experts": MeshBytes(0, 0, 0), "others": MeshBytes(0, 0, 0)} for _ in mesh.layout.devices]
    shards: Counter[str] = Counter()
    for variable in model.trainable_variables:
        part = "experts" if variable.path in mesh.variables else "others"
        device = found[shards[variable.path]]
        shards[variable.path] += 1
        device[part] = MeshBytes(*map(sum, zip(device[part], _bytes_of(variable, hparams))))
    return found


def bytes_of_training(
    hparams: HParams, *, vocab_size: int = VOCAB_SIZE, specs: Iterable[InputSpec | TargetSpec] = (SymbolSpec(),)
) -> MeshBytes:
    """Bytes that a training on one device keeps; arguments as for `parameters_by_part`. Activations come on top."""
    with without_values():
        model = MultiModel(hparams, vocab_size=vocab_size, specs=specs)
    return bytes_of_model(model)


def bytes_of_model(model: MultiModel) -> MeshBytes:
    """Bytes that a training of this model keeps on one device; what is frozen has neither moments nor a gradient."""
    found = [_bytes_of(variable, model.hparams) for variable in model.trainable_variables]
    frozen = [_bytes_of(variable, model.hparams) for variable in model.non_trainable_variables]
    found += [MeshBytes(sizes.weights, 0, 0) for sizes in frozen]
    return MeshBytes(*map(sum, zip(*found)))


def _bytes_of(variable: keras.Variable, hparams: HParams) -> MeshBytes:
    weights = int(np.prod(variable.shape)) * tf.as_dtype(variable.dtype).size
    return MeshBytes(weights, moment_count(hparams.optimizer, variable.path, variable) * weights, weights)


def format_bytes(devices: Sequence[Mapping[str, MeshBytes]]) -> str:
    """A table of the bytes on the first device, and on each of the others where there are any."""
    head = f"{'':28}" + "".join(f"{name:>18}" for name in (*MeshBytes._fields, "all"))
    rows = [("first device", devices[0]), ("each other device", devices[-1])][: len(devices)]
    lines = [f"bytes on {len(devices)} device{'s' * (len(devices) > 1)}", head]
    for name, parts in rows:
        sums = MeshBytes(*map(sum, zip(*parts.values())))
        for part, counts in (*((f"{name}: {part}", counts) for part, counts in parts.items()), (name, sums)):
            lines.append(f"{part:28}" + "".join(f"{count:18,}" for count in (*counts, sum(counts))))
    return "\n".join(lines)


def parse_batch(text: str) -> tuple[int, int, int]:
    """Rows, source and target length of ``ROWSxSOURCExTARGET``.

    Raises:
        MultiModelError: it is none.
    """
    sizes = text.split("x")
    if len(sizes) != 3 or not all(size.isdigit() and int(size) for size in sizes):
        raise MultiModelError(f"--describe_batch={text} is no ROWSxSOURCExTARGET; give three numbers, such as 32x64x64")
    rows, source, target = map(int, sizes)
    return rows, source, target


def step_flops(
    hparams: HParams,
    inputs: InputSpec,
    targets: TargetSpec,
    source_lengths: Sequence[int],
    lengths: Sequence[int],
    *,
    vocab_size: int = VOCAB_SIZE,
) -> dict[str, int]:
    """Useful FLOPs of a train step by part; arguments as for `flops.forward_flops`."""
    with without_values():
        model = MultiModel(hparams, vocab_size=vocab_size, specs={inputs, targets, SymbolSpec()})
    forward = flops.forward_flops(model, inputs, targets, source_lengths, lengths)
    return {part: flops.TRAINING_FACTOR * count for part, count in forward.items()}


def format_parts(parts: dict[str, int], *, total: bool = True) -> str:
    """One line a part, the sum last if `total`."""
    rows = [*parts.items(), *([("all", sum(parts.values()))] if total else [])]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {count:>15,}" for name, count in rows)
