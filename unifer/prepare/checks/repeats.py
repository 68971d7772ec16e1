"""Pictures and people that several rows show: findings within a file, between files, and with test files.

Knows tables and which pictures are copies; not how a copy is recognised (`duplicates`). A subject is a person
within one dataset: SN001 of two sets are two people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from types import MappingProxyType

from unifer.prepare.checks.duplicates import Copies, Kind, leaks
from unifer.prepare.checks.findings import RowFinding
from unifer.prepare.checks.tables import NONE, RowTable, Tables

_COPY = MappingProxyType(
    {
        "exact": "the picture",
        "near": "nearly the picture (re-encoded, cut or alike)",
        "mirror": "the mirrored picture",
    }
)
_KINDS = MappingProxyType({"exact": "duplicate", "near": "near_duplicate", "mirror": "mirror"})


def repeats(tables: Tables, copies: Copies) -> Iterator[RowFinding]:
    """Duplicates, label conflicts, pictures that files share, and leaks, file by file."""
    shown = [_Shown(table, tables.labels, copies) for table in tables.tables]
    neighbours = copies.neighbours()
    for each in shown:
        yield from _within(each, neighbours)
    for first, second in combinations(shown, 2):
        if first.table.test == second.table.test:
            yield from _between(first, second, neighbours)
    yield from _leaks(shown, copies)


class _Shown:
    """The rows of a table by what they show."""

    def __init__(self, table: RowTable, labels: Sequence[str], copies: Copies) -> None:
        self.table, self._labels = table, labels
        self.shows = [NONE if picture == NONE else copies.same[picture] for picture in table.pictures]
        """For every row the first picture with the same pixels, over all files."""
        self.first: dict[int, int] = {}
        """That picture -> the first row that shows it, by position."""
        for position, picture in enumerate(self.shows):
            if picture != NONE:
                self.first.setdefault(picture, position)

    def place(self, position: int) -> str:
        return f"{self.table.name}:{self.table.rows[position]}"

    def label(self, position: int) -> str | None:
        number = self.table.labels[position]
        return None if number == NONE else self._labels[number]

    def finding(self, kind: str, position: int | None, message: str) -> RowFinding:
        return RowFinding(
            kind, self.table.name, None if position is None else self.table.rows[position], message
        )


Neighbours = dict[int, list[tuple[int, Kind]]]


def _within(shown: _Shown, neighbours: Neighbours) -> Iterator[RowFinding]:
    table = shown.table
    for position, picture in enumerate(shown.shows):
        if picture == NONE:
            continue
        first = shown.first[picture]
        if first != position:
            # One file asked about in two ways is two tasks, not one row twice.
            twice = (
                table.pictures[first] != table.pictures[position]
                or table.texts[first] == table.texts[position]
            )
            yield from _pair(shown, position, shown, first, "exact", _KINDS["exact"] if twice else None)
            continue
        for other, kind in neighbours.get(picture, ()):
            earlier = shown.first.get(other, position)
            if earlier < position:
                yield from _pair(shown, position, shown, earlier, kind, _KINDS[kind])


def _pair(
    late: _Shown, position: int, early: _Shown, other: int, copy: Kind, kind: str | None
) -> Iterator[RowFinding]:
    """The finding `kind` of two rows that show copies of one picture; a conflict where their labels
    differ.
    """
    where = f"shows {_COPY[copy]} of {early.place(other)}"
    label, before = late.label(position), early.label(other)
    if label is not None and before is not None and label != before:
        yield late.finding(
            "label_conflict", position, f"{where}, labelled {label!r} here and {before!r} there"
        )
    elif kind:
        yield late.finding(kind, position, where)


def _between(first: _Shown, second: _Shown, neighbours: Neighbours) -> Iterator[RowFinding]:
    """One line a pair of files, for a CoT and a reward file over the same faces share them all; every
    conflict by itself.
    """
    shared = 0
    for picture, position in second.first.items():
        matches: list[tuple[int, Kind]] = [(picture, "exact"), *neighbours.get(picture, ())]
        found = [(first.first[other], kind) for other, kind in matches if other in first.first]
        shared += bool(found)
        for other, kind in found:
            yield from _pair(second, position, first, other, kind, None)
    if shared:
        yield second.finding(
            "shared",
            None,
            f"{shared:,} of its {len(second.first):,} pictures, or copies of them, are in {first.table.name}",
        )


def _leaks(shown: Sequence[_Shown], copies: Copies) -> Iterator[RowFinding]:
    tested: dict[int, str] = {}
    for each in shown:
        if each.table.test:
            for position, picture in enumerate(each.table.pictures):
                tested.setdefault(picture, each.place(position))
    tested.pop(NONE, None)
    for each in shown:
        if each.table.test:
            continue
        leaked = {pair.first: pair for pair in leaks(copies, set(each.table.pictures) - {NONE}, tested)}
        for position, picture in enumerate(each.table.pictures):
            if picture in leaked:
                _, other, kind = leaked[picture]
                yield each.finding("leak", position, f"shows {_COPY[kind]} of {tested[other]}, a test file")


def subject_leaks(tables: Tables) -> Iterator[RowFinding]:
    """One finding for each subject of a training file whom a test file shows, and for each who is in two
    folds of one file.
    """
    tested: dict[int, str] = {}
    for table in tables.tables:
        if table.test:
            for subject, row in _first_rows(table).items():
                tested.setdefault(subject, f"{table.name}:{row}")
    for table in tables.tables:
        yield from _between_folds(table, tables)
        if table.test:
            continue
        for subject, row in _first_rows(table).items():
            if subject in tested:
                count = table.subjects.count(subject)
                many = f", in {count:,} rows from here on" if count > 1 else ""
                message = (
                    "shows "
                    f"{tables.person(subject)}{many}, whom {tested[subject]}, a test file, shows too; "
                    "build both from one fold"
                )
                yield RowFinding("subject_leak", table.name, row, message)


def _first_rows(table: RowTable) -> dict[int, int]:
    """Subject -> the first row that shows it."""
    first: dict[int, int] = {}
    for row, subject in zip(table.rows, table.subjects, strict=True):
        if subject != NONE:
            first.setdefault(subject, row)
    return first


def _between_folds(table: RowTable, tables: Tables) -> Iterator[RowFinding]:
    """Whoever is in two folds is trained on in each and tested on in the other."""
    placed: dict[int, tuple[int, int]] = {}
    told: set[int] = set()
    for row, subject, fold in zip(table.rows, table.subjects, table.folds, strict=True):
        if NONE in (subject, fold):
            continue
        before, where = placed.setdefault(subject, (fold, row))
        if before != fold and subject not in told:
            told.add(subject)
            names = tables.folds[fold], tables.folds[before]
            message = (
                f"{tables.person(subject)} is in fold {names[0]} here and in fold {names[1]} in "
                f"{table.name}:{where}; give each one fold"
            )
            yield RowFinding("subject_leak", table.name, row, message)
