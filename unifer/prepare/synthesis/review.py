"""Synthesised test rows before a person, and that person's verdicts.

`review.jsonl`, the verdicts by row, and the rows that were accepted. Knows rows and verdicts; the page that
asks is `report/page/review`. A verdict counts for the very file that it was given on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from unifer import fields, files, runs
from unifer.errors import InputError
from unifer.records import CoTRow, Json

FILE = "review.jsonl"
VERDICTS = ("accepted", "rejected")
_NAMED = 3


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A synthesised row for a person to judge.

    It has an id, the known label (None: AUs alone are known), and what a reader should know of its reply.
    """

    row: CoTRow
    label: str | None
    faults: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return str(self.row.id)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        fields.check(raw, ("image_path", "question", "response", "id", "label"), (*_OF_A_COT_ROW, "faults"))
        faults = raw.get("faults") or []
        if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
            raise ValueError(f"'faults' must be a list of texts, not {fields.short(faults)}")
        row = CoTRow.from_json({key: value for key, value in raw.items() if key not in ("label", "faults")})
        if row.id is None:
            raise ValueError("'id' is null: a verdict names its row by it")
        return cls(row, fields.optional_text(raw, "label"), tuple(faults))

    def to_json(self) -> Json:
        return self.row.to_json() | {"label": self.label, "faults": list(self.faults)}


_OF_A_COT_ROW = ("dataset", "candidate_labels", "AUs", "provenance")


def read_review(path: Path) -> list[ReviewRow]:
    """The rows of a review file, ids unique. Raises InputError."""
    rows = list(files.read_records(path, ReviewRow.from_json, key=lambda row: row.key))
    if not rows:
        raise InputError(f"{path}: holds no row to review")
    return rows


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """The rows that a person accepted, those rejected, and those without a verdict."""

    accepted: tuple[ReviewRow, ...]
    rejected: tuple[ReviewRow, ...]
    undecided: tuple[ReviewRow, ...]

    def counts(self) -> Json:
        return {
            "accepted": len(self.accepted),
            "rejected": len(self.rejected),
            "undecided": len(self.undecided),
        }

    def rows(self) -> list[CoTRow]:
        """The accepted rows, as CoT rows that say so."""
        return [
            replace(each.row, provenance=(each.row.provenance or {}) | {"reviewed": True})
            for each in self.accepted
        ]


def read_verdicts(
    path: Path, reviewed: Path, rows: Sequence[ReviewRow], *, partial: bool = False
) -> ReviewResult:
    """What the verdicts of `path` say of `rows`, the rows of the file `reviewed`.

    Raises InputError: no verdicts, verdicts on another file, a verdict on a row that is not there, one that
    is neither of `VERDICTS`, and rows without any unless `partial`.
    """
    verdicts = _verdicts(path, reviewed)
    known = {row.key for row in rows}
    strange = [key for key in verdicts if key not in known]
    if strange:
        raise InputError(
            f"{path}: speaks of {_some(strange)}, not in {reviewed}; give the verdicts that its own "
            "page saved"
        )
    undecided = [row.key for row in rows if row.key not in verdicts]
    if undecided and not partial:
        raise InputError(
            f"{path}: has no verdict on {_some(undecided)} of the {len(rows):,} rows of {reviewed}; "
            "judge them on the page and save again, or give --partial to go on without them"
        )
    return ReviewResult(
        *(tuple(row for row in rows if verdicts.get(row.key) == verdict) for verdict in (*VERDICTS, None))
    )


def _verdicts(path: Path, reviewed: Path) -> Mapping[str, str]:
    remedy = "give the file that the page saved"
    content = files.read_json(path, remedy)
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("file"), dict)
        or not isinstance(content.get("verdicts"), dict)
    ):
        raise InputError(f"{path}: holds no verdicts ('file' and 'verdicts' are needed); {remedy}")
    said, there = content["file"].get("sha256"), runs.describe_file(reviewed)["sha256"]
    if said != there:
        raise InputError(
            f"{path}: its verdicts are on another file, {content['file'].get('name')!r} with SHA-256 "
            f"{str(said)[:12]}..., and {reviewed} has {there[:12]}...; give the file that was "
            "reviewed, or write a new page and review this one"
        )
    for key, verdict in content["verdicts"].items():
        if verdict not in VERDICTS:
            raise InputError(
                f"{path}: the verdict on {key!r} is {fields.short(verdict)}; allowed are "
                f"{' and '.join(VERDICTS)}"
            )
    verdicts: Mapping[str, str] = content["verdicts"]
    return verdicts


def _some(keys: Sequence[str]) -> str:
    named = ", ".join(map(repr, keys[:_NAMED]))
    return f"{len(keys):,} row{'s'[: len(keys) > 1]} ({named}{', ...' if len(keys) > _NAMED else ''})"
