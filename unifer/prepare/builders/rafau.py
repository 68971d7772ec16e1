"""RAF-AU: one list of `0001.jpg  1+4+25`, the AUs of each face joined by +; `null` for none, L and R for one
side.

It comes without splits as far as is known here. Facial-R1 splits it in FEA-20K, whose test rows name the test
images (`--test-list`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from unifer import files
from unifer.errors import InputError
from unifer.prepare.builders import tables, units
from unifer.prepare.builders.source import ALL, TEST, TRAIN, Builder, DatasetSource, Need, SourceRow


def needs(_split: str) -> tuple[Need, ...]:
    """The list, and the faces."""
    lists = ("RAFAU_label.txt", "RAF-AU_label.txt", "labels/RAFAU_label.txt")
    return (
        Need("list", "the AUs, lines such as '0001.jpg  1+4+25'", lists),
        Need(
            "images",
            "the faces",
            ("aligned", "original", "images", "Image/aligned", "Image/original"),
            image=True,
        ),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a line that is not a name and AUs, and for a number that FACS does not have."""
    path, shown = source.file("list"), source.path("list")
    source.note_encoding(shown, tables.encoding_of(path))
    folder = source.path("images") if source.has("images") else "aligned"
    tested = {} if source.options.test_list is None else _named(source.options.test_list)
    unknown = dict(tested)
    for number, line in tables.lines(path):
        name, *cells = line.split(maxsplit=1)
        if not cells:
            raise InputError.at(
                path, number, f"{line!r} is not a line such as '0001.jpg  1+4+25' or '0002.jpg  null'"
            )
        try:
            present, sides = units.listed(cells[0])
        except ValueError as problem:
            raise InputError.at(path, number, str(problem)) from None
        stem = name.rpartition(".")[0]
        unknown.pop(stem, None)
        if source.split != ALL and (stem in tested) != (source.split == TEST):
            source.drop("of the other split", shown, number)
            continue
        candidates = (f"{folder}/{stem}_aligned.jpg", f"{folder}/{name}")
        yield SourceRow(
            candidates, shown, number, action_units=present, extra={"sides": sides} if sides else None
        )
    if unknown:
        stem, row = next(iter(unknown.items()))
        raise InputError.at(
            source.options.test_list or path,
            row,
            f"names {stem!r}, an image that {shown} lacks; give a list of RAF-AU's images",
        )


def _named(path: Path) -> dict[str, int]:
    """Stem of each test image -> its row: a name on each line, or rows with `image`, such as FEA-20K's test
    rows of RAF-AU.
    """
    if path.suffix in (".json", ".jsonl"):
        rows = (
            (number, row.get("image") if isinstance(row, dict) else None)
            for number, row in files.read_rows(path)
        )
    else:
        rows = ((number, line) for number, line in tables.lines(path))
    found = {}
    for number, name in rows:
        if not isinstance(name, str) or not name.strip():
            raise InputError.at(
                path, number, "names no image; a name on each line is expected, or rows with 'image'"
            )
        found[PurePosixPath(name.strip().replace("\\", "/")).stem.removesuffix("_aligned")] = number
    return found


BUILDER = Builder(
    name="rafau",
    title="RAF-AU",
    splits=(ALL, TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="RAFAU_label.txt and aligned/0001_aligned.jpg",
    bases=("", "RAF-AU"),
    flags=("test_list",),
)
