"""The user's own images: a folder of label folders, or a CSV or TSV table that names images.

In a folder the label of an image is the name of its folder; with a split, below a folder of that name. A
table's columns are found by their usual headers, or as the user names them, and hold a label, AUs, or both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from unifer.errors import InputError
from unifer.prepare.builders.label_tables import Names, SourceTable, listed_units, open_table
from unifer.prepare.builders.source import (
    ALL,
    TEST,
    TRAIN,
    VALID,
    Builder,
    DatasetSource,
    Options,
    SourceRow,
    at_row,
)
from unifer.prepare.builders.trees import below

SPLIT_NAMES = MappingProxyType(
    {
        TRAIN: ("train", "training"),
        VALID: ("valid", "val", "validation", "dev", "publictest"),
        TEST: ("test", "testing", "eval", "privatetest"),
    }
)
"""Split -> how folders and tables spell it, lower-case."""

HEADERS: MappingProxyType[str, Names] = MappingProxyType(
    {
        "image": ("image", "image_path", "path", "file", "filename", "file_name", "image_name", "img"),
        "label": ("label", "emotion", "expression", "class", "true_label"),
        "aus": ("AUs", "AU", "action_units"),
        "split": ("split", "usage", "set", "partition", "subset"),
        "subject": ("subject", "person", "identity", "subject_id"),
    }
)
"""What a column holds -> the headers it is looked for under."""


def folder_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError where the split has no folder, and where no label folder holds images."""
    tree, names = source.tree, source.tree.folders("")
    splits = {
        name: split for name in names for split, spellings in SPLIT_NAMES.items() if name.lower() in spellings
    }
    if source.split == ALL and splits and len(splits) == len(names):
        raise InputError(
            f"{tree.root} holds splits ({', '.join(splits)}): choose one with --split, or point "
            "--root at its folder"
        )
    top = (
        ""
        if source.split == ALL
        else next((name for name, split in splits.items() if split == source.split), None)
    )
    if top is None:
        raise InputError(
            f"{tree.root}: no folder is called {' or '.join(SPLIT_NAMES[source.split])}; found are "
            f"{', '.join(names) or 'none'}"
        )
    prefix, count = f"{top}/" if top else "", 0
    for label in tree.folders(top):
        for image in tree.images(f"{prefix}{label}"):
            path, count = f"{prefix}{label}/{image}", count + 1
            yield SourceRow((path,), path, None, label=label)
    if not count:
        raise InputError(
            f"{tree.root / top}: no images in label folders; expected is <label>/<image>, such as "
            "happy/0001.jpg"
        )


def table_faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError: not one table, columns missing, a path that climbs out, an AU unknown to FACS."""
    path = _table_file(source.options)
    source.inputs[path.name] = path
    wanted = {
        name: (source.options.columns[name],) if name in source.options.columns else headers
        for name, headers in HEADERS.items()
    }
    table, columns = _columns(path, wanted, source)
    source.note_encoding(path.name, table.encoding)
    spellings = SPLIT_NAMES.get(source.split, ())
    for number, (image, label, cell, split, subject) in table.rows(*columns):
        if spellings and split.lower() not in spellings:
            continue
        with at_row(path, number):
            inner = below(image)
            present = listed_units(cell)[0] if cell else None
        if not label and present is None:
            source.drop("neither label nor AUs", path.name, number)
            continue
        extra = {"subject": subject} if subject else None
        image_path = f"/{inner}" if image.startswith("/") else ""
        yield SourceRow((inner,), path.name, number, image_path, label or None, present, extra=extra)


def _columns(
    path: Path, wanted: dict[str, Names], source: DatasetSource
) -> tuple[SourceTable, list[int | None]]:
    required = ["image", *source.options.columns, *(["split"] if source.split != ALL else [])]
    table, _ = open_table(path, [wanted[name] for name in dict.fromkeys(required)])
    columns = [table.find(names) for names in wanted.values()]
    if columns[1] is None and columns[2] is None:
        headers = ", ".join(map(repr, table.header[:20]))
        raise InputError.at(
            path,
            1,
            f"no column holds labels or AUs; found are {headers}; name it with --label-column or --au-column",
        )
    return table, columns


def _table_file(options: Options) -> Path:
    if options.table is not None:
        return options.table if options.table.exists() else options.root / options.table
    tables = sorted(path for path in options.root.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    if len(tables) != 1:
        there = (
            f"holds {len(tables)} tables ({', '.join(path.name for path in tables[:5])})"
            if tables
            else "holds no .csv or .tsv table"
        )
        raise InputError(f"{options.root}: {there}; name one with --table FILE")
    return tables[0]


FOLDER = Builder(
    name="folder",
    title="image folder",
    splits=(ALL, TRAIN, VALID, TEST),
    faces=folder_faces,
    layout="<label>/<image>, or train/<label>/<image> with --split train",
    flags=("labels",),
)
TABLE = Builder(
    name="table",
    title="table of images",
    splits=(ALL, TRAIN, VALID, TEST),
    faces=table_faces,
    layout="one .csv or .tsv with a column for the image, and one for the label or the AUs",
    flags=("labels", "table", "columns"),
)
