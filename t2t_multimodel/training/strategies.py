"""Where a training runs: one device, several that hold the same weights, processes of such devices, or a TPU."""

from __future__ import annotations

import contextlib
import json
import os

import tensorflow as tf

from t2t_multimodel.errors import HParamsError, MultiModelError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.training.distribution.tpu import tpu_strategy

STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu", "mesh")


def make_strategy(name: str = "auto", replicas: int = 0, tpu: str = "") -> tf.distribute.Strategy:
    """The devices of a training.

    Args:
        name: ``"one_device"``; ``"mirrored"``, several GPUs or, without GPUs, logical devices of the CPU;
            ``"multi_worker"``, the processes that the environment variable TF_CONFIG names, each with its GPUs or its
            CPU (docs/distributed.md); ``"tpu"``; ``"mesh"``, one device beside which the experts have their own
            (`mesh.experts.make_mesh`); ``"auto"``, processes where TF_CONFIG names several, else all GPUs, else one
            device.
        replicas: number of devices of this process; 0 takes all GPUs, or one device where there are none. For "auto"
            and "mirrored".
        tpu: name or address of the TPU (`tpu_strategy`).

    Raises:
        MultiModelError: an unknown name, fewer devices than asked for, no TPU, or TF_CONFIG does not name processes.

    Example:
        train(config, strategy=make_strategy("mirrored", 2))
    """
    if name not in STRATEGIES:
        raise MultiModelError(f"strategy {name!r} is unknown; give one of {', '.join(STRATEGIES)}")
    if name == "multi_worker" or (name == "auto" and _workers_of_environment() > 1):
        if not _workers_of_environment():
            raise MultiModelError(
                "strategy multi_worker needs TF_CONFIG with the cluster's workers; set it and try again"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        return tpu_strategy(tpu)
    gpus = tf.config.list_physical_devices("GPU")
    wanted = 1 if name in ("one_device", "mesh") else replicas or max(len(gpus), 1)
    if wanted == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        _split_cpu(wanted)
    devices = tf.config.list_logical_devices("GPU" if gpus else "CPU")
    if wanted > len(devices):
        raise MultiModelError(f"{wanted} replicas asked for, {len(devices)} devices found; lower --replicas")
    return tf.distribute.MirroredStrategy([device.name for device in devices[:wanted]])


def check_strategy(name: str, hparams: HParams) -> None:
    """Checks that a strategy can run steps of these hyperparameters.

    Raises:
        HParamsError: it cannot.
    """
    if name == "tpu" and hparams.compute.compile != "xla":
        raise HParamsError(
            f"strategy tpu cannot run compute.compile={hparams.compute.compile}; give compute.compile=xla"
        )


def _workers_of_environment() -> int:
    """How many processes TF_CONFIG names; 0 where it is not set.

    Raises:
        MultiModelError: it cannot be read.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return 0
    try:
        cluster = json.loads(text)["cluster"]
        return sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise MultiModelError(
            f"TF_CONFIG={text[:80]!r} names no cluster; see docs/distributed.md, or unset it"
        ) from None


def _split_cpu(devices: int) -> None:
    """Makes logical devices of the CPU, as long as TensorFlow has not started to use it."""
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
