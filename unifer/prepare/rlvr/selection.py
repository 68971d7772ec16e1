"""Which rows are kept, and why each other one is not: decided on columns alone.

Knows tables and copies of pictures; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from unifer.prepare.checks.duplicates import Copies, leaks
from unifer.prepare.checks.pictures import Fingerprints
from unifer.prepare.checks.tables import NONE, RowTable, Tables
from unifer.prepare.rlvr.shares import Group, Shares, take

REASONS = {
    "image": "its image is missing or unreadable",
    "no_label": "it has neither a known label nor AUs",
    "id": "its id stands before it in its file",
    "leak": "its picture, or a copy, is in a test file",
    "conflict": "copies of its picture are labelled otherwise",
    "duplicate": "its picture is kept already",
    "near_duplicate": "a re-encoded or cut copy is kept already",
    "mirror": "a mirrored copy is kept already",
    "shares": "left out by --balance, --mix or --count",
}
"""Reason -> what it means, in the order in which they are looked for."""

_COPY = {"exact": "duplicate", "near": "near_duplicate", "mirror": "mirror"}


@dataclass
class RowSelection:
    """For every row of the training tables, one after the other: why it is dropped.

    None: it stays. `because_of` names the place that is the cause.
    """

    tables: list[RowTable]
    reasons: list[str | None] = field(default_factory=list)
    because_of: dict[int, str] = field(default_factory=dict)

    def drop(self, row: int, reason: str, cause: str | None = None) -> None:
        self.reasons[row] = reason
        if cause:
            self.because_of[row] = cause

    def rows(self) -> Iterator[int]:
        return (row for row, reason in enumerate(self.reasons) if reason is None)


class _PooledRows:
    """The columns of several tables as one."""

    def __init__(self, tables: Tables, copies: Copies) -> None:
        self.tables = [table for table in tables.tables if not table.test]
        self.places: list[tuple[RowTable, int]] = [
            (table, position) for table in self.tables for position in range(len(table.rows))
        ]
        self.pictures = [table.pictures[position] for table, position in self.places]
        self.shows = [NONE if picture == NONE else copies.same[picture] for picture in self.pictures]
        self.groups: list[Group] = [
            (
                tables.datasets[table.datasets[at]],
                "" if table.labels[at] == NONE else tables.labels[table.labels[at]],
            )
            for table, at in self.places
        ]
        self.labels = [label for _, label in self.groups]

    def place(self, row: int) -> str:
        table, position = self.places[row]
        return table.place(position)


def select(
    tables: Tables, prints: Fingerprints | None, copies: Copies, shares: Shares
) -> tuple[RowSelection, list[Group]]:
    """What to keep of the training tables, and every row's dataset and class.

    One row is kept of each picture and its copies; rows of AUs alone are kept beside a labelled one, and
    dropped for an exact copy only, because frames of a video that differ in an AU look alike. Raises
    InputError as `shares.take`.
    """
    rows = _PooledRows(tables, copies)
    selection = RowSelection(rows.tables, [None] * len(rows.places))
    _drop_unusable(rows, selection, prints)
    _drop_leaks(tables, rows, selection, copies)
    _drop_conflicts(rows, selection, copies)
    _drop_copies(rows, selection, copies)
    groups: dict[Group, list[int]] = {}
    for row in selection.rows():
        groups.setdefault(rows.groups[row], []).append(row)
    chosen = set(take(groups, shares))
    for row in list(selection.rows()):
        if row not in chosen:
            selection.drop(row, "shares")
    return selection, rows.groups


def _drop_unusable(rows: _PooledRows, selection: RowSelection, prints: Fingerprints | None) -> None:
    ids: dict[tuple[str, int], int] = {}
    for row, (table, position) in enumerate(rows.places):
        picture, own_id = rows.pictures[row], table.ids[position]
        if picture == NONE or (prints is not None and prints.looks[picture].problem is not None):
            selection.drop(row, "image")
        elif not rows.labels[row] and not table.coded[position]:
            selection.drop(row, "no_label")
        elif own_id != NONE and ids.setdefault((table.name, own_id), row) != row:
            selection.drop(row, "id", rows.place(ids[table.name, own_id]))


def _drop_leaks(tables: Tables, rows: _PooledRows, selection: RowSelection, copies: Copies) -> None:
    tested = tables.tested("pictures")
    leaked = {pair.first: pair.second for pair in leaks(copies, set(rows.pictures) - {NONE}, tested)}
    for row in list(selection.rows()):
        if rows.pictures[row] in leaked:
            selection.drop(row, "leak", tested[leaked[rows.pictures[row]]])


def _drop_conflicts(rows: _PooledRows, selection: RowSelection, copies: Copies) -> None:
    """Of copies with different labels none is kept: which label is right is not known."""
    labelled: dict[int, dict[str, int]] = {}
    for row in selection.rows():
        if rows.labels[row]:
            labelled.setdefault(rows.shows[row], {}).setdefault(rows.labels[row], row)
    near = {
        picture: [other for other, _ in others if other in labelled]
        for picture, others in copies.neighbours().items()
    }
    for row in list(selection.rows()):
        own = rows.labels[row]
        others = (labelled[picture] for picture in (rows.shows[row], *near.get(rows.shows[row], ())) if own)
        cause = next((first for labels in others for label, first in labels.items() if label != own), None)
        if cause is not None:
            selection.drop(row, "conflict", rows.place(cause))


def _drop_copies(rows: _PooledRows, selection: RowSelection, copies: Copies) -> None:
    near = copies.neighbours()
    first: dict[tuple[int, bool], int] = {}
    for row in list(selection.rows()):
        picture, labelled = rows.shows[row], bool(rows.labels[row])
        same = first.get((picture, labelled))
        close = [
            (first[other, True], kind)
            for other, kind in near.get(picture, ())
            if labelled and (other, True) in first
        ]
        if same is not None:
            selection.drop(row, "duplicate", rows.place(same))
        elif close:
            earlier, kind = min(close)
            selection.drop(row, _COPY[kind], rows.place(earlier))
        else:
            first[picture, labelled] = row
