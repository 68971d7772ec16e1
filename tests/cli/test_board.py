"""Stages on the screen: a live table on a terminal, lines in a pipe; clocks are doubles."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from unifer.cli import board
from unifer.progress import Progress

TITLES = {"faces": "draw faces", "grpo": "GRPO on rows with labels alone, rollouts by vLLM", "score": "score"}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def steps(done: int, text: str = "") -> dict[str, Progress]:
    return {"grpo": Progress("GRPO", done, 80, "steps", text)}


def shown(live: board.LiveBoard) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80).print(live.table())
    return out.getvalue().splitlines()


def test_a_pipe_gets_a_line_a_stage_and_one_every_half_minute(clock: Clock) -> None:
    said: list[str] = []
    lines = board.LineBoard(TITLES, {}, said.append, clock)
    lines.done("faces", 11, before=True)
    lines.begin("grpo")
    for second in range(70):
        clock.now = 100.0 + second
        lines.hear(steps(second // 2, "reward 2.31") if second > 9 else {})
    lines.done("grpo", 489, before=False)
    assert said == [
        "faces: done before, in 0:11",
        "grpo: GRPO on rows with labels alone, rollouts by vLLM",
        "grpo: 15/80 steps, reward 2.31, 0:30, 2:10 left",
        "grpo: 30/80 steps, reward 2.31, 1:00, 1:40 left",
        "grpo: done, in 8:09",
    ]


def test_a_terminal_of_80_columns_shows_every_stage(clock: Clock) -> None:
    live = board.LiveBoard(TITLES, {"grpo": 489, "score": 10}, {}, clock)
    live.done("faces", 11, before=True)
    live.begin("grpo")
    assert [line.split()[-1] for line in shown(live)[1:]] == ["done", "~8:09", "~0:10"]
    live.hear(steps(0))
    clock.now += 30
    live.hear(steps(34, "reward 2.31, WAR 74.2 %"))
    lines = shown(live)
    assert max(map(len, lines)) <= 80
    assert "34/80 steps, reward 2.31, WAR 74.2 %" in lines[2]
    assert lines[2].split()[-2:] == ["0:30", "0:41"]


def test_a_command_that_counts_anew_for_each_model_counts_on(clock: Clock) -> None:
    """Time left would be that of the first of three models, then jump."""
    run = board._RunningStage("infer", 100.0, 2392)
    run.hear({"infer": Progress("UniFER-Tiny", 1192, 1192, "images")}, 110.0)
    run.hear({"infer": Progress("UniFER-Tiny-SFT", 500, 1000, "images")}, 120.0)
    assert (run.done, run.total) == (1692, 2392)
    assert run.left(120.0) == pytest.approx(700 / 50)


def test_commands_side_by_side_are_counted_together(clock: Clock) -> None:
    run = board._RunningStage("faces", 100.0)
    run.hear({"a": Progress("drawing", 10, 10, "faces"), "b": Progress("drawing", 5, 20, "faces")}, 101.0)
    assert run.counted == "15/30 faces"
    assert run.left(101.0) is None, "one look tells no speed"


@pytest.mark.parametrize("terminal", ["dumb", None])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    terminal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("TERM", raising=False)
    if terminal:
        monkeypatch.setenv("TERM", terminal)
    assert isinstance(board.board(TITLES, {}, {}), board.LineBoard)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(board.board(TITLES, {}, {}), board.LiveBoard)
