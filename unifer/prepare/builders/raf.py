"""RAF-DB (basic emotions) and RAF-AU (Action Units): a list of images with labels, and aligned faces.

RAF-DB: lines such as `test_0001.jpg 5` for both splits. The published questions call the faces
`/RAF-DB/aligned/test_0001_aligned.jpg`; in the official tree they lie in `basic/Image/aligned`. Where the
manual annotation lies beside them (`basic/Annotation/manual`, a file per face), gender, race and age go into
each row's provenance; as officially coded, by the annotators' impression.

RAF-AU: lines such as `0001.jpg  1+4+25`, the AUs of each face joined by +; `null` for none, L and R for one
side. It comes without splits as far as is known here. Facial-R1 splits it in FEA-20K, whose test rows name
the test images (`--test-list`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from unifer import files
from unifer.errors import InputError
from unifer.prepare.builders.label_tables import encoding_of, lines, listed_units
from unifer.prepare.builders.source import (
    ALL,
    TEST,
    TRAIN,
    Builder,
    DatasetSource,
    Need,
    SourceRow,
    at_row,
    code_label,
)

PEOPLE = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
"""What the last three lines of a face's manual annotation say, by code from 0."""
_MANUAL = "Annotation/manual"
_LANDMARKS = 5
CODES = {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}

_RAFDB_LISTS = (
    "EmoLabel/list_patition_label.txt",
    "EmoLabel/list_partition_label.txt",
    "list_patition_label.txt",
    "list_partition_label.txt",
)
_RAFAU_LISTS = ("RAFAU_label.txt", "RAF-AU_label.txt", "labels/RAFAU_label.txt")
_RAFAU_IMAGES = ("aligned", "original", "images", "Image/aligned", "Image/original")


def rafdb_needs(_split: str) -> tuple[Need, ...]:
    """The list, under its official misspelled name or the corrected one, and the aligned faces."""
    return (
        Need("list", "the labels, lines such as 'test_0001.jpg 5'", _RAFDB_LISTS),
        Need("images", "the aligned faces", ("Image/aligned", "aligned"), image=True),
    )


def rafdb_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError: a line that is no name and code, a code outside 1..7, a name of neither split."""
    path, file = source.file("list"), source.path("list")
    source.note_encoding(file, encoding_of(path))
    annotated = source.tree.exists(_MANUAL)
    if not annotated and source.tree.exists(f"{_MANUAL}.zip"):
        source.report.notes.append(f"{_MANUAL}.zip is not unpacked: rows are without gender, race and age")
    for number, line in lines(path):
        name, _, code = line.replace(",", " ").replace("\t", " ").partition(" ")
        split = name.partition("_")[0]
        if split not in (TRAIN, TEST) or not code.strip():
            raise InputError.at(
                path,
                number,
                f"{line!r} is not a line such as 'test_0001.jpg 5' (train_ or test_, then a code 1 to 7)",
            )
        label = code_label(CODES, code.strip(), path, number)
        if split == source.split:
            image = f"{name.rpartition('.')[0].removesuffix('_aligned')}_aligned.jpg"
            candidates = (f"Image/aligned/{image}", f"aligned/{image}")
            people = _people(source, image.removesuffix("_aligned.jpg")) if annotated else None
            yield SourceRow(candidates, file, number, f"/RAF-DB/aligned/{image}", label, extra=people)


def _people(source: DatasetSource, stem: str) -> dict[str, str] | None:
    """Gender, race and age of one face; None where it has no annotation.

    Raises InputError `file:line` for a code that the official description does not have.
    """
    name = f"{_MANUAL}/{stem}_manu_attri.txt"
    if not source.tree.exists(name):
        return None
    path = source.tree.root / name
    rows = list(lines(path))[_LANDMARKS:]
    if len(rows) != len(PEOPLE):
        raise InputError(
            f"{path}: {len(rows)} lines follow the {_LANDMARKS} landmarks; three are expected: "
            f"{', '.join(PEOPLE)}"
        )
    found = {}
    for (number, code), (column, values) in zip(rows, PEOPLE.items(), strict=True):
        if not code.isdecimal() or int(code) >= len(values):
            allowed = ", ".join(f"{place} {value}" for place, value in enumerate(values))
            raise InputError.at(path, number, f"{code!r} is no code of {column}; allowed are {allowed}")
        found[column] = values[int(code)]
    return found


def rafau_needs(_split: str) -> tuple[Need, ...]:
    """The list, and the faces."""
    return (
        Need("list", "the AUs, lines such as '0001.jpg  1+4+25'", _RAFAU_LISTS),
        Need("images", "the faces", _RAFAU_IMAGES, image=True),
    )


def rafau_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a line that is not a name and AUs, and for a number that FACS does not have."""
    path, file = source.file("list"), source.path("list")
    source.note_encoding(file, encoding_of(path))
    folder = source.path("images") if source.has("images") else "aligned"
    tested = {} if source.options.test_list is None else _test_images(source.options.test_list)
    unknown = dict(tested)
    for number, line in lines(path):
        name, *cells = line.split(maxsplit=1)
        if not cells:
            raise InputError.at(
                path, number, f"{line!r} is not a line such as '0001.jpg  1+4+25' or '0002.jpg  null'"
            )
        with at_row(path, number):
            present, sides = listed_units(cells[0])
        stem = name.rpartition(".")[0]
        unknown.pop(stem, None)
        if source.split != ALL and (stem in tested) != (source.split == TEST):
            source.drop("of the other split", file, number)
            continue
        candidates = (f"{folder}/{stem}_aligned.jpg", f"{folder}/{name}")
        extra = {"sides": sides} if sides else None
        yield SourceRow(candidates, file, number, action_units=present, extra=extra)
    for stem, row in unknown.items():
        raise InputError.at(
            source.options.test_list or path,
            row,
            f"names {stem!r}, an image that {file} lacks; give a list of RAF-AU's images",
        )


def _test_images(path: Path) -> dict[str, int]:
    """Stem of each test image -> its row: a name on each line, or rows with `image`, such as FEA-20K's."""
    rows: Iterator[tuple[int, object]] = lines(path)
    if path.suffix in (".json", ".jsonl"):
        rows = (
            (number, row.get("image") if isinstance(row, dict) else None)
            for number, row in files.read_rows(path)
        )
    stems = {}
    for number, name in rows:
        if not isinstance(name, str) or not name.strip():
            raise InputError.at(
                path, number, "names no image; a name on each line is expected, or rows with 'image'"
            )
        stems[PurePosixPath(name.strip().replace("\\", "/")).stem.removesuffix("_aligned")] = number
    return stems


RAFDB = Builder(
    name="rafdb",
    title="RAF-DB (basic)",
    splits=(TRAIN, TEST),
    needs=rafdb_needs,
    faces=rafdb_faces,
    layout="basic/EmoLabel/list_patition_label.txt and basic/Image/aligned/",
    eval_folder="eval_rafdb",
    bases=("basic", "", "RAF-DB/basic"),
)
RAFAU = Builder(
    name="rafau",
    title="RAF-AU",
    splits=(ALL, TRAIN, TEST),
    needs=rafau_needs,
    faces=rafau_faces,
    layout="RAFAU_label.txt and aligned/0001_aligned.jpg",
    bases=("", "RAF-AU"),
    flags=("test_list",),
)
