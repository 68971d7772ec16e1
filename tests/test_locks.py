"""Taking turns at a lock file."""

from __future__ import annotations

import errno
import fcntl
import logging
import threading
from pathlib import Path

import pytest

from unifer.locks import in_turn


def test_the_second_waits_until_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def first() -> None:
        with in_turn(tmp_path / "deep" / "lock"):
            inside.set()
            order.append("first begins")
            order.append("first ends")

    thread = threading.Thread(target=first)
    with in_turn(tmp_path / "deep" / "lock"):
        thread.start()
        assert not inside.wait(0.2), "it runs while another process has the lock"
        order.append("we end")
    thread.join()
    assert order == ["we end", "first begins", "first ends"]


def test_a_file_system_without_locks_is_said_and_not_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lustre without -o flock: the run ended in a bare OSError before its first step."""

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING), in_turn(tmp_path / "lock"):
        pass
    assert "-o flock" in caplog.text
    assert "UNIFER_CACHE" in caplog.text


def test_another_failure_of_the_lock_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output"), in_turn(tmp_path / "lock"):
        pass
