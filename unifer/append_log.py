"""An append-only JSONL file: a row counts when it is on disk whole; a torn last line is cut."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from io import FileIO
from pathlib import Path
from typing import Any, Self

from unifer.files import line_of


class ClosedAtExit(ABC):
    """A log as a `with` block: closed at its end, whatever happens."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left, and give the file back."""

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
        self._cut_tornline_of()

    def _cut_tornline_of(self) -> None:
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
        append_whole(self._stream, (line_of(row) + "\n").encode("utf-8"))

    def close(self) -> None:
        os.fsync(self._stream.fileno())
        self._stream.close()
