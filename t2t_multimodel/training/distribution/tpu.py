"""The strategy of a TPU, found by its name or address."""

from __future__ import annotations

import os
import socket
import urllib.parse

import tensorflow as tf

from t2t_multimodel.errors import MultiModelError

LOCAL = "local"
_SECONDS = 10.0


def tpu_strategy(address: str = "") -> tf.distribute.Strategy:
    """Connects to a TPU and starts it.

    Args:
        address: its name, ``grpc://HOST:PORT``, or ``"local"`` on a machine that has one; the environment variable
            TPU_NAME by default.

    Raises:
        MultiModelError: there is no address, or no TPU there.

    Example:
        train(config, strategy=tpu_strategy("local"))
    """
    address = address or os.environ.get("TPU_NAME", "")
    if not address:
        raise MultiModelError(
            "strategy tpu needs a TPU; give its name or grpc://HOST:PORT in --tpu or TPU_NAME, or --tpu=local on a"
            " machine that has one"
        )
    try:
        _check_reachable(address)
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
        if address != LOCAL:
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (OSError, ValueError, RuntimeError, ImportError, tf.errors.OpError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise MultiModelError(
            f"no TPU found at {address!r} ({reason}); give the name or grpc://HOST:PORT of one that runs, or"
            " --tpu=local on a machine that has one and the package tensorflow-tpu"
        ) from None


def _check_reachable(address: str) -> None:
    """Tries a grpc address, for which TensorFlow would wait without end.

    Raises:
        OSError: nobody answers.
        ValueError: the address has no port.
    """
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "grpc":
        if not parts.hostname or not parts.port:
            raise ValueError("a grpc address is grpc://HOST:PORT")
        socket.create_connection((parts.hostname, parts.port), timeout=_SECONDS).close()
