"""Warnings that repeat: a reason is shown three times, then counted, and the sum is said at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

_SHOWN = 3


class Notices:
    """Counts warnings by reason and shows the first three of each.

    Args:
        warn: called with one line for each warning that is shown.

    Example:
        >>> notices = Notices(print)
        >>> for number in range(1, 6):
        ...     notices.add("blank line", f"a.txt: line {number}", "line left out")
        a.txt: line 1: blank line; line left out
        a.txt: line 2: blank line; line left out
        a.txt: line 3: blank line; line left out
        >>> notices.finish()
        blank line: 5 times, first at a.txt: line 1; only the first 3 are shown
    """

    def __init__(self, warn: Callable[[str], None]):
        self._warn = warn
        self._said: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, reason: str, where: str, outcome: str) -> None:
        """Counts one warning, and shows it if it is one of the first three of its reason.

        Args:
            reason: short and countable, e.g. ``"invalid UTF-8"``.
            where: file, member, and offset or line.
            outcome: what becomes of it, e.g. ``"line left out"``.
        """
        self.counts[reason] += 1
        self.first.setdefault(reason, where)
        if self.counts[reason] <= _SHOWN:
            self._warn(f"{where}: {reason}; {outcome}")

    def finish(self) -> None:
        """Says the sum of each reason that was not shown each time; a second call says nothing."""
        for reason, count in self.counts.items():
            if count > _SHOWN and reason not in self._said:
                self._said.add(reason)
                self._warn(
                    f"{reason}: {count:,} times, first at {self.first[reason]}; only the first {_SHOWN} are shown"
                )
