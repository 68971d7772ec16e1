"""What a face does: the active Action Units, how strongly, on which side; and a random one per emotion.

Knows FACS numbers, intensities, the prototypes of emotions and what goes along with them; not how an AU looks
(`geometry`). Some expressions are honestly ambiguous: weak, incomplete, or blended with another emotion, so
that even a perfect reader of AUs names about nine in ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal, NamedTuple

from unifer.action_units import ACTION_UNITS, MARKS, PROTOTYPES
from unifer.emotions import EMOTIONS

Side = Literal["L", "R", "both"]
"""The person's own left or right, as FACS codes it: L shows on the right of the image."""


class ActiveUnit(NamedTuple):
    """One AU at an intensity in (0, 5], on one side of the face or on both."""

    number: int
    intensity: float
    side: Side = "both"


@dataclass(frozen=True, slots=True)
class Expression:
    """The active AUs of one face in rising order of number; the empty expression is a neutral face.

    Raises ValueError for an AU that is not in `ACTION_UNITS`, an intensity outside (0, 5], an unknown side,
    or an AU given twice.
    """

    units: tuple[ActiveUnit, ...] = ()

    def __post_init__(self) -> None:
        for unit in self.units:
            if unit.number not in ACTION_UNITS:
                raise ValueError(f"AU{unit.number} cannot be drawn; the AUs known are {sorted(ACTION_UNITS)}")
            if not 0 < unit.intensity <= 5:
                raise ValueError(
                    f"AU{unit.number} has intensity {unit.intensity!r}, outside (0, 5]; leave an "
                    "absent AU out"
                )
            if unit.side not in ("L", "R", "both"):
                raise ValueError(f"AU{unit.number} has side {unit.side!r}; a side is L, R or both")
        if len(set(self.numbers)) != len(self.units):
            raise ValueError(
                f"an AU is given twice in {list(self.numbers)}; give each once, side 'both' for both sides"
            )
        object.__setattr__(self, "units", tuple(sorted(self.units)))

    @classmethod
    def of(cls, intensities: Mapping[int, float], sides: Mapping[int, Side] | None = None) -> Expression:
        """`Expression.of({14: 3.0}, {14: "L"})`: from AU number -> intensity.

        The second argument gives the side of those that are one-sided.
        """
        sides = sides or {}
        return cls(tuple(ActiveUnit(n, value, sides.get(n, "both")) for n, value in intensities.items()))

    @property
    def numbers(self) -> tuple[int, ...]:
        """FACS numbers of the active AUs."""
        return tuple(unit.number for unit in self.units)

    @property
    def intensities(self) -> dict[int, float]:
        """AU number -> intensity, whatever the side."""
        return {unit.number: unit.intensity for unit in self.units}

    def on(self, side: Literal["L", "R"]) -> dict[int, float]:
        """AU number -> intensity of the AUs that show on one side of the face."""
        return {unit.number: unit.intensity for unit in self.units if unit.side in (side, "both")}

    def without(self, numbers: Iterable[int]) -> Expression:
        """The same expression with these AUs relaxed."""
        dropped = set(numbers)
        return Expression(tuple(unit for unit in self.units if unit.number not in dropped))


_COMPANIONS: MappingProxyType[str, tuple[tuple[int, float], ...]] = MappingProxyType(
    {
        "neutral": (),
        "happiness": ((26, 0.25), (13, 0.06), (7, 0.1), (11, 0.05)),
        "sadness": ((11, 0.3), (43, 0.12), (7, 0.1), (25, 0.1), (6, 0.08)),
        "surprise": ((25, 0.3), (27, 0.2), (18, 0.05)),
        "fear": ((26, 0.35), (16, 0.1), (7, 0.12), (27, 0.06)),
        "disgust": ((4, 0.25), (7, 0.2), (16, 0.15), (25, 0.15), (19, 0.06), (15, 0.15)),
        "anger": ((24, 0.3), (17, 0.25), (10, 0.15), (31, 0.2), (29, 0.12), (25, 0.1), (9, 0.08)),
        "contempt": ((12, 0.25), (24, 0.1), (2, 0.12), (7, 0.08), (10, 0.06)),
    }
)
"""Emotion -> the AUs that often join its prototype, each with its probability."""

_EXCLUDES = MappingProxyType(
    {
        27: (12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 26, 28, 29, 30, 31, 32),
        18: (10, 12, 13, 14, 15, 16, 19, 20, 22, 23, 24, 26, 28, 32),
        22: (10, 12, 13, 14, 15, 16, 17, 19, 20, 23, 24, 28, 32),
        28: (10, 16, 19, 20, 23, 24, 25, 26, 32),
        32: (16, 19, 20, 23, 24, 25, 26, 29),
        13: (10, 12, 14, 15, 20, 24),
        24: (16, 19, 23, 25, 26),
        31: (19, 26, 29, 30),
        43: (5, 6, 7),
        11: (9, 10),
        14: (15, 20),
        17: (16, 19),
        23: (19, 26),
        29: (30,),
    }
)

IMPOSSIBLE = frozenset(frozenset((number, other)) for number, others in _EXCLUDES.items() for other in others)
"""Pairs of AUs that one face cannot show together, or that hide each other."""

_BLENDS, _TRACES = 0.08, 0.1
"""Shares of the faces that mix two emotions, and that show hardly anything."""

_ONE_SIDED = (2, 10, 12, 14, 30)
"""AUs that a face often shows on one side only."""


def sample_expression(emotion: str, rng: Random) -> Expression:
    """A random expression of a canonical emotion, four in five of them clear.

    The others are traces, blends, or have a stray AU. Raises KeyError for a name that is not in `EMOTIONS`.
    """
    intensities, kind = _clear(emotion, rng), rng.random()
    if kind < _BLENDS:
        intensities = _blend(emotion, intensities, rng)
    elif kind < _BLENDS + _TRACES:
        intensities = _trace(emotion, rng)
    if rng.random() < 0.12:
        _join(intensities, {rng.choice(tuple(ACTION_UNITS)): rng.uniform(0.5, 1.6)})
    return _rounded(intensities, _sides(emotion, intensities, rng))


def sample_free(rng: Random) -> Expression:
    """A free combination of up to six AUs that one face can show together; one in twenty shows none."""
    wanted = 0 if rng.random() < 0.05 else rng.randint(1, 6)
    intensities: dict[int, float] = {}
    for number in rng.sample(tuple(ACTION_UNITS), 12):
        if len(intensities) < wanted and not (
            number in (12, 15) and {12, 15} & set(intensities) and rng.random() < 0.8
        ):
            _join(intensities, {number: rng.uniform(0.8, 5.0)})
    sides: dict[int, Side] = {
        n: rng.choice(("L", "R")) for n in intensities if n in _ONE_SIDED and (n == 30 or rng.random() < 0.3)
    }
    return _rounded(intensities, sides)


def _clear(emotion: str, rng: Random) -> dict[int, float]:
    """The prototype with its companions: most distinguishing AUs kept, the others dropped now and then."""
    prototype, core = PROTOTYPES[emotion], MARKS[emotion]
    level = rng.triangular(1.4, 5.0, 3.4)
    shown_units = [n for n in prototype if rng.random() > (0.06 if n in core else 0.16)]
    if prototype and not set(shown_units) & set(core):
        shown_units.append(rng.choice(core))
    intensities = {n: level + rng.uniform(-1.1, 1.1) for n in shown_units}
    for number, probability in _COMPANIONS[emotion]:
        if rng.random() < probability:
            _join(intensities, {number: 0.8 * level + rng.uniform(-1.0, 1.0)})
    return intensities


def _trace(emotion: str, rng: Random) -> dict[int, float]:
    """One or two weak AUs of the prototype.

    On a neutral face, of any emotion's: the face at rest that looks like something.
    """
    prototype = PROTOTYPES[emotion] or PROTOTYPES[rng.choice(EMOTIONS[1:])]
    chosen = rng.sample(prototype, min(len(prototype), rng.randint(1, 2)))
    return {n: rng.uniform(0.5, 1.9) for n in chosen}


def _blend(emotion: str, own: dict[int, float], rng: Random) -> dict[int, float]:
    """The expression incomplete, and mixed with an incomplete one of another emotion.

    A neutral face keeps to traces.
    """
    if emotion == "neutral":
        return _trace(emotion, rng)
    other = rng.choice([name for name in EMOTIONS[1:] if name != emotion])
    own_units = rng.sample(sorted(own), max(1, round(0.6 * len(own))))
    if not set(own_units) & set(PROTOTYPES[emotion]):
        own_units.append(rng.choice(PROTOTYPES[emotion]))
    mixed = {n: 0.8 * own.get(n, 2.0) for n in own_units}
    _join(mixed, {n: 0.8 * value for n, value in _clear(other, rng).items() if rng.random() < 0.7})
    return mixed


def _join(intensities: dict[int, float], more: dict[int, float]) -> None:
    """Add the AUs that are absent and possible beside those present."""
    for number, value in more.items():
        if number not in intensities and not any(
            frozenset((number, other)) in IMPOSSIBLE for other in intensities
        ):
            intensities[number] = value


def _sides(emotion: str, intensities: dict[int, float], rng: Random) -> dict[int, Side]:
    """Contempt is mostly one-sided, its AU12 on the side of its AU14; other faces seldom are.

    A jaw moves to one side.
    """
    side: Side = "L" if rng.random() < 0.5 else "R"
    lopsided = rng.random() < (0.85 if emotion == "contempt" else 0.05)
    return {n: side for n in intensities if n == 30 or (lopsided and n in _ONE_SIDED)}


def _rounded(intensities: dict[int, float], sides: dict[int, Side]) -> Expression:
    """Intensities to one decimal within [0.5, 5], so that they survive a text file."""
    return Expression.of({n: round(min(5.0, max(0.5, value)), 1) for n, value in intensities.items()}, sides)
