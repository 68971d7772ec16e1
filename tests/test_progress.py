"""How far a command is, told through a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer.cli import console
from unifer.progress import VARIABLE, Progress, heard, teller


def test_nothing_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert teller("drawing", 10) is None


def test_the_last_unit_is_always_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told a few times a second at most, a quick stage would stay at 98 % for ever."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "told"))
    monkeypatch.setattr("unifer.progress._EVERY_SECONDS", 3600)
    telling = teller("drawing", 100, done=3, unit="faces")
    assert telling is not None
    telling(5)
    assert heard(tmp_path / "told") == Progress("drawing", 3, 100, "faces")
    telling(92)
    assert heard(tmp_path / "told") == Progress("drawing", 100, 100, "faces")


def test_a_file_that_cannot_be_written_ends_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no such folder" / "told"))
    telling = teller("drawing", 2)
    assert telling is not None
    telling(2)
    assert heard(tmp_path / "no such folder" / "told") is None


def test_commands_tell_instead_of_printing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "told"))
    with console.progress("drawing", 2, unit="faces") as advance:
        advance(2)
    assert heard(tmp_path / "told") == Progress("drawing", 2, 2, "faces")
    assert capsys.readouterr().err == ""
