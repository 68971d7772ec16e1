"""What a sheet's `details` hold for its figures, read by shape: what is not there, or odd, gives no points.

The measures write different details, and later versions may write others, so nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.report.trust.drawings import RatePoint, ReferenceLine

_VALUES = ("value", "uar", "accuracy", "rate", "share", "recall")
_BOUNDS = ("interval", "ci95", "bounds")


def number(raw: Any) -> float | None:
    """`raw` as a finite number; None where it is none."""
    plain = isinstance(raw, int | float) and not isinstance(raw, bool)
    return float(raw) if plain and math.isfinite(raw) else None


def point(name: str, raw: Any, x: float = 0.0) -> RatePoint | None:
    """A number, `[value, low, high]` with or without n behind, or a mapping of such, as a point."""
    if isinstance(raw, Mapping):
        value = next((raw[key] for key in _VALUES if key in raw), None)
        low, high = next(
            (raw[key] for key in _BOUNDS if _pair(raw.get(key))), (raw.get("low"), raw.get("high"))
        )
        parts = [value, low, high, raw.get("n")]
    else:
        parts = list(raw) if isinstance(raw, Sequence) and not isinstance(raw, str) else [raw]
    read = [number(part) for part in (*parts[:4], None, None, None, None)[:4]]
    value, low, high, n = read
    if value is None:
        return None
    whole = low is not None and high is not None
    return RatePoint(name, value, low if whole else None, high if whole else None, n and int(n), x)


def _pair(raw: Any) -> bool:
    return isinstance(raw, Sequence) and not isinstance(raw, str) and len(raw) == 2


def points(raw: Any) -> list[RatePoint]:
    """The points of a mapping from names, or of a list of mappings that name themselves."""
    return [each for name, inner in _named(raw) if (each := point(name, inner)) is not None]


def series(raw: Any) -> list[tuple[str, list[RatePoint]]]:
    """Name -> rate -> value, turned into a series of points per rate; one series where names hold values."""
    own = points(raw)
    if own:
        return [("", own)]
    by_rate: dict[str, list[RatePoint]] = {}
    for name, inner in _named(raw):
        if isinstance(inner, Mapping):
            for rate, value in inner.items():
                each = point(name, value) if not isinstance(value, str | int) else None
                if each is not None:
                    by_rate.setdefault(str(rate), []).append(each)
    return list(by_rate.items())


def _named(raw: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(raw, Mapping):
        yield from ((str(name), inner) for name, inner in raw.items())
    elif isinstance(raw, Sequence) and not isinstance(raw, str):
        for inner in raw:
            if isinstance(inner, Mapping) and "name" in inner:
                yield str(inner["name"]), inner


def rate_line(sheet: Sheet, name: str, *, label: str | None = None) -> list[ReferenceLine]:
    """The rate `name` of the sheet as a line to read others against; empty where it has none."""
    rate = sheet.rate(name)
    return [] if rate is None or rate.value is None else [ReferenceLine(label or name, rate.value)]


def rate_point(rate: TrustRate) -> RatePoint | None:
    """A share of the sheet as a point; None for what has no value or is no share."""
    if rate.value is None or rate.unit != "share" or abs(rate.value) > 1:
        return None
    return RatePoint(rate.name, rate.value, rate.low, rate.high, rate.n)
