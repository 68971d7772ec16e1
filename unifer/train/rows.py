"""Rows on disk -> a memory-mapped Arrow table, images decoded when a row is fetched.

The first start checks every row and writes the table into the cache under the file's own hash; later starts
only map it, so that neither a rank's memory nor the time to the first batch grows with the number of rows.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from unifer import files
from unifer.dialogue import images, prompts
from unifer.dialogue.vocabulary import vocabulary
from unifer.errors import InputError
from unifer.locks import in_turn
from unifer.records import CoTRow, Json, RewardRow
from unifer.releases import hint
from unifer.train import row_images

log = logging.getLogger(__name__)

_FORMAT = 3
_CHUNK = 10_000

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
    prepared = folder / f"{digest[:32]}-{'-'.join(columns)}-v{_FORMAT}.arrow"
    with in_turn(folder / f"{prepared.stem}.lock"):
        if not prepared.exists():
            _prepare(path, prepared, columns, parse)
    return datasets.Dataset.from_file(str(prepared))


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
    """CoT rows as TRL's SFTTrainer takes them: `prompt`, `completion` (one turn each) and the decoded RGB
    `image`.
    """
    rows = table(path, _COT, _checked_cot, digest)
    row_images.check(path, distinct(rows, "image_path"), image_root, _stamp(digest))

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
    """Reward rows as TRL's GRPOTrainer takes them: `prompt`, the decoded RGB `image`, and what the rewards
    and the rollout log read.
    """
    rows = table(path, _REWARD, _checked_reward, digest)
    row_images.check(path, distinct(rows, "image_path"), image_root, _stamp(digest))

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
    from unifer.runs import describe_file

    return describe_file(path)
