"""What a face does: the active Action Units, how strongly, and on which side.

Knows FACS numbers and intensities alone: not how an AU looks (`geometry`), nor which emotion it belongs to
(`sampling`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from unifer.action_units import ACTION_UNITS

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
        """`Expression.of({14: 3.0}, {14: "L"})`: from AU number -> intensity, and the side of those that are
        one-sided.
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
