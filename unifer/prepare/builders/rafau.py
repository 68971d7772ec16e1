"""RAF-AU: one list of `0001.jpg  1+4+25`, the AUs of each face joined by +; `null` for none, L and R for one side."""

from __future__ import annotations

from collections.abc import Iterator

from unifer.errors import InputError
from unifer.prepare.builders import tables, units
from unifer.prepare.builders.source import ALL, Builder, Face, Need, Source


def needs(_split: str) -> tuple[Need, ...]:
    """The list, and the faces."""
    lists = ("RAFAU_label.txt", "RAF-AU_label.txt", "labels/RAFAU_label.txt")
    return (
        Need("list", "the AUs, lines such as '0001.jpg  1+4+25'", lists),
        Need("images", "the faces", ("aligned", "original", "images", "Image/aligned", "Image/original"), image=True),
    )


def faces(source: Source) -> Iterator[Face]:
    """Raises InputError for a line that is not a name and AUs, and for a number that FACS does not have."""
    path, shown = source.file("list"), source.path("list")
    source.note_encoding(shown, tables.encoding_of(path))
    folder = source.path("images") if source.has("images") else "aligned"
    for number, line in tables.lines(path):
        name, *cells = line.split(maxsplit=1)
        if not cells:
            raise InputError.at(path, number, f"{line!r} is not a line such as '0001.jpg  1+4+25' or '0002.jpg  null'")
        try:
            present, sides = units.listed(cells[0])
        except ValueError as problem:
            raise InputError.at(path, number, str(problem)) from None
        stem = name.rpartition(".")[0]
        candidates = (f"{folder}/{stem}_aligned.jpg", f"{folder}/{name}")
        yield Face(candidates, shown, number, action_units=present, extra={"sides": sides} if sides else None)


BUILDER = Builder(
    name="rafau",
    title="RAF-AU",
    splits=(ALL,),
    needs=needs,
    faces=faces,
    layout="RAFAU_label.txt and aligned/0001_aligned.jpg",
    bases=("", "RAF-AU"),
)
