"""Settings of the whole process that commands make before TensorFlow is loaded."""

from __future__ import annotations

import ctypes
import os

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_TOP_PAD_BYTES = 1 << 28


def prepare() -> None:
    """All settings of this module: what every command and benchmark begins with."""
    quieten_tensorflow()
    use_onednn()
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Lets the C library keep memory that tensors gave back, in one pool, for the tensors of the next step.

    By default large buffers are mapped afresh and pay for their page faults. What it is worth depends on what else
    the machine does: docs/performance.md.

    Returns:
        whether the C library is one that can be told so (glibc).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all(mallopt(parameter, value) for parameter, value in wanted)


def quieten_tensorflow() -> None:
    """Leaves TensorFlow's start-up notices out of a command's output, unless the user asked for them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def use_onednn() -> None:
    """Switches on TensorFlow's oneDNN kernels, unless the user chose; call it before TensorFlow is loaded.

    TensorFlow does so by itself only on processors of some kinds, though products and softmax are faster on others
    too: docs/performance.md.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
