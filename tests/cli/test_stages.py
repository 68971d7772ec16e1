"""Stages and their processes: real ones, of a line of Python each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unifer.cli.stages import side_by_side
from unifer.errors import InputError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_side_by_side_really_is(tmp_path: Path) -> None:
    """Each waits for the other's sign: one after the other, they would wait for ever."""
    wait = (
        "import pathlib, time\npathlib.Path({mine!r}).touch()\nwhile not "
        "pathlib.Path({other!r}).exists(): time.sleep(0.01)"
    )
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    commands = {
        "one": python(wait.format(mine=one, other=two)),
        "two": python(wait.format(mine=two, other=one)),
    }
    side_by_side(commands, tmp_path / "logs", lanes=2)


def test_one_lane_is_one_after_the_other(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    commands = {name: python(f"open({str(seen)!r}, 'a').write({name!r})") for name in "abc"}
    side_by_side(commands, tmp_path / "logs", lanes=1)
    assert seen.read_text() == "abc"
    assert not (tmp_path / "logs").exists(), "one at a time shows what it says"


def test_what_a_failed_command_said_in_silence_is_shown_and_the_rest_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log file that nobody knows of explains nothing; a process left behind eats the machine."""
    monkeypatch.setattr("unifer.cli.stages._STOP_SECONDS", 0.05)
    survivor = tmp_path / "survivor"
    endless = python(f"import pathlib, time\ntime.sleep(60)\npathlib.Path({str(survivor)!r}).touch()")
    commands = {"shown": endless, "broken": python("import sys; sys.exit('the disk is full')")}
    with pytest.raises(
        InputError,
        match=r"broken ended with status 1; its log .*broken.log ends with\n  \| the disk is full\n",
    ):
        side_by_side(commands, tmp_path / "logs", lanes=2)
    assert not survivor.exists()


def test_every_command_gets_the_environment(tmp_path: Path) -> None:
    code = "import os, sys; sys.exit(os.environ['OMP_NUM_THREADS'] != '1')"
    side_by_side({"a": python(code), "b": python(code)}, tmp_path, 2, OMP_NUM_THREADS="1")


def test_a_disk_that_filled_up_is_named_even_where_the_log_could_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unifer.cli.stages.free_disk", lambda path: 0.0)
    with pytest.raises(
        InputError, match="the disk is full: free some space, then the same command goes on from here"
    ):
        side_by_side({"a": python("raise SystemExit(1)")}, tmp_path / "logs", 1, heard=lambda told: None)


def test_a_command_killed_for_memory_says_so(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(InputError, match="killed: most likely memory ran out"):
        side_by_side({"a": python(code)}, tmp_path / "logs", 1, heard=lambda told: None)


def test_a_log_keeps_what_an_earlier_try_said_and_only_the_last_is_shown(tmp_path: Path) -> None:
    for word in ("first", "second"):
        with pytest.raises(InputError) as error:
            side_by_side(
                {"a": python(f"raise SystemExit('{word}')")}, tmp_path / "logs", 1, heard=lambda told: None
            )
    assert "second" in str(error.value)
    assert "first" not in str(error.value)
    assert (tmp_path / "logs" / "a.log").read_text(encoding="utf-8") == "first\nsecond\n"
