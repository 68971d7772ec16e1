"""FER2013: one table of expression codes, pixels and usages; `--image-root` writes the faces as PNG files."""

from __future__ import annotations

from collections.abc import Iterator

from unifer.errors import InputError
from unifer.prepare.builders.ferplus import USAGES
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


def needs(_split: str) -> tuple[Need, ...]:
    """The table, under either of the names that the challenge gave it."""
    return (
        Need(
            "table",
            "expression codes and pixels",
            ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv"),
        ),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a code outside 0..6 and for a Usage that is none of the three."""
    path, shown = source.file("table"), source.path("table")
    source.pixels = path
    table, (emotion, _pixels, usage) = source.table("table", (("emotion",), ("pixels",), ("Usage",)))
    for index, (number, (code, use)) in enumerate(table.rows(emotion, usage)):
        if use not in USAGES.values():
            raise InputError.at(
                path, number, f"{use!r} is no Usage; allowed are {', '.join(USAGES.values())}"
            )
        label = code_label(CODES, code, path, number)
        if use == USAGES[source.split]:
            image = f"{source.split}/{index:05d}.png"
            yield SourceRow((image,), shown, number, f"/FER2013/{image}", label, pixels=(index, use))


BUILDER = Builder(
    name="fer2013",
    title="FER2013",
    splits=(TRAIN, VALID, TEST),
    needs=needs,
    faces=faces,
    layout="fer2013.csv (or icml_face_data.csv)",
    eval_folder="eval_more/fer2013",
)
