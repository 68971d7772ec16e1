"""FER2013, and FERPlus, which labels its faces anew by the votes of ten people.

FER2013: one table of expression codes, pixels and usages; `--image-root` writes the faces as PNG files.
FERPlus: the votes in fer2013new.csv; the faces as PNG files, or as pixels in fer2013.csv. The published
questions call a face `/FERPlus/test/<label>/<image>.png`. Of the vote rules of `ballots` (`--vote-rule`),
`published` is the default of the test split, `majority` of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unifer.ballots import VOTED, decide
from unifer.emotions import spelled_in
from unifer.errors import InputError
from unifer.prepare.builders.label_tables import open_table
from unifer.prepare.builders.source import (
    TEST,
    TRAIN,
    VALID,
    Builder,
    DatasetSource,
    Need,
    SourceRow,
    code_label,
)

CODES = {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}
USAGES = {TRAIN: "Training", VALID: "PublicTest", TEST: "PrivateTest"}
_VOTE_TABLE = tuple((name,) for name in ("Usage", "Image name", *VOTED))
_FOLDERS = {TRAIN: "FER2013Train", VALID: "FER2013Valid", TEST: "FER2013Test"}


def _is_of_split(usage: str, source: DatasetSource, path: Path, row: int) -> bool:
    """Whether `usage` means the source's split. Raises InputError where it is none of the three."""
    if usage not in USAGES.values():
        raise InputError.at(path, row, f"{usage!r} is no Usage; allowed are {', '.join(USAGES.values())}")
    return usage == USAGES[source.split]


def fer2013_needs(_split: str) -> tuple[Need, ...]:
    """The table, under either of the names that the challenge gave it."""
    names = ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv")
    return (Need("table", "expression codes and pixels", names),)


def fer2013_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a code outside 0..6 and for a Usage that is none of the three."""
    path, file = source.file("table"), source.path("table")
    source.pixels = path
    table, (emotion, _pixels, usage) = source.table("table", (("emotion",), ("pixels",), ("Usage",)))
    for index, (number, (code, use)) in enumerate(table.rows(emotion, usage)):
        of_split = _is_of_split(use, source, path, number)
        label = code_label(CODES, code, path, number)
        if of_split:
            image = f"{source.split}/{index:05d}.png"
            yield SourceRow((image,), file, number, f"/FER2013/{image}", label, pixels=(index, use))


def ferplus_needs(split: str) -> tuple[Need, ...]:
    """The votes, and the faces as files or as pixels."""
    folders = (_FOLDERS[split], f"data/{_FOLDERS[split]}", split)
    return (
        Need("votes", "the votes", ("fer2013new.csv", "FERPlus/fer2013new.csv")),
        Need("images", "the faces", (*folders, "fer2013.csv", "fer2013/fer2013.csv"), image=True),
    )


def ferplus_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a Usage that is none of the three, and for votes that are no whole numbers."""
    path, file = source.file("votes"), source.path("votes")
    rule = source.options.vote_rule or ("published" if source.split == TEST else "majority")
    table, columns = source.table("votes", _VOTE_TABLE)
    in_csv = source.has("images") and source.path("images").endswith(".csv")
    folder = source.path("images") if source.has("images") and not in_csv else _FOLDERS[source.split]
    source.pixels = source.file("images") if in_csv else None
    source.report.notes.append(f"labels by the vote rule {rule!r}")
    for index, (number, (usage, name, *cells)) in enumerate(table.rows(*columns)):
        if not _is_of_split(usage, source, path, number):
            continue
        votes = [_votes(cell, path, number) for cell in cells]
        label, reason = decide(votes, rule) if name else (None, "no image name: not a face")
        if label is None:
            source.drop(reason, file, number)
            continue
        spelled = spelled_in(label, source.labels) or label
        yield SourceRow(
            (f"{folder}/{name}", f"{folder}/{spelled}/{name}"),
            file,
            number,
            f"/FERPlus/{source.split}/{spelled}/{name}",
            label,
            pixels=(index, usage) if in_csv else None,
            votes=dict(zip(VOTED, votes, strict=True)),
        )


def _votes(cell: str, path: Path, row: int) -> int:
    if not cell.isdecimal():
        raise InputError.at(
            path,
            row,
            f"{cell!r} is no number of votes; a whole number from 0 is expected in each of the ten columns",
        )
    return int(cell)


def read_votes(path: Path) -> dict[str, list[int]]:
    """Image name -> its ten votes, in the order of `VOTED`, of a `fer2013new.csv`.

    Raises InputError as `ferplus_faces`.
    """
    table, columns = open_table(path, _VOTE_TABLE)
    rows = table.rows(*columns)
    return {
        name: [_votes(cell, path, number) for cell in cells] for number, (_, name, *cells) in rows if name
    }


FER2013 = Builder(
    name="fer2013",
    title="FER2013",
    splits=(TRAIN, VALID, TEST),
    needs=fer2013_needs,
    faces=fer2013_faces,
    layout="fer2013.csv (or icml_face_data.csv)",
    eval_folder="eval_more/fer2013",
)
FERPLUS = Builder(
    name="ferplus",
    title="FERPlus",
    splits=(TRAIN, VALID, TEST),
    needs=ferplus_needs,
    faces=ferplus_faces,
    layout="fer2013new.csv with FER2013Train/, FER2013Valid/, FER2013Test/ or fer2013.csv",
    eval_folder="eval_ferplus",
    bases=("", "FERPlus"),
    flags=("vote_rule",),
)
