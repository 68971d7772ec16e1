"""Any CSV or TSV table that names images with a label, AUs, or both; columns by their usual headers, or as
the user names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from unifer.errors import InputError
from unifer.prepare.builders import units
from unifer.prepare.builders.source import (
    ALL,
    TEST,
    TRAIN,
    VALID,
    Builder,
    DatasetSource,
    Need,
    Options,
    SourceRow,
    refused,
)
from unifer.prepare.builders.tables import Names, SourceTable, open_table
from unifer.prepare.builders.trees import below

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

SPLIT_NAMES = MappingProxyType(
    {
        TRAIN: ("train", "training"),
        VALID: ("valid", "val", "validation", "dev", "publictest"),
        TEST: ("test", "testing", "eval", "privatetest"),
    }
)
"""Split -> how folders and tables spell it, lower-case."""


def needs(_split: str) -> tuple[Need, ...]:
    """Nothing by name: the table is the user's."""
    return ()


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError: no table or several, columns missing, an image path that climbs out, AUs that FACS
    does not have.
    """
    path = _table_file(source.options)
    shown = path.name
    source.inputs[shown] = path
    wanted = {
        name: (source.options.columns[name],) if name in source.options.columns else headers
        for name, headers in HEADERS.items()
    }
    table, columns = _columns(path, wanted, source)
    source.note_encoding(shown, table.encoding)
    spellings = SPLIT_NAMES.get(source.split, ())
    for number, (image, label, cell, split, subject) in table.rows(*columns):
        if spellings and split.lower() not in spellings:
            continue
        try:
            inner = below(image)
            present = units.listed(cell)[0] if cell else None
        except ValueError as problem:
            raise refused(problem, path, number) from None
        if not label and present is None:
            source.drop("neither label nor AUs", shown, number)
            continue
        extra = {"subject": subject} if subject else None
        image_path = f"/{inner}" if image.startswith("/") else ""
        yield SourceRow((inner,), shown, number, image_path, label or None, present, extra=extra)


def _columns(
    path: Path, wanted: dict[str, Names], source: DatasetSource
) -> tuple[SourceTable, list[int | None]]:
    required = ["image", *source.options.columns, *(["split"] if source.split != ALL else [])]
    table, _ = open_table(path, [wanted[name] for name in dict.fromkeys(required)])
    columns = [table.find(names) for names in wanted.values()]
    if columns[1] is None and columns[2] is None:
        found = ", ".join(map(repr, table.header[:20]))
        raise InputError.at(
            path,
            1,
            f"no column holds labels or AUs; found are {found}; name it with --label-column or --au-column",
        )
    return table, columns


def _table_file(options: Options) -> Path:
    if options.table is not None:
        return options.table if options.table.exists() else options.root / options.table
    found = sorted(path for path in options.root.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    if len(found) != 1:
        there = (
            f"holds {len(found)} tables ({', '.join(path.name for path in found[:5])})"
            if found
            else "holds no .csv or .tsv table"
        )
        raise InputError(f"{options.root}: {there}; name one with --table FILE")
    return found[0]


BUILDER = Builder(
    name="table",
    title="table of images",
    splits=(ALL, TRAIN, VALID, TEST),
    needs=needs,
    faces=faces,
    layout="one .csv or .tsv with a column for the image, and one for the label or the AUs",
    flags=("labels", "table", "columns"),
)
