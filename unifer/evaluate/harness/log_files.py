"""Log files of inspect_ai read as far as predictions need: the header, and of each sample its output, its
error and its metadata.

Knows the two formats: `.eval`, a ZIP archive of one JSON a sample, and `.json`. Of an archive one sample is
in memory at a time, its pictures and transcript dropped; inspect's own reader takes several times as long.
What a sample means is `logs`.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ModelOutput

from unifer.errors import InputError
from unifer.records import Json

_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
)
"""What reading a damaged log raises."""
_LONGEST = 300


@dataclass(frozen=True)
class Logged:
    """One sample of a log: `error` is the message that ended it, `limit` the kind of limit that did."""

    id: str
    epoch: int
    output: ModelOutput
    metadata: Json
    error: str | None
    limit: str | None


def read_header(path: Path) -> EvalLog:
    """Everything of a log but its samples. Raises InputError: not there, no log, damaged, cut off."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with _reporting_damage(path):
        return read_eval_log(path.as_posix(), header_only=True)


def read_samples(path: Path) -> Iterator[Logged]:
    """The samples of a log, in the order of the file. Raises InputError as `read_header`."""
    with _reporting_damage(path):
        yield from _from_archive(path) if path.suffix == ".eval" else _from_json(path)


def _from_archive(path: Path) -> Iterator[Logged]:
    with zipfile.ZipFile(path) as archive:
        # A sample that was asked again stands there twice; a name means the later one.
        for name in dict.fromkeys(archive.namelist()):
            if name.startswith("samples/") and name.endswith(".json"):
                yield _logged(json.loads(archive.read(name)))


def _from_json(path: Path) -> Iterator[Logged]:
    for sample in json.loads(path.read_bytes()).get("samples") or ():
        yield _logged(sample)


def _logged(sample: Json) -> Logged:
    error: Any = sample.get("error")
    limit: Any = sample.get("limit")
    return Logged(
        id=str(sample["id"]),
        epoch=int(sample["epoch"]),
        output=ModelOutput.model_validate(sample.get("output") or {}),
        metadata=dict(sample.get("metadata") or {}),
        error=None if error is None else str(error["message"]),
        limit=None if limit is None else str(limit["type"]),
    )


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        said = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        problem = f"cannot be read as a log of inspect_ai ({said})"
        raise InputError(
            f"{path}: {problem}; it is damaged or was cut off: copy it again, or run the task again"
        ) from None
