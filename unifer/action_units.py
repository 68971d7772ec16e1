"""The Facial Action Coding System: Action Units (AUs), where they show, which emotion they are typical of.

Knows the coding system alone: not how an AU is drawn (`prepare/faces`), nor how a reply mentions one
(`dialogue/au_mentions`).

Sources: numbers and names follow the FACS manual (Ekman, Friesen and Hager, 2002). The prototypes are the
emotion combinations of its investigator's guide (EMFACS), reduced to the AUs that distinguish one emotion
from the others.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from types import MappingProxyType
from typing import Literal, NamedTuple

Region = Literal["brows", "eyes", "nose and cheeks", "mouth", "jaw"]

REGIONS: tuple[Region, ...] = ("brows", "eyes", "nose and cheeks", "mouth", "jaw")

INTENSITIES = "ABCDE"
"""FACS intensity letters, from A (trace, 1) to E (maximum, 5)."""


class ActionUnit(NamedTuple):
    """One Action Unit: its FACS number, its name, and the part of the face in which it shows."""

    number: int
    name: str
    region: Region


_TABLE = (
    ActionUnit(1, "inner brow raiser", "brows"),
    ActionUnit(2, "outer brow raiser", "brows"),
    ActionUnit(4, "brow lowerer", "brows"),
    ActionUnit(5, "upper lid raiser", "eyes"),
    ActionUnit(6, "cheek raiser", "eyes"),
    ActionUnit(7, "lid tightener", "eyes"),
    ActionUnit(9, "nose wrinkler", "nose and cheeks"),
    ActionUnit(10, "upper lip raiser", "nose and cheeks"),
    ActionUnit(11, "nasolabial deepener", "nose and cheeks"),
    ActionUnit(12, "lip corner puller", "mouth"),
    ActionUnit(13, "sharp lip puller", "mouth"),
    ActionUnit(14, "dimpler", "mouth"),
    ActionUnit(15, "lip corner depressor", "mouth"),
    ActionUnit(16, "lower lip depressor", "mouth"),
    ActionUnit(17, "chin raiser", "jaw"),
    ActionUnit(18, "lip pucker", "mouth"),
    ActionUnit(19, "tongue show", "mouth"),
    ActionUnit(20, "lip stretcher", "mouth"),
    ActionUnit(22, "lip funneler", "mouth"),
    ActionUnit(23, "lip tightener", "mouth"),
    ActionUnit(24, "lip pressor", "mouth"),
    ActionUnit(25, "lips part", "mouth"),
    ActionUnit(26, "jaw drop", "jaw"),
    ActionUnit(27, "mouth stretch", "jaw"),
    ActionUnit(28, "lip suck", "mouth"),
    ActionUnit(29, "jaw thrust", "jaw"),
    ActionUnit(30, "jaw sideways", "jaw"),
    ActionUnit(31, "jaw clencher", "jaw"),
    ActionUnit(32, "lip bite", "mouth"),
    ActionUnit(43, "eyes closed", "eyes"),
)

ACTION_UNITS = MappingProxyType({unit.number: unit for unit in _TABLE})
"""The AUs that prompts, rewards and faces speak of, by FACS number."""

FACS_NUMBERS = frozenset(
    (*range(1, 3), *range(4, 47), *range(50, 59), *range(61, 70), 80, 81, 82, 84, 85, 91, 92, 97, 98)
)
"""Every number that FACS gives to an action unit or descriptor; anything else is a coding error."""

PROTOTYPES = MappingProxyType(
    {
        "neutral": (),
        "happiness": (6, 12, 25),
        "sadness": (1, 4, 15, 17),
        "surprise": (1, 2, 5, 26),
        "fear": (1, 2, 4, 5, 20, 25),
        "disgust": (9, 10, 17),
        "anger": (4, 5, 7, 23),
        "contempt": (14,),
    }
)
"""Canonical emotion -> the AUs that are prototypical of it. Contempt's AU14 is one-sided."""

MARKS = MappingProxyType(
    {
        "neutral": (),
        "happiness": (12,),
        "sadness": (1, 15),
        "surprise": (2, 26),
        "fear": (4, 20),
        "disgust": (9, 10),
        "anger": (4, 23),
        "contempt": (14,),
    }
)
"""Canonical emotion -> those of its prototype that tell it from the other emotions.

Drawn faces drop them less often than the rest of the prototype.
"""


def name(number: int) -> str:
    """`name(12)` -> `"lip corner puller"`. Raises KeyError for a number outside `ACTION_UNITS`."""
    return ACTION_UNITS[number].name


def letter(intensity: float) -> str:
    """FACS letter of an intensity in (0, 5]: `letter(2.6)` -> `"C"` (the steps are A 1, B 2, C 3, D 4, E 5).

    Raises ValueError outside that range: an AU of intensity 0 is absent and has no letter.
    """
    if not 0 < intensity <= 5:
        raise ValueError(f"AU intensity {intensity!r} is outside (0, 5]; 0 means absent, A=1 ... E=5")
    return INTENSITIES[max(1, round(intensity)) - 1]


def f1(claimed: Collection[Hashable], gold: Collection[Hashable]) -> float:
    """F1 of two sets of AUs, in [0, 1], for reward, filter and metric: 2 |both| / (|claimed| + |shown|).

    1 where both are empty.
    """
    total = len(claimed) + len(gold)
    return 2 * len(set(claimed) & set(gold)) / total if total else 1.0
