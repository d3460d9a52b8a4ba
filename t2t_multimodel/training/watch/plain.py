"""The lines of a training where no terminal shows them in place."""

from __future__ import annotations

import sys

from t2t_multimodel.training.watch.intervals import Interval


def format_seconds(seconds: float) -> str:
    """``h:mm:ss`` or ``m:ss``.

    Example:
        >>> format_seconds(3661.0), format_seconds(61.0)
        ('1:01:01', '1:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_line(interval: Interval) -> str:
    """An interval as one line."""
    problems = interval.problems.items()
    losses = " ".join(f"{name} {values.loss:.2f}" for name, values in problems)
    skipped = " ".join(f"{name} {values.skipped}" for name, values in problems if values.skipped)
    dropped = " ".join(f"{name} {values.dropped:.1%}" for name, values in problems if values.dropped)
    return (
        f"step {interval.step}/{interval.train_steps}  {interval.targets_per_second:.0f} targets/s"
        f"  {interval.steps_per_second:.2f} steps/s  left {format_seconds(interval.seconds_left)}  loss: {losses}"
        + (f"  skipped: {skipped}" if skipped else "")
        + (f"  dropped by experts: {dropped}" if dropped else "")
    )


def print_line(interval: Interval) -> None:
    """Writes an interval to stderr as one line."""
    print(format_line(interval), file=sys.stderr, flush=True)
