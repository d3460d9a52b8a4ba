"""Settings of the whole process; commands make them before TensorFlow is loaded."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import sys

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_TOP_PAD_BYTES = 1 << 28
# Python's collector runs after so many new objects; its default is 700 (2,000 from Python 3.12 on).
_OBJECTS_BEFORE_COLLECTION = 50_000


def prepare() -> None:
    """Makes all settings of this module; every command and benchmark begins with it."""
    quieten_tensorflow()
    use_onednn()
    keep_freed_memory()
    collect_garbage_seldom()


def collect_garbage_seldom() -> None:
    """Lets Python search for garbage less often: graphs are made of many objects, few of which are garbage.

    How much time this saves at the start: docs/performance.md.
    """
    first, *others = gc.get_threshold()
    gc.set_threshold(max(_OBJECTS_BEFORE_COLLECTION, first), *others)


def keep_freed_memory() -> bool:
    """Makes the C library keep freed memory in one pool, for the tensors of the next step.

    By default large buffers are mapped anew, and each new page costs a page fault. How much time this saves depends on
    the machine's other work: docs/performance.md.

    Returns:
        whether the C library has these settings (glibc).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all(mallopt(parameter, value) for parameter, value in wanted)


def quieten_tensorflow() -> None:
    """Hides TensorFlow's start-up notices, unless the user asked for them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def use_onednn() -> None:
    """Switches on TensorFlow's oneDNN kernels, unless the user chose; call it before TensorFlow is loaded.

    TensorFlow switches them on only for some processors, but matrix products and softmax are faster on others, too:
    docs/performance.md.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def leave(status: int) -> None:
    """Ends the process at once where the plug-in of ``s3://`` was loaded, which aborts in an ordinary exit.

    What was registered to be done at the exit is done, and standard streams are flushed. Without the plug-in nothing is
    done. Call it last in a script of your own that reads or writes ``s3://``.

    Args:
        status: of the process.
    """
    if "tensorflow_io" not in sys.modules:
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
