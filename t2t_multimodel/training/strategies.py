"""Where a training runs: one device, or several that hold the same weights."""

from __future__ import annotations

import contextlib

import tensorflow as tf

from t2t_multimodel.errors import MultiModelError


def make_strategy(replicas: int) -> tf.distribute.Strategy:
    """One device, or MirroredStrategy over several GPUs or, without GPUs, logical devices of the CPU.

    Args:
        replicas: number of devices; 0 takes all GPUs, or one device where there are none.

    Raises:
        MultiModelError: there are fewer devices than asked for.

    Example:
        train(config, strategy=make_strategy(2))
    """
    gpus = tf.config.list_physical_devices("GPU")
    wanted = replicas or max(len(gpus), 1)
    if wanted == 1:
        return tf.distribute.get_strategy()
    if not gpus:
        _split_cpu(wanted)
    devices = tf.config.list_logical_devices("GPU" if gpus else "CPU")
    if wanted > len(devices):
        raise MultiModelError(f"{wanted} replicas asked for, {len(devices)} devices found; lower --replicas")
    return tf.distribute.MirroredStrategy([device.name for device in devices[:wanted]])


def _split_cpu(devices: int) -> None:
    """Makes logical devices of the CPU, as long as TensorFlow has not started to use it."""
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
