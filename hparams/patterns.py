"""Patterns of variable names as hparams write them."""

from __future__ import annotations

import difflib
import fnmatch
import math
from collections.abc import Iterable, Sequence

from t2t_multimodel.errors import HParamsError


def parse_factors(text: str, hparam: str) -> dict[str, float]:
    """Factors by pattern from ``pattern:factor|pattern:factor``.

    Args:
        text: the hparam's value.
        hparam: its name, for messages.

    Raises:
        HParamsError: an item has no factor, or one below 0 or not finite.

    Example:
        parse_factors("encoder/*:0.1|symbol/*:2", "optimizer.rate_factors")
    """
    factors = {}
    for item in filter(None, text.split("|")):
        pattern, _, value = item.rpartition(":")
        try:
            factors[pattern] = float(value)
        except ValueError:
            factors[pattern] = math.nan
        if not pattern or not 0 <= factors[pattern] < math.inf:
            raise HParamsError(f"{hparam} item {item!r} is not pattern:factor with a factor of 0 or more; write one")
    return factors


def matching(patterns: Iterable[str], names: Sequence[str], hparam: str) -> dict[str, str]:
    """The names that a pattern matches, each with the last pattern that does; ``*`` also matches slashes.

    Args:
        patterns: as `fnmatch` takes them.
        names: of the variables.
        hparam: whose patterns these are, for messages.

    Raises:
        HParamsError: a pattern matches nothing; the nearest names are suggested.

    Example:
        >>> matching(["encoder/*"], ["encoder/a/kernel", "decoder/a/kernel"], "optimizer.freeze")
        {'encoder/a/kernel': 'encoder/*'}
    """
    found = {}
    for pattern in patterns:
        hits = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if not hits:
            raise HParamsError(f"{hparam}: no variable's name matches {pattern!r}; {_near(pattern, names)}")
        found |= dict.fromkeys(hits, pattern)
    return found


def _near(pattern: str, names: Sequence[str]) -> str:
    folders = dict.fromkeys(f"{name[:at]}/*" for name in names for at, sign in enumerate(name) if sign == "/")
    near = difflib.get_close_matches(pattern, [*folders, *names], n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"names begin with {', '.join(dict.fromkeys(name.partition('/')[0] + '/' for name in names))}"
