"""What layers let be seen of their insides while someone looks: attention weights, slots that experts drop."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

_seen: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("seen", default=None)


@contextlib.contextmanager
def observing() -> Iterator[dict[str, Any]]:
    """Collects what layers show in the block, by the path of the layer and the name of the value.

    Run the model eagerly, or look within the traced function: its tensors cannot be read outside of it.

    Example:
        >>> with observing() as seen:
        ...     show("decoder/attention", "weights", 0.5)
        >>> seen
        {'decoder/attention/weights': 0.5}
    """
    seen: dict[str, Any] = {}
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


def show(path: str, name: str, value: Any) -> None:
    """Shows a value of the layer at `path`; nothing is kept unless someone is `observing`."""
    seen = _seen.get()
    if seen is not None:
        seen[f"{path}/{name}"] = value
