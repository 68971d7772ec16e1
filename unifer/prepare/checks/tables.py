"""Row files as compact columns: what the checks over many rows need, a few dozen bytes a row.

Knows no pixels. Rows are streamed: 360,000 of them are never held as objects. Pictures are numbered over all
files, so that two rows which name the same file, however they spell it, have the same number.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from unifer import files
from unifer.datasets import DatasetSpec
from unifer.dialogue import images
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.places import default_image_root
from unifer.prepare.checks.findings import RowFinding
from unifer.prepare.checks.parsing import Parsed, Record, is_prediction, parse
from unifer.records import Question, RewardRow
from unifer.releases import hint

NONE = -1
"""In a column of numbers: no picture, no label."""


class Numbering:
    """Texts by number: `numbering(text)` gives the number, `numbering[number]` the text.

    Numbers count from 0 in order of first appearance; the number of None is `NONE`.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def __call__(self, text: str | None) -> int:
        if text is None:
            return NONE
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]

    def __getitem__(self, number: int) -> str:
        return self.texts[number]


@dataclass
class RowTable:
    """One file: a column an attribute, an entry a row that could be read."""

    path: Path
    test: bool
    """Its pictures must not be trained on."""
    rows: array[int] = field(default_factory=lambda: array("L"))
    """Row numbers, from 1."""
    pictures: array[int] = field(default_factory=lambda: array("l"))
    """Numbers of `Tables.pictures`; NONE where the row's image_path names no file that may be read."""
    labels: array[int] = field(default_factory=lambda: array("l"))
    """Numbers of `Tables.labels`; NONE where the row has no known label."""
    datasets: array[int] = field(default_factory=lambda: array("l"))
    texts: array[int] = field(default_factory=lambda: array("q"))
    """Hash of the text that the model is shown: one picture may be asked about in two ways."""
    ids: array[int] = field(default_factory=lambda: array("q"))
    """Hash of the row's id, NONE where it has none."""
    coded: array[int] = field(default_factory=lambda: array("b"))
    """1 where the row is annotated with AUs, else 0."""
    subjects: array[int] = field(default_factory=lambda: array("l"))
    """Numbers of people, the same in all files; NONE where the row names nobody."""
    folds: array[int] = field(default_factory=lambda: array("l"))
    """Numbers of `Tables.folds`; NONE where the row names no fold."""
    kinds: Counter[str] = field(default_factory=Counter)
    offered: dict[int, set[int]] = field(default_factory=dict)
    """Dataset -> the labels that its rows offer."""

    @property
    def name(self) -> str:
        return str(self.path)

    def place(self, position: int) -> str:
        """`file:row` of the entry at `position` of every column."""
        return f"{self.path}:{self.rows[position]}"


def first_positions(column: Sequence[int]) -> dict[int, int]:
    """Number -> position of the first entry of `column` that is it; `NONE` left out."""
    first: dict[int, int] = {}
    for position, number in enumerate(column):
        if number != NONE:
            first.setdefault(number, position)
    return first


class Tables:
    """All files of one check, with what they share.

    Pictures, labels and datasets go by number. `findings` are those so far. `image_root` as in
    `images.resolve`; `specs` are the known datasets by name.
    """

    def __init__(self, image_root: Path | None = None, specs: Sequence[DatasetSpec] = ()) -> None:
        self.image_root, self.specs = image_root, {spec.name: spec for spec in specs}
        self._pictures, self._subjects = Numbering(), Numbering()
        self.labels = Numbering()
        """Canonical names: happy and happiness are one."""
        self.datasets, self.folds = Numbering(), Numbering()
        self._vocabularies: dict[tuple[str, ...], frozenset[int]] = {}
        self.tables: list[RowTable] = []
        self.findings: list[RowFinding] = []

    @property
    def pictures(self) -> list[Path]:
        return [Path(text) for text in self._pictures.texts]

    def tested(self, column: Literal["pictures", "subjects"]) -> dict[int, str]:
        """Number in `column` -> the first place of a test file that shows it."""
        places: dict[int, str] = {}
        for table in self.tables:
            if table.test:
                for number, position in first_positions(getattr(table, column)).items():
                    places.setdefault(number, table.place(position))
        return places

    def person(self, number: int) -> str:
        """The subject of a number, in words: `subject 'SN001' of disfa`."""
        dataset, _, subject = self._subjects[number].partition("\0")
        return f"subject {subject!r}" + (f" of {dataset}" if dataset else "")

    def spec_of(self, path: Path) -> DatasetSpec | None:
        """The dataset in whose folder a file lies."""
        return next(
            (spec for spec in self.specs.values() if spec.folder.resolve() in path.resolve().parents), None
        )

    def read(self, path: Path, test: bool = False) -> RowTable:
        """Read and check a file; its faults join `findings`.

        A file of questions is a test file whatever `test` says. Raises InputError where there is no such
        file, and for a file of predictions.
        """
        if not path.is_file():
            raise InputError(
                f"{path}: no such file; a JSON or JSONL file of rows is expected{hint(path.name)}"
            )
        table = RowTable(path, test)
        self.tables.append(table)
        own = self.spec_of(path)
        place = _Places(path.parent, self.image_root)
        seen: dict[str, int] = {}
        try:
            for number, raw in files.read_rows(
                path, lambda row, problem: self._note("json", table, row, problem)
            ):
                if is_prediction(raw):
                    raise _Predictions(
                        f"{path}: holds predictions, which are no data; `unifer eval` scores them"
                    )
                parsed = parse(raw, self.specs, own)
                for kind, message in parsed.faults:
                    self._note(kind, table, number, message)
                if parsed.record is not None:
                    self._enter(table, number, parsed, place, seen)
        except _Predictions:
            raise
        except InputError as error:
            self._note(
                "json",
                table,
                None,
                f"{str(error).removeprefix(f'{path}:').strip()}; no row after this one was read",
            )
        table.test = test or bool(table.kinds["Question"])
        return table

    def _enter(
        self, table: RowTable, number: int, parsed: Parsed, place: _Places, seen: dict[str, int]
    ) -> None:
        record = parsed.record
        assert record is not None
        key = record.key if isinstance(record, Question) else record.id
        if key is not None and seen.setdefault(key, number) != number:
            self._note(
                "duplicate_id",
                table,
                number,
                f"{key!r} stands already in row {seen[key]}; each row needs its own",
            )
        try:
            picture = self._pictures(place.of(record.image_path))
        except images.ImageError as error:
            picture = NONE
            self._note("image", table, number, str(error))
        dataset = self.datasets(record.dataset or "")
        table.rows.append(number)
        table.pictures.append(picture)
        table.labels.append(NONE if parsed.label is None else self.labels(canonical(parsed.label)))
        table.datasets.append(dataset)
        table.texts.append(hash(_text_of(record)))
        table.ids.append(NONE if record.id is None else hash(record.id))
        table.coded.append(record.action_units is not None)
        about = record.provenance or {}
        named, fold = about.get("subject"), about.get("fold")
        table.subjects.append(NONE if named is None else self._subjects(f"{record.dataset or ''}\0{named}"))
        table.folds.append(NONE if fold is None else self.folds(str(fold)))
        table.kinds[type(record).__name__] += 1
        table.offered.setdefault(dataset, set()).update(self._numbers(parsed.labels))

    def _numbers(self, labels: tuple[str, ...]) -> frozenset[int]:
        if labels not in self._vocabularies:
            self._vocabularies[labels] = frozenset(self.labels(canonical(label)) for label in labels)
        return self._vocabularies[labels]

    def _note(self, kind: str, table: RowTable, row: int | None, message: str) -> None:
        self.findings.append(RowFinding(kind, table.name, row, message))


class _Predictions(InputError):
    """The file holds no data: the check of it ends, where a broken row would be noted."""


class _Places:
    """Image paths of one row file -> files.

    The default root is looked up once: 360,000 rows would ask the disk as often.
    """

    def __init__(self, beside: Path, image_root: Path | None) -> None:
        self._beside, self._image_root = beside, image_root
        self._default = default_image_root(beside)

    def of(self, image_path: str) -> str:
        """Raises ImageError as `images.resolve`."""
        absolute = image_path.strip().startswith(("/", "\\"))
        root = self._image_root or (self._default if absolute else self._beside)
        return str(images.resolve(image_path, root, self._beside).absolute())


def _text_of(record: Record) -> str:
    if isinstance(record, Question):
        return record.prompt
    return record.problem if isinstance(record, RewardRow) else record.question
