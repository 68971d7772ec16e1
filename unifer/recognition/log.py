"""A file of readings that grows line by line: its lock, its manifest, and which photos it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unifer import files, runs
from unifer.append_log import AppendLog
from unifer.errors import InputError, reporting_full_disk
from unifer.locks import locked
from unifer.recognition.inputs import key_of
from unifer.recognition.readings import Reading
from unifer.records import Json

SUFFIX = ".jsonl"
COMMAND = "predict"
_REMEDY = "give --overwrite to move it aside and start anew, or --out FILE to write elsewhere"


class ReadingLog:
    """The open file. A photo is whole once all its readings are there; a kill may leave some of a photo's."""

    def __init__(self, path: Path, log: AppendLog) -> None:
        self.path = path
        self._log = log
        self._rows: dict[str, dict[int, Reading]] = {}
        for reading in read_log(path):
            self._keep(reading)

    def of(self, key: str) -> tuple[Reading, ...]:
        """The readings of a photo (`Photo.key`), if they are all there; else none."""
        rows = self._rows.get(key, {})
        there = tuple(rows[index] for index in sorted(rows))
        return there if there and len(there) >= there[0].readings else ()

    def all(self) -> list[Reading]:
        """Every reading in the file, photo by photo as they came."""
        return [row for rows in self._rows.values() for row in rows.values()]

    def add(self, readings: Sequence[Reading]) -> None:
        """Append those that are not there. Raises InputError: the disk is full."""
        with reporting_full_disk(self.path):
            for reading in readings:
                if self._keep(reading):
                    self._log.append(reading.to_json())

    def _keep(self, reading: Reading) -> bool:
        rows = self._rows.setdefault(key_of(reading.photo, reading.time), {})
        if reading.index in rows:
            return False
        rows[reading.index] = reading
        return True


def read_log(path: Path) -> Iterator[Reading]:
    """The rows of a file of readings; none if it is missing or empty.

    Raises InputError for a row that is none.
    """
    if path.exists() and path.stat().st_size:
        yield from files.read_records(path, Reading.from_json)


@contextmanager
def opened(
    path: Path, identity: Json, *, overwrite: bool = False, retry_failed: bool = False
) -> Iterator[ReadingLog]:
    """The file at `path`, locked, with what an earlier run of the same `identity` left in it.

    Raises InputError: no `.jsonl`, another process writes it, it belongs to another run (unless `overwrite`,
    which moves it aside), disk full.
    """
    if path.suffix != SUFFIX:
        raise InputError(f"{path}: readings are appended one row a line; name a file that ends in {SUFFIX}")
    manifest = runs.manifest_path(path)
    with locked(path), reporting_full_disk(path):
        if overwrite:
            files.move_aside(path, manifest)
        if runs.refuse_other_run(manifest, identity, _REMEDY) is None:
            if path.exists() and path.stat().st_size:
                raise InputError(
                    f"{path}: has no {manifest.name} beside it, so nothing says what wrote it; {_REMEDY}"
                )
            files.write_json(manifest, runs.manifest(COMMAND, identity))
        if retry_failed and path.exists():
            AppendLog(path).close()  # cuts a torn last line
            files.write_rows(path, [row.to_json() for row in read_log(path) if not row.failed])
        with AppendLog(path) as log:
            yield ReadingLog(path, log)
