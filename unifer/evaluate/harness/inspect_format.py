"""Log files of inspect_ai byte by byte, read and written, and whatever else is no public interface of it.

The one module to mend when inspect_ai changes: it was written for `WRITTEN_FOR`, and refuses logs of another
format than `FORMAT`. A `.eval` file is a ZIP archive of one JSON per sample, a `.json` file holds all of
them. Of an archive one sample is in memory at a time, its pictures and transcript dropped. Inspect's own
reader takes seven times as long for 11,000 rows (docs/measurements.md), and its own writer takes time with
the square of their number. What a sample means is `logs`; what a log must say is `writing`.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ModelOutput
from pydantic_core import to_json

from unifer.errors import InputError
from unifer.records import Json

WRITTEN_FOR = "0.3.285"
"""The version of inspect_ai whose files these are."""
FORMAT = 2
"""The `version` in the header of its logs."""
SUFFIX = ".eval"
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
class LogSample:
    """One sample of a log: `error` is the message that ended it, `limit` the kind of limit that did."""

    id: str
    epoch: int
    output: ModelOutput
    metadata: Json
    error: str | None
    limit: str | None


def task_error(message: str) -> Exception:
    """An error that inspect shows as one line, without a stack: of a task that cannot be made."""
    try:
        from inspect_ai._util.error import PrerequisiteError
    except ImportError:  # moved in another version, where the message then stands below a stack
        return InputError(message)
    return PrerequisiteError(message)


def read_header(path: Path) -> EvalLog:
    """A log without its samples. Raises InputError: not there, no log, damaged, cut off, another format."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with _reporting_damage(path):
        log = read_eval_log(path.as_posix(), header_only=True)
    _check_format(path, log.version)
    return log


def read_samples(path: Path) -> Iterator[LogSample]:
    """The samples of a log, in the order of the file. Raises InputError as `read_header`."""
    with _reporting_damage(path):
        yield from map(_sample, _from_archive(path) if path.suffix == SUFFIX else _from_json(path))


@contextmanager
def writing(path: Path, header: EvalLog) -> Iterator[Callable[[str, Any], None]]:
    """`put(name, JSON)` into a log that takes the place of `path` once the block ends well.

    The header is written last, with what the block made of it. Raises InputError for an inspect_ai of another
    format.
    """
    _check_format(path, header.version)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:

            def put(name: str, value: Any) -> None:
                archive.writestr(name, to_json(value, exclude_none=True, inf_nan_mode="constants"))

            start = {"version": header.version, "eval": header.eval, "plan": header.plan}
            put("_journal/start.json", start)
            yield put
            put("header.json", header)
        temporary.replace(path)


def sample_name(id: str | int) -> str:
    """The name in the archive of the first epoch of a sample."""
    return f"samples/{id}_epoch_1.json"


def _check_format(path: Path, version: int) -> None:
    if version != FORMAT:
        raise InputError(
            f"{path}: the inspect_ai that is installed has logs of format {version}, and unifer knows format "
            f"{FORMAT} of inspect_ai {WRITTEN_FOR}; install that one: pip install inspect-ai=={WRITTEN_FOR}"
        )


def _from_archive(path: Path) -> Iterator[Json]:
    with zipfile.ZipFile(path) as archive:
        # A sample that was asked again stands there twice; a name means the later one.
        for name in dict.fromkeys(archive.namelist()):
            if name.startswith("samples/") and name.endswith(".json"):
                yield json.loads(archive.read(name))


def _from_json(path: Path) -> Iterator[Json]:
    yield from json.loads(path.read_bytes()).get("samples") or ()


def _sample(row: Json) -> LogSample:
    error: Any = row.get("error")
    limit: Any = row.get("limit")
    return LogSample(
        id=str(row["id"]),
        epoch=int(row["epoch"]),
        output=ModelOutput.model_validate(row.get("output") or {}),
        metadata=dict(row.get("metadata") or {}),
        error=None if error is None else str(error["message"]),
        limit=None if limit is None else str(limit["type"]),
    )


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        problem = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read as a log of inspect_ai ({problem}); it is damaged or was cut off: "
            "copy it again, or run the task again"
        ) from None
