"""Values of a YAML mapping, each checked when it is taken out. Every function raises ValueError naming key,
value and what is allowed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from unifer.records import Json

C = TypeVar("C", bound=str)


def table(raw: Any, allowed: Sequence[str], called: str) -> Json:
    """`raw` as a mapping whose keys are all among `allowed`."""
    if not isinstance(raw, dict):
        raise ValueError(f"{called} must be a mapping with {', '.join(allowed)}, not {_short(raw)}")
    for key in raw:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{called} has an unknown key {key!r}{hint}; allowed are {', '.join(allowed)}")
    return raw


def text(given: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A non-empty string."""
    value = given.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key!r} must be a non-empty string, not {_short(value)}")
    return value


def texts(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of strings; numbers in it are written out, as a command line has them. Absent: empty."""
    value = given.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str | int | float) for item in value):
        raise ValueError(f"{key!r} must be a list of strings, not {_short(value)}")
    return tuple(str(item) for item in value)


def truth(given: Mapping[str, Any], key: str, default: bool) -> bool:
    """true or false."""
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise ValueError(f"{key!r} must be true or false, not {_short(value)}")
    return value


def whole(given: Mapping[str, Any], key: str, default: int, *, at_least: int) -> int:
    """A whole number."""
    value = given.get(key, default)
    if type(value) is not int or value < at_least:
        raise ValueError(f"{key!r} must be a whole number from {at_least}, not {_short(value)}")
    return value


def number(
    given: Mapping[str, Any],
    key: str,
    default: float | None = None,
    *,
    above: float | None = None,
    at_least: float | None = None,
) -> float:
    """A finite number within its bounds."""
    value = given.get(key, default)
    low = at_least if at_least is not None else above
    limit = "" if low is None else f" {'from' if at_least is not None else 'above'} {low:g}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key!r} must be a number{limit}, not {_short(value)}")
    if (above is not None and value <= above) or (at_least is not None and value < at_least):
        raise ValueError(f"{key!r} must be a number{limit}, not {_short(value)}")
    return float(value)


def one_of(given: Mapping[str, Any], key: str, allowed: Sequence[C], default: C) -> C:
    """One of a few words."""
    value = given.get(key, default)
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{key!r} is {_short(value)}{hint}; allowed are {', '.join(allowed)}")
    return next(word for word in allowed if word == value)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
