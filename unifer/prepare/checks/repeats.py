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
from unifer.prepare.checks.tables import NONE, Numbering, RowTable, Tables, first_positions

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
    pictured = [_Pictured(table, tables.labels, copies) for table in tables.tables]
    neighbours = copies.neighbours()
    for each in pictured:
        yield from _within(each, neighbours)
    for first, second in combinations(pictured, 2):
        if first.table.test == second.table.test:
            yield from _between(first, second, neighbours)
    yield from _leaks(tables, pictured, copies)


class _Pictured:
    """The rows of a table by the pictures that they show."""

    def __init__(self, table: RowTable, labels: Numbering, copies: Copies) -> None:
        self.table, self._labels = table, labels
        self.shows = [NONE if picture == NONE else copies.same[picture] for picture in table.pictures]
        """For every row the first picture with the same pixels, over all files."""
        self.first = first_positions(self.shows)
        """That picture -> the first row that shows it, by position."""

    def label(self, position: int) -> str | None:
        number = self.table.labels[position]
        return None if number == NONE else self._labels[number]

    def finding(self, kind: str, position: int | None, message: str) -> RowFinding:
        row = None if position is None else self.table.rows[position]
        return RowFinding(kind, self.table.name, row, message)


Neighbours = dict[int, list[tuple[int, Kind]]]


def _within(rows: _Pictured, neighbours: Neighbours) -> Iterator[RowFinding]:
    table = rows.table
    for position, picture in enumerate(rows.shows):
        if picture == NONE:
            continue
        first = rows.first[picture]
        if first != position:
            # One file asked about in two ways is two tasks, not one row twice.
            twice = (
                table.pictures[first] != table.pictures[position]
                or table.texts[first] == table.texts[position]
            )
            yield from _pair(rows, position, rows, first, "exact", _KINDS["exact"] if twice else None)
            continue
        for other, kind in neighbours.get(picture, ()):
            earlier = rows.first.get(other, position)
            if earlier < position:
                yield from _pair(rows, position, rows, earlier, kind, _KINDS[kind])


def _pair(
    late: _Pictured, position: int, early: _Pictured, other: int, copy: Kind, kind: str | None
) -> Iterator[RowFinding]:
    """The finding `kind` of two rows that show copies of one picture; a conflict if their labels differ."""
    where = f"shows {_COPY[copy]} of {early.table.place(other)}"
    label, before = late.label(position), early.label(other)
    if label is not None and before is not None and label != before:
        yield late.finding(
            "label_conflict", position, f"{where}, labelled {label!r} here and {before!r} there"
        )
    elif kind:
        yield late.finding(kind, position, where)


def _between(first: _Pictured, second: _Pictured, neighbours: Neighbours) -> Iterator[RowFinding]:
    """One line per pair of files, and every conflict by itself.

    A CoT and a reward file over the same faces share them all.
    """
    shared = 0
    for picture, position in second.first.items():
        matches: list[tuple[int, Kind]] = [(picture, "exact"), *neighbours.get(picture, ())]
        earlier = [(first.first[other], kind) for other, kind in matches if other in first.first]
        shared += bool(earlier)
        for other, kind in earlier:
            yield from _pair(second, position, first, other, kind, None)
    if shared:
        yield second.finding(
            "shared",
            None,
            f"{shared:,} of its {len(second.first):,} pictures, or copies of them, are in {first.table.name}",
        )


def _leaks(tables: Tables, pictured: Sequence[_Pictured], copies: Copies) -> Iterator[RowFinding]:
    tested = tables.tested("pictures")
    for each in pictured:
        if each.table.test:
            continue
        leaked = {pair.first: pair for pair in leaks(copies, set(each.table.pictures) - {NONE}, tested)}
        for position, picture in enumerate(each.table.pictures):
            if picture in leaked:
                _, other, kind = leaked[picture]
                yield each.finding("leak", position, f"shows {_COPY[kind]} of {tested[other]}, a test file")


def subject_leaks(tables: Tables) -> Iterator[RowFinding]:
    """A finding per training subject whom a test file shows, and per subject in two folds of a file."""
    tested = tables.tested("subjects")
    for table in tables.tables:
        yield from _between_folds(table, tables)
        for subject, position in first_positions(table.subjects).items() if not table.test else ():
            if subject in tested:
                count = table.subjects.count(subject)
                many = f", in {count:,} rows from here on" if count > 1 else ""
                message = (
                    f"shows {tables.person(subject)}{many}, whom {tested[subject]}, a test file, shows too; "
                    "build both from one fold"
                )
                yield RowFinding("subject_leak", table.name, table.rows[position], message)


def _between_folds(table: RowTable, tables: Tables) -> Iterator[RowFinding]:
    """Whoever is in two folds is trained on in each and tested on in the other."""
    placed: dict[int, tuple[int, int]] = {}
    reported: set[int] = set()
    for row, subject, fold in zip(table.rows, table.subjects, table.folds, strict=True):
        if NONE in (subject, fold):
            continue
        before, where = placed.setdefault(subject, (fold, row))
        if before != fold and subject not in reported:
            reported.add(subject)
            names = tables.folds[fold], tables.folds[before]
            message = (
                f"{tables.person(subject)} is in fold {names[0]} here and in fold {names[1]} in "
                f"{table.name}:{where}; give each one fold"
            )
            yield RowFinding("subject_leak", table.name, row, message)
