"""Memory: what is free, what this process takes, and what it took at most."""

from __future__ import annotations

import pathlib
import re

import tensorflow as tf

_UNLIMITED = 1 << 60
_MARGIN = 0.9


def usable_bytes(root: str | pathlib.Path = "/") -> int | None:
    """What a training may take: of the first GPU its memory; else what is free, and what this process holds already.

    A tenth of it is left. None where the system does not tell.

    Args:
        root: of the file system.
    """
    if gpu_bytes := _gpu_limit():
        return int(_MARGIN * gpu_bytes)
    free = free_bytes(root)
    return None if free is None else int(_MARGIN * (free + _status_of(root, "VmRSS")))


def free_bytes(root: str | pathlib.Path = "/") -> int | None:
    """Memory that processes can still take: the least of what Linux has available and the control groups leave."""
    root = pathlib.Path(root)
    found = [_meminfo(root), *_groups(root)]
    return min((free for free in found if free is not None), default=None)


def peak_bytes(root: str | pathlib.Path = "/") -> int:
    """The most memory that this process ever held: on the first GPU where there is one, else resident."""
    if tf.config.list_physical_devices("GPU"):
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    return _status_of(root, "VmHWM")  # ru_maxrss would also count the parent's memory


def resident_bytes(root: str | pathlib.Path = "/") -> int:
    """The memory that this process holds now; 0 where the system does not tell."""
    return _status_of(root, "VmRSS")


def in_words(count: float) -> str:
    """``1.25 GB`` or ``340 MB``, in powers of 1000."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _gpu_limit() -> int | None:
    """Memory of the first GPU, as its driver's tool tells it: TensorFlow does not, before it takes the memory."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    import shutil
    import subprocess

    if (tool := shutil.which("nvidia-smi")) is None:
        return None
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    first = done.stdout.partition("\n")[0].strip()
    return int(first) << 20 if first.isdigit() else None


def _status_of(root: str | pathlib.Path, name: str) -> int:
    return _kilobytes(pathlib.Path(root) / "proc/self/status", name) or 0


def _meminfo(root: pathlib.Path) -> int | None:
    return _kilobytes(root / "proc/meminfo", "MemAvailable")


def _kilobytes(path: pathlib.Path, name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB", _read(path), re.M)
    return int(found[1]) << 10 if found else None


def _groups(root: pathlib.Path) -> list[int]:
    """What each control group that this process belongs to leaves, in both versions of their files."""
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base, limit, usage = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, usage = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(
            len(parts) + 1
        ):  # a group is bounded by those above it; within a container the top is its own
            found.append(_room(base.joinpath(*parts[:depth]), limit, usage))
    return [room for room in found if room is not None]


def _room(folder: pathlib.Path, limit: str, usage: str) -> int | None:
    """The limit less what is used, without files that can be dropped."""
    most, used = (_read(folder / name).strip() for name in (limit, usage))
    if not (most.isdigit() and used.isdigit()) or int(most) >= _UNLIMITED:
        return None
    files = re.search(r"^(?:total_)?inactive_file (\d+)", _read(folder / "memory.stat"), re.M)
    return max(int(most) - int(used) + (int(files[1]) if files else 0), 0)


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
