"""What the processor at hand makes of products."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Collection

import tensorflow as tf

_FLAGS = "/proc/cpuinfo"


def bfloat16_notice() -> str:
    """One line on what `compute.precision=bfloat16` does to speed on the device that a training takes."""
    capabilities = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    if capabilities:
        return gpu_notice(capabilities)
    return cpu_notice(processor_flags())


def gpu_notice(capabilities: Collection[tuple[int, int] | None]) -> str:
    """The line for GPUs of these compute capabilities; None is unknown."""
    if all(capability is not None and capability >= (8, 0) for capability in capabilities):
        return "precision bfloat16: these GPUs have tensor cores for it"
    return "precision bfloat16: a GPU before compute capability 8.0 has no units for it; float32 may be faster"


def cpu_notice(flags: Collection[str]) -> str:
    """The line for a processor with these flags of /proc/cpuinfo; none are unknown.

    Example:

        cpu_notice({"avx512f", "amx_bf16"})  # "precision bfloat16: this processor has matrix tiles for it (AMX) ..."
    """
    if "amx_bf16" in flags:
        return "precision bfloat16: this processor has matrix tiles for it (AMX), products take a fifth of their time"
    if "avx512_bf16" in flags:
        return "precision bfloat16: this processor has vector units for it (AVX-512), products may be faster"
    if flags:
        return "precision bfloat16: this processor has no units for it, steps will be slower than in float32"
    return "precision bfloat16: what this processor has for it is not known; compare a few steps with float32"


def processor_flags(path: str = _FLAGS) -> frozenset[str]:
    """The processor's features as Linux names them; none where it does not tell."""
    try:
        lines = pathlib.Path(path).read_text().splitlines()
    except OSError:
        return frozenset()
    found = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(found, ()))


def product_gflops(size: int = 2048) -> float:
    """GFLOP/s of a float32 product of two square matrices, the limit of the device at hand: the best of five."""
    x = tf.random.stateless_normal([size, size], [0, 0])
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        tf.linalg.matmul(x, x).numpy()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds[1:]) / 1e9
