"""Rows on disk -> a memory-mapped Arrow table, images looked at before the start and decoded when fetched.

The first start checks every row and writes the table into the cache, under a key of the file's own hash and
of what else shapes the table; later starts only map it, so that neither a rank's memory nor the time to the
first batch grows with the number of rows. The first start decodes every image too, later ones a sample of
them: hours into a run is no time to learn of a missing folder or of a half-copied file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

from unifer import emotions, files
from unifer.dialogue import images, prompts
from unifer.dialogue.vocabulary import vocabulary
from unifer.errors import InputError
from unifer.locks import in_turn
from unifer.records import CoTRow, Json, RewardRow
from unifer.releases import hint
from unifer.runs import describe_file

log = logging.getLogger(__name__)

_CHUNK = 10_000
_LATER = 256
_LISTED = 100
_REPORT = 20_000

_COT = {"image_path": "string", "question": "string", "response": "string"}
_REWARD = {
    "key": "string",
    "image_path": "string",
    "problem": "string",
    "label": "string",
    "candidate_labels": "list<string>",
    "action_units": "list<int8>",
}
"""Columns of the prepared tables; an absent annotation is a null, not an empty list."""


def cache_root() -> Path:
    """Where prepared tables go: `UNIFER_CACHE`, else `unifer` in the user's cache folder."""
    own = os.environ.get("UNIFER_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "unifer"


def _stamp(digest: str) -> Path:
    return cache_root() / "rows" / f"{digest[:32]}-images"


def table(path: Path, columns: dict[str, str], parse: Callable[[Any], Any], digest: str) -> Any:
    """The rows of `path` as a memory-mapped `datasets.Dataset` of `columns` (attribute of a record -> type).

    `digest` is the file's SHA-256. Ranks of one machine take turns at the lock, so that one prepares the
    table and the others map it. Raises InputError with file:row for the first row that `parse` refuses.
    """
    import datasets

    folder = cache_root() / "rows"
    prepared = folder / f"{digest[:32]}-{fingerprint(columns)}.arrow"
    with in_turn(folder / f"{prepared.stem}.lock"):
        if not prepared.exists():
            _prepare(path, prepared, columns, parse)
    return datasets.Dataset.from_file(str(prepared))


def fingerprint(columns: dict[str, str]) -> str:
    """Hash of what shapes a prepared table of `columns` besides its file: a change of it makes a new table.

    The columns, the fields that records are read from, the spellings by which a problem offers labels, the
    templates and control tokens of prompts. Only code that reads the same facts otherwise goes unnoticed.
    """
    facts = {
        "columns": columns,
        "fields": [[field.name for field in fields(record)] for record in (CoTRow, RewardRow)],
        "spellings": dict(emotions.SPELLINGS),
        "prompts": [prompts.VERSION, prompts.RESERVED, dict(prompts.TEMPLATES)],
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _prepare(path: Path, prepared: Path, columns: dict[str, str], parse: Callable[[Any], Any]) -> None:
    import pyarrow as pa

    log.warning(
        "%s: checking every row and preparing the memory-mapped table (first start on this file only)", path
    )
    types = {"string": pa.string(), "list<string>": pa.list_(pa.string()), "list<int8>": pa.list_(pa.int8())}
    schema = pa.schema([(column, types[kind]) for column, kind in columns.items()])
    records = files.read_records(path, parse, key=lambda record: record.id)
    partial = prepared.with_suffix(".partial")
    count = 0
    with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for chunk in _chunks(records):
            arrays = [
                pa.array([getattr(row, column) for row in chunk], schema.field(column).type)
                for column in columns
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            count += len(chunk)
            if count % 100_000 == 0:
                log.warning("%s: %d rows", path, count)
    if count == 0:
        partial.unlink()
        raise InputError(f"{path}: holds no rows")
    partial.replace(prepared)
    log.warning("%s: %d rows prepared", path, count)


def _chunks(records: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(records, _CHUNK)):
        yield chunk


def cot_rows(path: Path, digest: str, image_root: Path | None, rule: images.ImageRule) -> Any:
    """CoT rows as TRL's SFTTrainer takes them: `prompt`, `completion` (a turn each), decoded RGB `image`."""
    rows = table(path, _COT, _checked_cot, digest)
    check_images(path, distinct(rows, "image_path"), image_root, _stamp(digest))

    def fetch(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
        return {
            "prompt": [prompts.trainer_prompt(question) for question in batch["question"]],
            "completion": [prompts.trainer_completion(response) for response in batch["response"]],
            "image": [load_image(path, image, image_root, rule) for image in batch["image_path"]],
        }

    return rows.with_transform(fetch)


def distinct(rows: Any, column: str) -> list[str]:
    """The distinct texts of a stored column, from the mapped table: no row is decoded."""
    texts: list[str] = rows.data.column(column).unique().to_pylist()
    return texts


def _checked_cot(raw: Any) -> CoTRow:
    row = CoTRow.from_json(raw)
    for field, text in (("question", row.question), ("response", row.response)):
        try:
            prompts.check_prompt(text)
        except ValueError as error:
            raise ValueError(f"{field!r}: {error}") from None
    return row


def reward_rows(path: Path, digest: str, image_root: Path | None, rule: images.ImageRule) -> Any:
    """Reward rows as TRL's GRPOTrainer takes them: `prompt`, decoded RGB `image`, columns of rewards."""
    rows = table(path, _REWARD, _checked_reward, digest)
    check_images(path, distinct(rows, "image_path"), image_root, _stamp(digest))

    def fetch(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        prompt = [prompts.trainer_prompt(problem) for problem in batch["problem"]]
        # A group's rows are one row, repeated: its image is decoded once, and all of them hold the same
        # object.
        pictures = {
            image: load_image(path, image, image_root, rule) for image in dict.fromkeys(batch["image_path"])
        }
        return batch | {"prompt": prompt, "image": [pictures[image] for image in batch["image_path"]]}

    return rows.with_transform(fetch)


@dataclass(frozen=True)
class _Rewarded:
    """A reward row as it is stored: its vocabulary settled."""

    row: RewardRow
    candidate_labels: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)


def _checked_reward(raw: Any) -> _Rewarded:
    row = RewardRow.from_json(raw)
    try:
        prompts.check_prompt(row.problem)
    except ValueError as error:
        raise ValueError(f"'problem': {error}") from None
    return _Rewarded(row, vocabulary(row))


def load_image(path: Path, image_path: str, image_root: Path | None, rule: images.ImageRule) -> Any:
    """The image of one row of `path`. Raises InputError naming the file and the image."""
    try:
        return images.load(images.resolve(image_path, image_root, path.parent), rule)
    except images.ImageError as error:
        raise InputError(f"{path}: the row with image_path {image_path!r}: {error}") from None


def describe(path: Path) -> Json:
    """Name, bytes and SHA-256 of a row file, for the manifest; the digest is also its key in the cache."""
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; a JSON or JSONL file of rows is expected (--rows){hint(path.name)}"
        )
    return describe_file(path)


def check_images(path: Path, image_paths: Sequence[str], image_root: Path | None, stamp: Path) -> None:
    """Decode the images that the rows of `path` name; raises InputError that lists all that cannot be read.

    `stamp` remembers that all of them once could, under that image root and with those files' folder: after
    that, evenly spread samples are looked at. Ranks of one machine take turns, so that one looks at all and
    the others at samples.
    """
    key = hashlib.sha256(
        f"{path.parent.resolve()}\0{image_root and image_root.resolve()}".encode()
    ).hexdigest()[:16]
    done = stamp.with_name(f"{stamp.name}-{key}")
    with in_turn(done.with_name(f"lock-{key}")):
        _look(path, image_paths, image_root, done)


def _look(path: Path, image_paths: Sequence[str], image_root: Path | None, done: Path) -> None:
    later = done.exists()
    chosen = _sample(image_paths) if later else image_paths
    if len(chosen) > _REPORT:
        log.warning("%s: looking at all %s images (first start on this file only)", path, f"{len(chosen):,}")
    with ThreadPoolExecutor(min(32, os.cpu_count() or 1)) as pool:
        broken = [
            problem
            for problem in pool.map(
                lambda image: _problem(image, image_root, path.parent), chosen, chunksize=64
            )
            if problem
        ]
    if broken:
        raise InputError(_listed(path, broken, len(chosen), image_root))
    done.touch()


def _sample(image_paths: Sequence[str]) -> list[str]:
    total = len(image_paths)
    return [image_paths[index * total // min(_LATER, total)] for index in range(min(_LATER, total))]


def _problem(image_path: str, image_root: Path | None, beside: Path) -> str | None:
    try:
        images.decode(images.resolve(image_path, image_root, beside), image_path)
    except images.ImageError as error:
        return str(error)
    return None


def _listed(path: Path, broken: Iterable[str], looked: int, image_root: Path | None) -> str:
    lines = list(broken)
    listing = "\n  ".join(lines[:_LISTED]) + (
        f"\n  ... and {len(lines) - _LISTED:,} more" if len(lines) > _LISTED else ""
    )
    where = f"below the image root {image_root}" if image_root else f"below {path.parent}"
    return (
        f"{path}: {len(lines):,} of {looked:,} images cannot be read (looked {where}):\n  {listing}\n"
        "name the folder that holds them with --image_root or UNIFER_IMAGE_ROOT, copy them again, or "
        "take their rows out"
    )
