"""What a sheet's `details` hold for its figures, read by shape: what is not there, or odd, gives no points.

The measures write different details, and later versions may write others, so nothing here raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.proportions import wilson
from unifer.report.trust.drawings import RatePoint, ReferenceLine
from unifer.report.trust.wording import is_share

_VALUES = ("value", "uar", "accuracy")
"""Keys of a mapping that hold its value, the first that is there."""
_NAMES = ("name", "group")


def number(raw: Any) -> float | None:
    """`raw` as a finite number; None where it is none."""
    plain = isinstance(raw, int | float) and not isinstance(raw, bool)
    return float(raw) if plain and math.isfinite(raw) else None


def inner(raw: Any, key: str) -> Any:
    """What a mapping holds under `key`; None where it is no mapping, or lacks it."""
    return raw.get(key) if isinstance(raw, Mapping) else None


def rows(raw: Any, key: str) -> list[Mapping[str, Any]]:
    """The mappings in the list that `raw` holds under `key`; empty where there is none."""
    listed = inner(raw, key)
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list | tuple) else []


def point(name: str, raw: Any, x: float = 0.0) -> RatePoint | None:
    """A number, `[hits, n]`, `[value, low, high]`, or a mapping with a value, its bounds and n, as a point.

    `[hits, n]`, two whole numbers, is a share with Wilson's interval.
    """
    if isinstance(raw, Mapping):
        value = next((raw[key] for key in _VALUES if key in raw), None)
        parts = [*_listed(value), raw.get("low"), raw.get("high")][:3]
        count = raw.get("n")
    else:
        parts, count = _listed(raw), None
        if len(parts) == 2 and all(type(part) is int for part in parts) and 0 <= parts[0] <= parts[1] > 0:
            hits, n = parts
            return RatePoint(name, hits / n, *wilson(hits, n), n, x)
    value, low, high = (number(part) for part in (*parts[:3], None, None, None)[:3])
    if value is None:
        return None
    whole, n = low is not None and high is not None, number(count)
    return RatePoint(
        name, value, low if whole else None, high if whole else None, None if n is None else int(n), x
    )


def _listed(raw: Any) -> list[Any]:
    return list(raw) if isinstance(raw, Sequence) and not isinstance(raw, str) else [raw]


def points(raw: Any) -> list[RatePoint]:
    """The points of a mapping from names, or of a list of mappings that name themselves."""
    return [each for name, value in _named(raw) if (each := point(name, value)) is not None]


def series(raw: Any) -> list[tuple[str, list[RatePoint]]]:
    """Name -> rate -> value, turned into a series of points per rate, in the order of the rates."""
    by_rate: dict[str, list[RatePoint]] = {}
    for name, rates in _named(raw):
        for rate, value in rates.items() if isinstance(rates, Mapping) else ():
            if (each := point(name, value)) is not None:
                by_rate.setdefault(str(rate), []).append(each)
    return list(by_rate.items())


def _named(raw: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(raw, Mapping):
        yield from ((str(name), value) for name, value in raw.items())
    for row in raw if isinstance(raw, list | tuple) else ():
        name = next((inner(row, key) for key in _NAMES if inner(row, key) is not None), None)
        if name is not None:
            yield str(name), row


def rate_line(sheet: Sheet, name: str, *, label: str | None = None) -> list[ReferenceLine]:
    """The rate `name` of the sheet as a line to read others against; empty where it has none."""
    rate = sheet.rate(name)
    return [] if rate is None or rate.value is None else [ReferenceLine(label or name, rate.value)]


def rate_point(rate: TrustRate) -> RatePoint | None:
    """A share of the sheet as a point; None for what has no value or is no share."""
    if rate.value is None or not is_share(rate):
        return None
    return RatePoint(rate.name, rate.value, rate.low, rate.high, rate.n)
