"""Families of counterfactual faces: faces that differ in one thing each, and the file that says in what.

`families.jsonl` lies beside the question file of such faces, a row per face. Knows the rows; how faces are
drawn is `prepare/counterfactuals`, what models make of them `evaluate/trust/faithfulness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from unifer import fields, files
from unifer.emotions import EMOTIONS
from unifer.errors import InputError
from unifer.records import Json

Change = Literal[
    "base",
    "control",
    "removed",
    "added",
    "intensity",
    "person",
    "pose",
    "light",
    "glasses",
    "hair",
    "background",
]
CHANGES: tuple[Change, ...] = get_args(Change)
FAMILIES = "families.jsonl"
SIZE = 12
"""Faces of one family."""
_FIELDS = ("id", "family", "emotion", "change", "reading", "AUs")
_MORE = ("of", "AU", "core", "sides", "side_effects")


@dataclass(frozen=True, slots=True)
class CounterfactualFace:
    """One face of a family: what it shows, and in what alone it differs from the family's base face."""

    id: str
    """Of its question."""
    family: str
    emotion: str
    """Canonical, of the base face."""
    change: Change
    reading: str
    """What the rule-based reader makes of the AUs of this face; a canonical emotion."""
    intensities: Mapping[int, float]
    of: str | None = None
    """The face that it differs from; None for the base itself."""
    action_unit: int | None = None
    """The AU that was added, removed, or drawn at another intensity."""
    core: bool = False
    """The reader answers otherwise without that AU."""
    sides: Mapping[int, str] = field(default_factory=dict)
    side_effects: tuple[str, ...] = ()
    """Parts of the face beside the AU's own region that the drawing moves with it, `outline` among them."""

    @classmethod
    def from_json(cls, row: Any) -> Self:
        fields.check(row, _FIELDS, _MORE)
        change, emotion, reading = (fields.text(row, name) for name in ("change", "emotion", "reading"))
        for name, value, allowed in (
            ("change", change, CHANGES),
            ("emotion", emotion, EMOTIONS),
            ("reading", reading, EMOTIONS),
        ):
            if value not in allowed:
                raise ValueError(f"{name!r} is {value!r}; allowed are {', '.join(allowed)}")
        unit = fields.action_units([row["AU"]]) if row.get("AU") is not None else None
        if (change in ("removed", "added", "intensity")) != (unit is not None):
            raise ValueError(f"'AU' must be given where an AU was changed, and nowhere else ({change!r})")
        return cls(
            *(fields.text(row, "id"), fields.text(row, "family"), emotion),
            change=change,  # type: ignore[arg-type]
            reading=reading,
            intensities=_by_unit(row, "AUs"),
            of=fields.optional_text(row, "of"),
            action_unit=unit[0] if unit else None,
            core=bool(row.get("core", False)),
            sides=_by_unit(row, "sides"),
            side_effects=tuple(row.get("side_effects", ())),
        )

    def to_json(self) -> Json:
        row: Json = {"id": self.id, "family": self.family, "emotion": self.emotion, "change": self.change}
        if self.of is not None:
            row["of"] = self.of
        if self.action_unit is not None:
            row |= {"AU": f"AU{self.action_unit}", "core": self.core}
        row |= {"reading": self.reading, "AUs": _named(self.intensities)}
        if self.sides:
            row["sides"] = _named(self.sides)
        return row | ({"side_effects": list(self.side_effects)} if self.side_effects else {})


def _named(by_unit: Mapping[int, Any]) -> Json:
    return {f"AU{number}": value for number, value in sorted(by_unit.items())}


def _by_unit(row: Mapping[str, Any], name: str) -> dict[int, Any]:
    table = row.get(name) or {}
    if not isinstance(table, dict):
        raise ValueError(f"{name!r} must map AUs to values, not {fields.short(table)}")
    numbers = {unit: fields.action_units([unit]) for unit in table}
    return {units[0]: table[unit] for unit, units in numbers.items() if units}


@dataclass(frozen=True)
class FaceFamily:
    """A base face and the faces that differ from it in one thing each."""

    base: CounterfactualFace
    others: tuple[CounterfactualFace, ...]

    @property
    def faces(self) -> tuple[CounterfactualFace, ...]:
        return (self.base, *self.others)


def read_families(path: Path) -> list[FaceFamily]:
    """The families of a `families.jsonl`, in file order.

    Raises InputError naming the row that is no face of a family, or the family without its one base face.
    """
    rows = files.read_records(path, CounterfactualFace.from_json, key=lambda face: face.id)
    by_family: dict[str, list[CounterfactualFace]] = {}
    for face in rows:
        by_family.setdefault(face.family, []).append(face)
    families = []
    for name, faces in by_family.items():
        bases = [face for face in faces if face.change == "base"]
        strangers = [face for face in faces if face.of not in (None, *(base.id for base in bases))]
        if len(bases) != 1 or strangers:
            raise InputError(
                f"{path}: family {name!r} has {len(bases)} base faces and {len(strangers)} that differ from "
                "another face; one base is needed, of which the others name the id under 'of'. Draw them "
                "again with `unifer counterfactual --out DIR`"
            )
        families.append(FaceFamily(bases[0], tuple(face for face in faces if face is not bases[0])))
    return families
