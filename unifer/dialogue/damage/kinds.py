"""The damages by name: the quantity that sets each of five levels, and how people write them down.

Knows names, numbers and file names; no pixels (`effects`). Level 0 is the picture untouched.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer.errors import InputError
from unifer.records import Json

VERSION = "fer-damage-1"
"""Changes whenever a damage would give other pixels; written in every manifest of a damaged run."""
KEY = "damage"
"""Key of the identity of a run over damaged pictures."""
LEVELS = (1, 2, 3, 4, 5)
ALL = "all"
"""The whole grid: the pictures untouched, then every damage at every level."""


@dataclass(frozen=True)
class DamageKind:
    """One damage: the quantity that its levels set, its unit, their values, and where a person meets it."""

    quantity: str
    unit: str
    values: tuple[float, float, float, float, float]
    occurs: str

    def text(self, level: int) -> str:
        """`radius 3 % of the short side`."""
        return f"{self.quantity} {self.values[level - 1]:g}{self.unit}"


_SIDE = " % of the short side"
KINDS: Mapping[str, DamageKind] = {
    "lowres": DamageKind("short side", " px", (48, 32, 24, 16, 12), "a small face in a wide shot"),
    "jpeg": DamageKind("JPEG quality", "", (40, 25, 15, 10, 5), "a picture sent on and on"),
    "defocus": DamageKind("radius", _SIDE, (1, 2, 3, 4, 6), "a lens focused elsewhere"),
    "motion": DamageKind("path", _SIDE, (2, 4, 6, 9, 12), "a head or camera that moves"),
    "noise": DamageKind("SNR", " dB", (25, 20, 15, 10, 5), "a dark room, a small sensor"),
    "dark": DamageKind("exposure", " EV", (-1, -2, -3, -4, -5), "a lamp too few"),
    "glare": DamageKind("veil against white", " EV", (-3, -2, -1, 0, 1), "a lamp or window beside the face"),
    "occlude-eyes": DamageKind("bar", " % of the height", (6, 10, 14, 18, 24), "glasses, hair, a hand"),
    "occlude-mouth": DamageKind("bar", " % of the height", (8, 14, 20, 28, 36), "a hand, a cup, a mask"),
    "rotate": DamageKind("turn", " degrees", (10, 20, 30, 45, 60), "a tilted head, a phone held askew"),
    "crop": DamageKind(
        "cut", " % of width and height", (5, 10, 15, 20, 30), "a detector's box beside the face"
    ),
}
_TAG = re.compile(r"\.damage-([a-z-]+)-([1-5])(?=\.)")
_WRITTEN = re.compile(r"([a-z-]+)(?::([0-9]{1,9}))?")


@dataclass(frozen=True)
class Damage:
    """One damage at one level. Raises ValueError for a name or level that does not exist."""

    name: str
    level: int

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ValueError(f"there is no damage {self.name!r}; there are {', '.join(KINDS)}")
        if self.level not in LEVELS:
            raise ValueError(f"{self.name} has levels 1 to 5, not {self.level}")

    def __str__(self) -> str:
        return f"{self.name}:{self.level}"

    @property
    def value(self) -> float:
        """The quantity of its kind at this level."""
        return KINDS[self.name].values[self.level - 1]

    @property
    def text(self) -> str:
        """`defocus:3 (radius 3 % of the short side)`."""
        return f"{self} ({KINDS[self.name].text(self.level)})"

    def to_json(self) -> Json:
        return {"version": VERSION, "name": self.name, "level": self.level, "value": self.value}

    @classmethod
    def from_json(cls, row: Json) -> Damage:
        """Raises ValueError or KeyError for anything that `to_json` did not write."""
        return cls(row["name"], row["level"])

    def path(self, out: Path) -> Path:
        """Where its rows lie, beside those of the clean run: `M.jsonl` -> `M.damage-jpeg-2.jsonl`."""
        return out.with_name(f"{out.stem}.damage-{self.name}-{self.level}{out.suffix}")


GRID = tuple(Damage(name, level) for name in KINDS for level in LEVELS)
"""Every damage at every level."""


def damage_in(path: Path) -> Damage | None:
    """The damage that a results file is named after; None for the file of untouched pictures."""
    match = _TAG.search(path.name)
    return Damage(match[1], int(match[2])) if match and match[1] in KINDS else None


def damage_of(identity: Mapping[str, object]) -> str | None:
    """The damage that a manifest's identity names, as text for people; None: the pictures are untouched."""
    named = identity.get(KEY)
    if named is None:
        return None
    if isinstance(named, dict):
        return f"{named.get('name')}:{named.get('level')}"
    return str(named)


def parse_damages(texts: Sequence[str], flag: str = "--damage") -> tuple[Damage | None, ...]:
    """The damages that `defocus:3`, `jpeg` (its five levels) and `all` mean, each once; None is level 0.

    No text means level 0 alone. Raises InputError: no such damage (the nearest name is given), no such level,
    other text.
    """
    damages: dict[Damage | None, None] = {} if texts else {None: None}
    for text in texts:
        damages |= dict.fromkeys(_parsed(text, flag))
    return tuple(damages)


def _parsed(text: str, flag: str) -> tuple[Damage | None, ...]:
    match = _WRITTEN.fullmatch(text.strip().lower())
    if match is None:
        raise InputError(
            f"{flag} {text}: NAME:LEVEL is expected, such as defocus:3, NAME for its five levels, or {ALL}; "
            f"there are {', '.join(KINDS)}"
        )
    name, level = match[1], match[2]
    if name == ALL and level is None:
        return (None, *GRID)
    if name not in KINDS:
        near = difflib.get_close_matches(name, [*KINDS, ALL], n=2)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            f"{flag} {text}: there is no such damage; {hint}there are {', '.join(KINDS)}, and {ALL}"
        )
    if level is None:
        return tuple(Damage(name, each) for each in LEVELS)
    if int(level) not in (0, *LEVELS):
        raise InputError(
            f"{flag} {text}: {name} has levels 1 to 5 and 0, the picture untouched; "
            f"5 is {KINDS[name].text(5)}"
        )
    return (Damage(name, int(level)) if int(level) else None,)
