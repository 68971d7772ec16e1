"""FEA-20K, Facial-R1's rows: JSONL with AUs, labels and a reference description for images of other datasets, which it does not hold.

A row with labels and an empty AU list is not AU-annotated; a row without labels and an empty list shows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unifer import files
from unifer.emotions import EMOTIONS, canonical
from unifer.prepare.builders import units
from unifer.prepare.builders.source import TEST, TRAIN, Builder, Face, Need, Source, refused
from unifer.prepare.builders.trees import below


def needs(split: str) -> tuple[Need, ...]:
    """The split's file."""
    names = (f"{split}.jsonl", f"FEA-20K_{split}.jsonl", f"FEA_{split}.jsonl", f"fea20k_{split}.jsonl", f"{split}.json")
    return (Need("rows", "rows with image, AUs, labels, description", names),)


def faces(source: Source) -> Iterator[Face]:
    """Raises InputError `file:row` for a row without image, and for AUs or labels that are no lists."""
    path, shown = source.file("rows"), source.path("rows")
    for number, row in files.read_rows(path):
        try:
            face = _face(row, source.split, shown, number)
        except ValueError as problem:
            raise refused(problem, path, number) from None
        if isinstance(face, str):
            source.drop(face, shown, number)
        else:
            yield face


def _face(row: Any, split: str, shown: str, number: int) -> Face | str:
    """The row's face; else why it is dropped."""
    if not isinstance(row, dict) or not isinstance(row.get("image"), str):
        raise ValueError("a row needs 'image', the path of one image")
    named, labels = _list(row, "AUs"), _list(row, "labels")
    present = units.listed("+".join(named))[0] if named else None if labels else ()
    emotions = sorted({canonical(label) for label in labels})
    label = emotions[0] if len(emotions) == 1 and emotions[0] in EMOTIONS else None
    if label is None and not named and (labels or row.get("AUs") is None):
        return "several labels" if len(emotions) > 1 else "label is none of the eight emotions" if emotions else "neither label nor AUs"
    extra = {"description": row.get("description"), "question": row.get("question"), "meta_info": row.get("meta_info")}
    kept = {key: value for key, value in (extra | {"origin": row.get("dataset"), "labels": labels}).items() if value}
    image = below(row["image"])
    face = Face((image,), shown, number, label=label, action_units=present, extra=kept)
    face.id = f"fea20k/{split}/{row['id']}" if row.get("id") is not None else f"fea20k/{split}/{number}"
    return face


def _list(row: dict[str, Any], field: str) -> list[str]:
    value = row.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{field!r} must be a list of strings, not {value!r}")
    return [item.strip() for item in value if item.strip()]


BUILDER = Builder(
    name="fea20k",
    title="FEA-20K",
    splits=(TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="train.jsonl and test.jsonl (images are those of the datasets it draws on)",
    labels=EMOTIONS,
    has_images=False,
)
