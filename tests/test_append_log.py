"""A log that survives a kill and a full disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.json_files import json_rows, rows_of, same_folder
from unifer import files
from unifer.append_log import AppendLog


@same_folder
@given(rows=st.lists(json_rows, min_size=1, max_size=5), data=st.data())
def test_a_log_torn_at_any_byte_keeps_its_whole_rows_and_goes_on(
    tmp_path: Path, rows: list[Any], data: st.DataObject
) -> None:
    path = tmp_path / "log.jsonl"
    path.unlink(missing_ok=True)
    with AppendLog(path) as log:
        for row in rows:
            log.append(row)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    with AppendLog(path) as log:
        log.append({"after": 1})
    kept = whole[:cut].count(b"\n")
    assert rows_of(path) == [*rows[:kept], {"after": 1}]


def test_a_torn_line_longer_than_the_reading_block_is_cut_off_too(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b"x" * 200_000)
    with AppendLog(path):
        pass
    assert path.read_bytes() == b'{"a": 1}\n'


def test_a_log_that_holds_only_a_torn_line_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a"')
    with AppendLog(path):
        pass
    assert path.read_bytes() == b""


class FullDisk:
    """A stream that takes `room` bytes and then answers as a full disk does."""

    def __init__(self, stream: Any, room: int) -> None:
        self._stream, self._room = stream, room

    def write(self, data: bytes) -> int:
        if self._room == 0:
            raise OSError(28, "No space left on device")
        taken = data[: self._room]
        self._room -= len(taken)
        return int(self._stream.write(taken))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def test_a_full_disk_takes_back_the_part_of_a_line_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = AppendLog(path)
    log.append({"a": 1})
    log._stream = FullDisk(log._stream, room=4)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        log.append({"a": 2})
    assert path.read_bytes() == b'{"a": 1}\n'


def test_a_short_write_is_continued_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = AppendLog(path)
    stream = log._stream
    log._stream = Dribble(stream)  # type: ignore[assignment]
    log.append({"reply": "a longer line than one write takes"})
    assert rows_of(path) == [{"reply": "a longer line than one write takes"}]


class Dribble:
    """A stream that takes three bytes a write, as a pipe or a nearly full disk may."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        return int(self._stream.write(data[:3]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def test_a_reply_with_half_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with AppendLog(path) as log:
        log.append({"model_response": "\ud83d"})
        log.append({"model_response": "😀"})
    assert rows_of(path) == [{"model_response": "\ud83d"}, {"model_response": "😀"}]
    files.write_rows(tmp_path / "x.json", [{"model_response": "\ud83d"}])
    assert rows_of(tmp_path / "x.json") == [{"model_response": "\ud83d"}]


def test_line_separators_inside_a_reply_do_not_end_the_row(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    reply = "a\u2028b\u2029c\x85d\x0be\r\nf"
    with AppendLog(path) as log:
        log.append({"model_response": reply})
        log.append({"model_response": "next"})
    assert [row["model_response"] for row in rows_of(path)] == [reply, "next"]


def test_a_row_that_json_cannot_hold_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with AppendLog(path) as log:
        log.append({"a": 1})
        with pytest.raises(ValueError, match="JSON compliant"):
            log.append({"a": float("inf")})
    assert rows_of(path) == [{"a": 1}]
