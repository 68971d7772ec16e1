"""Files on disk: rows in (JSON array or JSONL, errors with file:row), atomic writes, append-only logs.

Knows bytes, lines, JSON and YAML; what a row means is `records`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Self, TextIO, TypeVar

from unifer import json_rows, releases
from unifer.errors import InputError

T = TypeVar("T")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def read_text(path: Path) -> str:
    """UTF-8 text of `path`, without a byte-order mark.

    Raises InputError: missing, a folder, empty, not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file{releases.hint(path.name)}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; a JSON or JSONL file is expected") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError.at(
            path, line, f"byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        ) from None
    if not text or text.isspace():  # not strip, which copies half a gigabyte
        raise InputError(f"{path}: is empty; a JSON array or JSONL rows are expected")
    return text


def read_json(path: Path, remedy: str = "") -> Any:
    """One JSON value.

    Raises InputError, its message ending in `remedy`: missing, empty, not UTF-8, not JSON.
    """
    try:
        return _json(path)
    except InputError as error:
        raise InputError(f"{error}; {remedy}" if remedy else str(error)) from None


def _json(path: Path) -> Any:
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError.at(
            path, error.lineno, f"not valid JSON, {error.msg}: {json_rows.around(text, error.pos)}"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None


def read_yaml(path: Path) -> Any:
    """One YAML value of plain types. Raises InputError: missing, empty, not UTF-8, not YAML."""
    import yaml

    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def read_rows(path: Path, skipped: Callable[[int, str], None] | None = None) -> Iterator[tuple[int, Any]]:
    """(row number from 1, row) of a JSON array or of JSONL, parsed one row at a time.

    The first character tells the two apart. For JSONL the row number is the line number. Raises InputError
    naming file and row where the text is no JSON; with `skipped`, a line of JSONL that is none is told to it
    (row number, problem) and passed over: after a fault in an array there is no next row to find.
    """
    yield from json_rows.rows(path, read_text(path), skipped)


def read_records(
    path: Path, parse: Callable[[Any], T], *, key: Callable[[T], str | None] | None = None
) -> Iterator[T]:
    """Parsed rows of `path`. With `key`, a key seen before is refused (None keys are not compared).

    Raises InputError `file:row: problem` for whatever `parse` refuses with ValueError.
    """
    first_seen: dict[str, int] = {}
    for number, row in read_rows(path):
        try:
            record = parse(row)
        except ValueError as error:
            raise InputError.at(path, number, str(error)) from None
        name = key(record) if key else None
        if name is not None and first_seen.setdefault(name, number) != number:
            raise InputError.at(
                path,
                number,
                f"{name!r} stands already in row {first_seen[name]}; each row needs its own id or image_path",
            )
        yield record


def write_text(path: Path, text: str) -> None:
    """Write all of `text` or nothing: a reader sees the old file or the new one, never half of either."""
    with _replacing(path) as stream:
        stream.write(text)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A stream whose text takes the place of `path` once the block ends well; otherwise nothing changes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_json(path: Path, value: Any) -> None:
    """`value` as indented UTF-8 JSON, atomically; ValueError for NaN or infinity, which JSON cannot hold."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_rows(path: Path, rows: Iterable[Any]) -> None:
    """Rows as JSONL if `path` ends in `.jsonl`, else as a JSON array with a row per line; atomically."""
    jsonl = path.suffix == ".jsonl"
    with _replacing(path) as stream:
        stream.write("" if jsonl else "[\n")
        for number, row in enumerate(rows):
            stream.write(("" if jsonl or not number else ",\n") + _line(row) + ("\n" if jsonl else ""))
        stream.write("" if jsonl else "\n]\n")


def _line(row: Any) -> str:
    """`row` as one line of UTF-8 JSON; with a lone surrogate, which UTF-8 cannot hold, in ASCII escapes."""
    line = _ENCODER.encode(row)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(row, allow_nan=False)
    return line


def move_aside(path: Path, *beside: Path) -> Path | None:
    """Rename the file or folder `path` to `path.1`, or the next free number; None if it is not there.

    What there is of `beside` moves too, under the same number.
    """
    present = [each for each in (path, *beside) if each.exists()]
    number = 1
    while any(each.with_name(f"{each.name}.{number}").exists() for each in present):
        number += 1
    moved = {each: each.rename(each.with_name(f"{each.name}.{number}")) for each in present}
    return moved.get(path)


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class ClosedAtExit:
    """A log as a `with` block: closed at its end, whatever happens."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def append_whole(stream: FileIO, data: bytes) -> None:
    """Write all of `data` at the end, or nothing. Raises OSError after taking back what part was written."""
    start = stream.seek(0, os.SEEK_END)
    try:
        written = 0
        while written < len(data):
            written += stream.write(data[written:]) or 0
    except OSError:
        stream.truncate(start)
        raise


class AppendLog(ClosedAtExit):
    """Append-only JSONL of one writer: each `append` is on its way to disk as a whole line before it returns.

    A line torn by a kill is cut off when the log is opened again, so every line in the file is a whole row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("a+b", buffering=0)
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        size = self._stream.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            self._stream.seek(start)
            block = self._stream.read(end - start)
            if b"\n" in block:
                end = start + block.rindex(b"\n") + 1
                break
            end = start
        if end < size:
            self._stream.truncate(end)
        self._stream.seek(0, os.SEEK_END)

    def append(self, row: Any) -> None:
        """Write one row. Raises OSError (a full disk, say) and leaves no part of the line."""
        append_whole(self._stream, (_line(row) + "\n").encode("utf-8"))

    def close(self) -> None:
        os.fsync(self._stream.fileno())
        self._stream.close()
