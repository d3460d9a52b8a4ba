"""A progress line on a terminal, and tables for the end of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

_INTERVAL = 0.5


class Progress:
    """One line on stderr that shows count, rate and time left; silent unless stderr is a terminal.

    Args:
        label: what is going on.
        unit: what is counted.
        total: the final count, if known.
    """

    def __init__(self, label: str, unit: str, total: int | None = None):
        self._label, self._unit, self._total = label, unit, total
        self._start = self._shown = time.monotonic()
        self._count = 0
        self._active = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_) -> None:
        if self._active:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def add(self, count: int = 1) -> None:
        """Counts on and shows the line now and then."""
        self._count += count
        now = time.monotonic()
        if self._active and now - self._shown >= _INTERVAL:
            self._shown = now
            sys.stderr.write(f"\r\x1b[K{self.line(now - self._start)}")
            sys.stderr.flush()

    def line(self, seconds: float) -> str:
        """The line after so many seconds."""
        rate = self._count / max(seconds, 1e-9)
        text = f"{self._label}: {self._count:,}"
        if self._total:
            left = max(0, self._total - self._count) / max(rate, 1e-9)
            return f"{text} of {self._total:,} {self._unit}, {rate:,.0f}/s, {left:.0f} s left"
        return f"{text} {self._unit}, {rate:,.0f}/s"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns; the first row is the head, columns after the second are set flush right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
