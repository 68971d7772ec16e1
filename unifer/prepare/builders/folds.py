"""Folds of people: every subject in one of N, so that nobody who is tested on was trained on.

Of a published assignment, or our own. Our own are balanced in frames: subjects in order of their coded
frames, most first, each into the fold that has fewest so far. They depend on the label tables alone, not on
`--frame-step` nor on which images are there, so that a train and a test file built apart agree. Knows
subjects and counts; no dataset.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from unifer import files, runs
from unifer.errors import InputError
from unifer.prepare.builders.label_tables import open_table
from unifer.records import OWN_FOLDS, Json

USUAL = 3
"""Folds of the AU literature on DISFA and BP4D."""
_EXPECTED = "K/N is expected, such as 1/3: the first of three folds is tested on, the others are trained on"
_REMEDY = "write each subject once, with the fold, from 1, in which it is tested on"


class Fold(NamedTuple):
    """Fold `number` of `of`, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Fold:
        """`1/3`.

        Raises InputError for anything else, for a fold that does not exist, and for one fold alone.
        """
        match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text.strip())
        fold = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= fold.number <= fold.of or fold.of < 2:
            raise InputError(f"--fold {text}: {_EXPECTED}")
        return fold


@dataclass(frozen=True)
class Folds:
    """An assignment: subject -> number of its fold, in 1 to `count`.

    `text` says whose it is, `file` where it was read.
    """

    text: str
    count: int
    of: Mapping[str, int]
    file: Path | None = None

    def marks(self, subject: str) -> Json:
        """What a row of `subject` carries in its provenance."""
        return {"fold": str(Fold(self.of[subject], self.count)), "folds": self.text}

    def to_json(self) -> Json:
        """For the manifest: whose folds, and the subjects of each."""
        listed = {
            str(Fold(number, self.count)): sorted(self.within(number)) for number in range(1, self.count + 1)
        }
        return {"folds": self.text, "subjects": listed} | (
            {"file": runs.describe_file(self.file)} if self.file else {}
        )

    def within(self, number: int) -> set[str]:
        """The subjects of one fold."""
        return {subject for subject, fold in self.of.items() if fold == number}

    def summary(self, frames: Mapping[str, int]) -> str:
        """Whose folds these are, and how many subjects and coded frames each has."""
        sizes = []
        for number in range(1, self.count + 1):
            here = self.within(number)
            sizes.append(
                f"{Fold(number, self.count)} {len(here)} subjects, "
                f"{sum(frames[subject] for subject in here):,} frames"
            )
        own = ", of this project, no published assignment" if self.file is None else ""
        return f"{self.text}{own}: {'; '.join(sizes)}"


def own_folds(frames: Mapping[str, int], count: int) -> Folds:
    """Subjects with their coded frames -> `count` folds, none of which shares a subject.

    Raises InputError: fewer subjects than folds.
    """
    if len(frames) < count:
        raise InputError(
            f"{count} folds need {count} subjects or more; there are {len(frames)}: "
            f"{', '.join(sorted(frames)) or 'none'}"
        )
    sizes: list[tuple[int, int, int]] = [(0, 0, number) for number in range(1, count + 1)]
    placed = {}
    for subject in sorted(frames, key=lambda name: (-frames[name], name)):
        frames_so_far, people, number = min(sizes)
        sizes[number - 1] = (frames_so_far + frames[subject], people + 1, number)
        placed[subject] = number
    return Folds(OWN_FOLDS, count, placed)


def read_folds(path: Path, subjects: Collection[str]) -> Folds:
    """The assignment in `path`, restricted to `subjects`, those of the data.

    YAML and JSON map subject to fold; a CSV has the columns subject and fold. Raises InputError `file:row`:
    no fold number, a subject twice, and without a row: a subject missing, a fold of nobody.
    """
    placed: dict[str, int] = {}
    first: dict[str, tuple[str, int]] = {}
    for row, subject, cell in _entries(path):
        if not re.fullmatch(r"[0-9]{1,4}", cell) or int(cell) < 1:
            raise InputError.at(path, row, f"{cell!r} is no fold of {subject!r}; {_REMEDY}")
        before, where = first.setdefault(subject.casefold(), (subject, row))
        if where != row:
            same = (
                f"in fold {cell} here and in fold {placed[before]} in row {where}"
                if int(cell) != placed[before]
                else f"in row {where} too"
            )
            raise InputError.at(path, row, f"subject {subject!r} stands {same}; {_REMEDY}")
        placed[subject] = int(cell)
    missing = sorted(set(subjects) - set(placed))
    if missing:
        names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InputError(
            f"{path}: lacks {names}, subjects of the data; {_REMEDY} (it names "
            f"{', '.join(list(placed)[:5]) or 'nobody'}, ...)"
        )
    assigned = {subject: placed[subject] for subject in sorted(subjects)}
    count = max(placed.values())
    empty = next((number for number in range(1, count + 1) if number not in assigned.values()), None)
    if count < 2 or empty is not None:
        problem = (
            f"puts no subject of the data into fold {empty} of {count}"
            if empty
            else "puts everybody into one fold"
        )
        raise InputError(
            f"{path}: {problem}; folds are numbered from 1, each with a subject, two or more of them"
        )
    return Folds(f"folds of {path.name} ({files.sha256(path)[:12]})", count, assigned, path)


def _entries(path: Path) -> Iterator[tuple[int, str, str]]:
    """(row, subject, fold as written) of every entry."""
    if path.suffix.lower() in (".csv", ".tsv"):
        table, (subject, fold) = open_table(path, (("subject", "subjects", "person"), ("fold", "part")))
        yield from ((row, *cells) for row, cells in table.rows(subject, fold))  # type: ignore[misc]
    else:
        yield from _mapped(path)


def _mapped(path: Path) -> Iterator[tuple[int, str, str]]:
    """The entries of a YAML or JSON mapping as they are written.

    007 stays 007, and a key that stands twice comes twice.
    """
    import yaml

    try:
        root = yaml.compose(files.read_text(path), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(root, yaml.MappingNode):
        raise InputError(
            f"{path}: a mapping such as 'SN001: 1' is expected, subject to fold; or a CSV with the "
            "columns subject, fold"
        )
    for key, value in root.value:
        row = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise InputError.at(
                path, row, f"one subject and its fold are expected, such as 'SN001: 1'; {_REMEDY}"
            )
        yield row, key.value.strip(), value.value.strip()


def refuse_leak(subjects: Collection[str], fold: Fold, other: Path, out: Path) -> None:
    """Raises InputError where the rows of the other split of `fold` show one of `subjects`.

    `other` is their file, `out` the one that is to hold the rows of `subjects`.
    """
    if not other.is_file():
        return
    for number, row in files.read_rows(other):
        about = (row.get("provenance") or {}) | row if isinstance(row, dict) else {}
        subject = str(about.get("subject"))
        if subject in subjects:
            folds = about.get("folds", "another assignment")
            raise InputError(
                f"{out}: would hold subject {subject!r} for fold {fold}, whom {other}:{number} ({folds}) "
                "has on the other side of that fold: a model would be tested on people it was trained "
                "on; build both files with the same --folds, or move that one away"
            )
