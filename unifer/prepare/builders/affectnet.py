"""AffectNet, manually annotated: training.csv and validation.csv over folders of faces.

The validation part is the benchmark's test. The published questions call a face
`/AffectNet/Manually_Annotated/validation/<folder>/<image>`; the official tree keeps both parts together in
`Manually_Annotated_Images/<folder>/<image>`.
"""

from __future__ import annotations

from collections.abc import Iterator

from unifer.prepare.builders.source import (
    TEST,
    TRAIN,
    Builder,
    DatasetSource,
    Need,
    SourceRow,
    at_row,
    code_label,
)
from unifer.prepare.builders.trees import below
from unifer.records import Json

CODES = {
    **{
        0: "neutral",
        1: "happiness",
        2: "sadness",
        3: "surprise",
        4: "fear",
        5: "disgust",
        6: "anger",
        7: "contempt",
    },
    **{8: "none", 9: "uncertain", 10: "no face"},
}
_NO_EMOTION = ("none", "uncertain", "no face")
_PARTS = {TRAIN: "training", TEST: "validation"}
_COLUMNS = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
)
_FOLDERS = ("Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated_Images", "Manually_Annotated")


def needs(split: str) -> tuple[Need, ...]:
    """The part's table, and a folder of faces."""
    part = _PARTS[split]
    folders = (
        "",
        "Manually_Annotated_file_lists/",
        "Manually_Annotated/",
        "Manually_Annotated/Manually_Annotated_file_lists/",
    )
    return (
        Need("table", "the labels", tuple(f"{folder}{part}.csv" for folder in folders)),
        Need("images", "folders of faces", (*_FOLDERS, part), image=True),
    )


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError for a code outside 0..10 and for a path that is none.

    Codes 8 to 10 are no emotion and dropped.
    """
    part, path, file = _PARTS[source.split], source.file("table"), source.path("table")
    table, (image, expression) = source.table(
        "table", ((_COLUMNS[0], "file_path"), ("expression",)), _COLUMNS
    )
    box = [table.find((name,)) for name in _COLUMNS[1:5]]
    known = (*(f"{folder}/{inner}" for folder in _FOLDERS for inner in ("", f"{part}/")), f"{part}/")
    places = [place for place in known if source.tree.exists(place.rstrip("/"))] or known[:1]
    for number, (name, code, *sides) in table.rows(image, expression, *box):
        label = code_label(CODES, code, path, number)
        if label in _NO_EMOTION:
            source.drop(f"no emotion: {label}", file, number)
            continue
        with at_row(path, number):
            inner = below(name)
        candidates = tuple(f"{place}{inner}" for place in places)
        yield SourceRow(
            candidates,
            file,
            number,
            f"/AffectNet/Manually_Annotated/{part}/{inner}",
            label,
            extra=_box(sides),
        )


def _box(sides: list[str]) -> Json | None:
    """The face's box in pixels of the image, x, y, width, height.

    None where the table has none (cropped faces).
    """
    return {"face_box": [int(side) for side in sides]} if all(side.isdecimal() for side in sides) else None


AFFECTNET = Builder(
    name="affectnet",
    title="AffectNet (manually annotated)",
    splits=(TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="training.csv, validation.csv and Manually_Annotated_Images/<folder>/",
    eval_folder="eval_affectnet",
    bases=("", "AffectNet"),
)
