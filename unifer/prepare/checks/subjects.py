"""People whom training and test rows share, or who stand in two folds: findings by subject. Knows tables;
opens no image.

A subject is a person within one dataset: SN001 of two sets are two people.
"""

from __future__ import annotations

from collections.abc import Iterator

from unifer.prepare.checks.findings import RowFinding
from unifer.prepare.checks.tables import NONE, RowTable, Tables


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
