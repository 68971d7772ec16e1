"""A rule-based reader of Action Units: a set of AUs -> the emotion that FACS prototypes make of it.

The yardstick of counterfactual faces: an AU is core on a face if the reader answers otherwise without it.
Knows AUs alone; no faces, no intensities and no replies.

The rule, in words:
- The agreement of a set with an emotion is the F1 of the set and the emotion's prototype, in which each of
  the emotion's marks (`action_units.MARKS`) counts `MARK_WEIGHT` times and any other AU once.
- The emotion of the highest agreement is the answer; below `LEAST_AGREEMENT` it is neutral.
- An answer is clear where an emotion leads the next one by `CLEAR_LEAD`, or where a neutral face agrees with
  none beyond `MOST_OF_NEUTRAL`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from unifer.action_units import MARKS, PROTOTYPES

MARK_WEIGHT = 3
LEAST_AGREEMENT = 0.6
CLEAR_LEAD = 0.15
MOST_OF_NEUTRAL = 0.5
NEUTRAL = "neutral"


class UnitReading(NamedTuple):
    """The canonical emotion that a set of AUs is read as, and whether the rule is sure of it."""

    emotion: str
    clear: bool


def read_units(units: Collection[int]) -> UnitReading:
    """The reading of a set of FACS numbers; AUs of no prototype count against every emotion alike."""
    return _read(frozenset(units))


def agreement(units: Collection[int], emotion: str) -> float:
    """Weighted F1 of `units` and the prototype of a canonical `emotion`, in [0, 1]; 0 for neutral."""
    prototype, marks = PROTOTYPES[emotion], MARKS[emotion]

    def weight(numbers: Collection[int]) -> int:
        return sum(MARK_WEIGHT if number in marks else 1 for number in numbers)

    total = weight(prototype) + weight(units)
    return 2 * weight([number for number in units if number in prototype]) / total if total else 0.0


def core_units(units: Collection[int]) -> frozenset[int]:
    """The AUs of a set whose removal, each alone, changes the reading."""
    own = read_units(units).emotion
    return frozenset(number for number in units if read_units(set(units) - {number}).emotion != own)


@lru_cache(maxsize=4096)
def _read(units: frozenset[int]) -> UnitReading:
    ranked = sorted(((agreement(units, name), name) for name in PROTOTYPES if name != NEUTRAL), reverse=True)
    (best, emotion), (second, _) = ranked[:2]
    if best < LEAST_AGREEMENT:
        return UnitReading(NEUTRAL, best < MOST_OF_NEUTRAL)
    return UnitReading(emotion, best - second >= CLEAR_LEAD)
