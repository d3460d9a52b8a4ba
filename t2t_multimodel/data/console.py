"""Output on the console: a progress line, warnings, and tables for the end of a run."""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

_collected: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("collected", default=None)


class _Bar(tqdm):
    # tqdm's monitor is a thread, and worker processes are forked only while there is no second thread.
    monitor_interval = 0


def progress(label: str, unit: str, total: int | None = None, done: int = 0) -> tqdm:
    """A line on stderr that shows count, rate and time left; nothing unless stderr is a terminal.

    Args:
        label: what is going on.
        unit: what is counted.
        total: the final count, if known.
        done: the count to start from.

    Returns:
        a context manager; its `update(count)` counts on.

    Example:
        >>> with progress("reading", "files", total=3) as bar:
        ...     for _ in range(3):
        ...         bar.update()
    """
    return _Bar(
        desc=label,
        unit=f" {unit}",
        total=total,
        initial=done,
        miniters=1,
        mininterval=0.5,
        disable=None,
        file=sys.stderr,
        leave=False,
    )


def print_warning(line: str) -> None:
    """Writes one line to stderr, unless warnings are being collected."""
    collected = _collected.get()
    if collected is not None:
        collected.append(line)
    else:
        print(f"warning: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Gives the warnings of the block, in this thread, instead of printing them.

    Example:
        >>> with collected_warnings() as lines:
        ...     print_warning("the file is long")
        >>> lines
        ['the file is long']
    """
    token = _collected.set(lines := [])
    try:
        yield lines
    finally:
        _collected.reset(token)


def number(value: Any) -> str:
    """A value for people: four digits, and 0 for what is nearly nothing."""
    if not isinstance(value, float):
        return str(value)
    return "0" if abs(value) < 5e-5 else f"{value:.4g}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns.

    Args:
        rows: the first is the header. The first two columns are aligned left, the others right.

    Example:
        >>> print(table([["problem", "split", "examples"], ["mini_caption", "dev", "400"]]))
        problem       split  examples
        ------------  -----  --------
        mini_caption  dev         400
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
