"""A folder of Parquet shards that `datasets.load_dataset` and the hub's viewer open.

A column per field, with the picture inside if wanted. Objects are JSON text (`provenance`, `unifer`): Arrow
would merge the keys of all rows into one, so that every row had every key. A lone surrogate, which UTF-8
cannot hold, stands as `?` in its column and exactly, escaped, in `unifer`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unifer.errors import InputError
from unifer.prepare.formats.chat import kept_text
from unifer.prepare.formats.sample import CARRIED_KEY, FIELDS, Format, Sample
from unifer.records import Json

SHARD_BYTES = 400 * 2**20
"""A shard is closed at this size, at the next group of rows."""

_GROUP = 1000
_TEXTS = ("image_path", "question", "response", "solution", "id", "dataset", "provenance", CARRIED_KEY)
_LISTS = ("candidate_labels", "AUs")
_COLUMNS = (*_TEXTS, *_LISTS)


class Pictured(NamedTuple):
    """A row with the bytes of its image file; None where the picture stays outside."""

    row: Json
    picture: bytes | None


def _write(sample: Sample) -> Json:
    row = {name: getattr(sample, name) for name in FIELDS if name not in ("provenance", "extra")}
    row["provenance"] = None if sample.provenance is None else _json_text(sample.provenance)
    return {name: _storable(value) for name, value in row.items()}


def _read(row: Json) -> Sample:
    missing = [name for name in ("image_path", "question") if name not in row]
    if missing:
        raise ValueError(
            f"has no column {missing[0]!r}; a folder that `unifer data convert --to datasets` wrote is "
            "expected"
        )
    provenance = row.get("provenance")
    values = {name: row.get(name) for name in FIELDS if name != "extra"}
    return Sample.checked(**values | {"provenance": None if provenance is None else kept_text(provenance)})


def _attach(row: Json, carried: Json) -> Json:
    return row | {CARRIED_KEY: _json_text(carried)}


def _detach(row: Json) -> tuple[Json, Any]:
    return row, None if row.get(CARRIED_KEY) is None else kept_text(row[CARRIED_KEY])


def _json_text(value: Any) -> str:
    """JSON as readable as UTF-8 allows; lone surrogates turn it to ASCII escapes."""
    readable = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return readable if _storable(readable) == readable else json.dumps(value, allow_nan=False)


def _storable(value: Any) -> Any:
    if isinstance(value, list):
        return [_storable(each) for each in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


DATASETS = Format(
    "datasets",
    "a folder of Parquet shards for the datasets library and the hub",
    (),
    _write,
    _read,
    _attach,
    _detach,
)


def write(folder: Path, rows: Iterable[Pictured], embed: bool) -> None:
    """Write the shards `folder/data/train-*.parquet`.

    A folder that is there already is replaced once all are written. With `embed` the first column is an
    `Image` feature that holds the picture's own bytes, name included.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shards = _write_shards(partial / "data", iter(rows), embed)
        for number, shard in enumerate(shards):
            shard.rename(shard.with_name(f"train-{number:05d}-of-{len(shards):05d}.parquet"))
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write_shards(folder: Path, rows: Iterator[Pictured], embed: bool) -> list[Path]:
    from pyarrow import parquet

    schema = _schema(embed)
    folder.mkdir(parents=True)
    shards: list[Path] = []
    group = _table(rows, schema, embed)
    while group is not None or not shards:
        shards.append(folder / f"{len(shards)}.parquet")
        with parquet.ParquetWriter(shards[-1], schema) as writer:
            while group is not None and shards[-1].stat().st_size < SHARD_BYTES:
                writer.write_table(group)
                group = _table(rows, schema, embed)
    return shards


def _table(rows: Iterator[Pictured], schema: Any, embed: bool) -> Any:
    """The next group of rows as a table, None after the last."""
    import pyarrow as pa

    group = [each for each, _ in zip(rows, range(_GROUP), strict=False)]
    if not group:
        return None
    columns: dict[str, list[Any]] = {name: [each.row.get(name) for each in group] for name in _COLUMNS}
    if embed:
        columns["image"] = [
            {"bytes": each.picture, "path": Path(each.row["image_path"]).name} for each in group
        ]
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _schema(embed: bool) -> Any:
    """Arrow's schema with the features that `datasets` and the hub's viewer read from it."""
    from datasets import Features, Image, List, Value

    features: dict[str, Any] = {"image": Image()} if embed else {}
    features |= {name: Value("string") for name in _TEXTS} | {name: List(Value("string")) for name in _LISTS}
    return Features(features).arrow_schema


def shards(source: Path) -> list[Path]:
    """The Parquet files of a folder (or the one file), by name. Raises InputError if there is none."""
    paths = [source] if source.is_file() else sorted(source.rglob("*.parquet"))
    if not paths:
        raise InputError(
            f"{source}: is a folder without a .parquet file; name a row file, or a folder of Parquet shards"
        )
    return paths


def count(source: Path) -> int:
    """Rows of all shards, by their headers. Raises InputError for a file that is no Parquet."""
    return sum(_opened(path).metadata.num_rows for path in shards(source))


def read(source: Path) -> Iterator[tuple[Path, int, Pictured]]:
    """(shard, row number from 1, row with the picture inside it) of every row, a group of rows at a time."""
    for path in shards(source):
        number = 0
        for batch in _opened(path).iter_batches(batch_size=_GROUP):
            for row in batch.to_pylist():
                number += 1
                image = row.pop("image", None)
                yield path, number, Pictured(row, image.get("bytes") if isinstance(image, dict) else None)


def _opened(path: Path) -> Any:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except ArrowInvalid as error:
        raise InputError(f"{path}: is no whole Parquet file: {' '.join(str(error).split())}") from None
