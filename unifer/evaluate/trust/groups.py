"""Which group of people the face of a question belongs to: by a column of its row, or of another file.

Knows rows; no scores. A column is a field of the question row or of its `provenance`; `gender+race` joins
two.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from unifer import files
from unifer.errors import InputError
from unifer.evaluate.loading import LoadedRun
from unifer.fields import short
from unifer.records import Json, Question

_ASKED = ("image_path", "true_label", "prompt", "candidate_labels", "votes", "provenance", "AUs", "coded")
"""Fields that every question has or that name no person: never offered as columns."""


class PeopleTable:
    """What is known of the face of each question of a run, beyond its own row.

    `table`: rows of JSON, JSONL or CSV whose `id` or `image_path` is a question's, or whose `image_path` is
    the name of its image. Raises InputError for a file that is none of these or belongs to no question.
    """

    def __init__(self, loaded: LoadedRun, table: Path | None = None) -> None:
        self._sources = {question.key: _facts(question) for question in loaded.source.questions}
        self._path, self._table = table, {} if table is None else dict(_read(table))
        if table is not None and not any(self._of_table(question) for question in loaded.questions):
            raise InputError(
                f"{table}: none of its {len(self._table):,} rows belongs to a question of {loaded.file.path} "
                f"(the first is {loaded.questions[0].key!r}); rows are matched by 'id' or 'image_path'"
            )

    def facts(self, question: Question) -> Json:
        """Column -> value; the table goes before the row, the row before its question file."""
        return self._sources.get(question.key, {}) | _facts(question) | self._of_table(question)

    def _of_table(self, question: Question) -> Json:
        names = (question.key, question.image_path, question.image_path.rpartition("/")[2])
        return next((self._table[name] for name in names if name in self._table), {})

    def groups(self, questions: Sequence[Question], column: str) -> list[str | None]:
        """The group of each question by `column`; None where its value is not known.

        Raises InputError for a column that no question has, and for values that are no names.
        """
        facts = [self.facts(question) for question in questions]
        parts = [column] if any(column in each for each in facts) else column.split("+")
        for part in parts:
            if not any(part in each for each in facts):
                raise InputError(f"--group {column}: {self._unknown(part, facts)}")
        return [_joined([_value(each, part, column) for part in parts]) for each in facts]

    def _unknown(self, column: str, facts: Sequence[Json]) -> str:
        seen = Counter(name for each in facts for name in each)
        there = ", ".join(name for name, _ in seen.most_common(12)) or "none"
        where = "" if self._path is None else f" or row of {self._path}"
        return (
            f"no question{where} has a column {column!r}; there are {there}. Put it into 'provenance' of the "
            "question rows, or name a file that has it with --group-file FILE"
        )


def _facts(question: Question) -> Json:
    own = {name: value for name, value in question.to_json().items() if name not in _ASKED}
    return (question.provenance or {}) | own


def _value(facts: Json, part: str, column: str) -> str | None:
    value = facts.get(part)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str | int | float):
        raise InputError(
            f"--group {column}: {short(value)} is no name of a group; a text or number is expected"
        )
    return str(value).strip()


def _joined(values: Sequence[str | None]) -> str | None:
    names = [value for value in values if value is not None]
    return ", ".join(names) if len(names) == len(values) else None


def _read(path: Path) -> Iterator[tuple[str, Json]]:
    """(`id` or `image_path`, columns) of each row. Raises InputError `file:row` for a row with neither."""
    for number, row in _csv_rows(path) if path.suffix in (".csv", ".tsv") else files.read_rows(path):
        if not isinstance(row, Mapping):
            raise InputError.at(path, number, f"{short(row)} is no row with columns")
        key = row.get("id") or row.get("image_path")
        if not isinstance(key, str):
            raise InputError.at(
                path,
                number,
                f"names no question: 'id' or 'image_path' is expected, there are {', '.join(map(str, row))}",
            )
        inner = row.get("provenance")
        columns = (dict(inner) if isinstance(inner, Mapping) else {}) | dict(row)
        yield key, {name: value for name, value in columns.items() if name not in (*_ASKED, "id")}


def _csv_rows(path: Path) -> Iterator[tuple[int, Json]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
            for row in reader:
                yield reader.line_num, {str(name): value for name, value in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}") from None
