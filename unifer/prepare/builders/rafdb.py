"""RAF-DB, basic emotions: one list of `test_0001.jpg 5` for both splits, aligned faces beside it.

The published questions call the faces `/RAF-DB/aligned/test_0001_aligned.jpg`; in the official tree they lie
in `basic/Image/aligned`.
"""

from __future__ import annotations

from collections.abc import Iterator

from unifer.errors import InputError
from unifer.prepare.builders import tables
from unifer.prepare.builders.source import TEST, TRAIN, Builder, DatasetSource, Need, SourceRow, code_label

CODES = {1: "surprise", 2: "fear", 3: "disgust", 4: "happiness", 5: "sadness", 6: "anger", 7: "neutral"}

_LISTS = (
    "EmoLabel/list_patition_label.txt",
    "EmoLabel/list_partition_label.txt",
    "list_patition_label.txt",
    "list_partition_label.txt",
)


def needs(_split: str) -> tuple[Need, ...]:
    """The list, under its official misspelled name or the corrected one, and the aligned faces."""
    return (
        Need("list", "the labels, lines such as 'test_0001.jpg 5'", _LISTS),
        Need("images", "the aligned faces", ("Image/aligned", "aligned"), image=True),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a line that is not a name and a code, a code outside 1..7, a name of neither
    split.
    """
    path, shown = source.file("list"), source.path("list")
    source.note_encoding(shown, tables.encoding_of(path))
    for number, line in tables.lines(path):
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
            stem = name.rpartition(".")[0].removesuffix("_aligned")
            image = f"{stem}_aligned.jpg"
            yield SourceRow(
                (f"Image/aligned/{image}", f"aligned/{image}"),
                shown,
                number,
                f"/RAF-DB/aligned/{image}",
                label,
            )


BUILDER = Builder(
    name="rafdb",
    title="RAF-DB (basic)",
    splits=(TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="basic/EmoLabel/list_patition_label.txt and basic/Image/aligned/",
    eval_folder="eval_rafdb",
    bases=("basic", "", "RAF-DB/basic"),
)
