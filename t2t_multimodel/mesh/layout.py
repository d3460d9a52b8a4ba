"""The mesh of devices that a training asks for, and which experts each of them holds."""

from __future__ import annotations

import contextlib
import dataclasses

import tensorflow as tf

from t2t_multimodel.errors import MultiModelError

AXES = ("batch", "experts")


@dataclasses.dataclass(frozen=True)
class MeshLayout:
    """Devices in rows along the axis "batch" and columns along the axis "experts".

    All devices of a column hold the same share of the experts; the tokens of a batch are divided over all devices.

    Attributes:
        batch, experts: size of each axis.
        devices: names of `batch * experts` devices, row after row.

    Example:

        layout = MeshLayout(2, 4, tuple(f"GPU:{i}" for i in range(8)))
        layout.share(5, 32)  # the second column: experts 8 to 15
    """

    batch: int
    experts: int
    devices: tuple[str, ...]

    def share(self, device: int, num_experts: int) -> slice:
        """The experts of a device, by its position in `devices`."""
        count = num_experts // self.experts
        first = device % self.experts * count
        return slice(first, first + count)

    def is_copy(self, device: int) -> bool:
        """Whether a device before this one holds the same experts."""
        return device >= self.experts


def parse_mesh_shape(text: str) -> tuple[int, int]:
    """Sizes of the axes "batch" and "experts" in ``batch:2;experts:4``; "batch" may be left out.

    Raises:
        MultiModelError: it is no such text.

    Example:

        parse_mesh_shape("batch:2;experts:4")  # (2, 4)
    """
    sizes: dict[str, int] = {}
    for item in text.split(";"):
        name, _, size = (part.strip() for part in item.partition(":"))
        good = name in AXES and name not in sizes and size.isdecimal() and int(size) > 0
        if not good:
            raise MultiModelError(f"mesh_shape {text!r} has the item {item!r}; write one such as batch:2;experts:4")
        sizes[name] = int(size)
    if "experts" not in sizes:
        raise MultiModelError(f"mesh_shape {text!r} has no axis experts; write one such as batch:2;experts:4")
    return sizes.get("batch", 1), sizes["experts"]


def check_mesh_shape(mesh_shape: str, hparams) -> tuple[int, int]:
    """Sizes of the axes, if the experts of `hparams` can be divided over such a mesh.

    Raises:
        MultiModelError: they cannot.
    """
    batch, experts = parse_mesh_shape(mesh_shape)
    count = hparams.mixture.num_experts
    if not count:
        raise MultiModelError("mixture.num_experts=0 leaves nothing for strategy mesh; give another --strategy")
    if count % experts:
        raise MultiModelError(
            f"mixture.num_experts={count} cannot be divided over experts:{experts} of mesh_shape; give a divisor of it"
        )
    if hparams.compute.compile != "none":
        raise MultiModelError(
            f"compute.compile={hparams.compute.compile} does not work with strategy mesh; give compute.compile=none"
        )
    return batch, experts


def find_devices(count: int) -> tuple[str, ...]:
    """Names of so many GPUs of this process, or without any of so many logical devices of its CPU.

    Raises:
        MultiModelError: there are fewer.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        with contextlib.suppress(RuntimeError):  # TensorFlow has begun to use it
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    devices = tf.config.list_logical_devices("GPU" if gpus else "CPU")
    if count > len(devices):
        raise MultiModelError(f"mesh_shape needs {count} devices, {len(devices)} found; give smaller axes")
    return tuple(device.name for device in devices[:count])
