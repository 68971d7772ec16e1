"""What stops the quickstart, and how it goes on."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.quickstart.conftest import STAGES, summary
from tests.cli.quickstart.quickstarting import Commands
from unifer import cli, files
from unifer.cli import machine, quickstart


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ({"free_disk": lambda path: 3e8}, "0.3 GB are free on its disk, 1.0 GB are needed; free some space"),
        ({"free_memory": lambda: 1e9}, "GRPO takes 4.0 GB of memory, 0.9 GB are free; close other programs"),
    ],
    ids=["disk", "memory"],
)
def test_a_machine_that_is_too_small_is_refused_before_any_work(
    refused: dict[str, Any],
    message: str,
    root: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, answer in refused.items():
        monkeypatch.setattr(machine, name, answer)
    assert cli.main(["quickstart"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert commands.ran == []


def test_no_two_series_of_faces_are_one() -> None:
    """Faces of one seed are the same faces: training on the held-out ones would be the oldest mistake there
    is.
    """
    seeds = [series[series.index("--seed") + 1] for series in quickstart.FACES.values()]
    assert len(set(seeds)) == len(seeds) == 3


def test_a_run_by_another_recipe_is_not_gone_on_with(
    root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its finished stages would be skipped, and the new figures stand on the old faces."""
    (root / "runs/quickstart").mkdir(parents=True)
    files.write_json(root / "runs/quickstart/stages.json", {"faces": 4.5, "sft": 291.0})
    assert cli.main(["quickstart"]) == 2
    assert "--fresh" in capsys.readouterr().err
    assert commands.ran == []
    assert cli.main(["quickstart", "--fresh"]) == 0
    assert commands.ran == STAGES


def test_the_time_to_install_is_that_of_the_first_run(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run finds everything installed: its 0 seconds would hide what a new user waits for."""
    for seconds in ("6", "0"):
        monkeypatch.setenv("UNIFER_SETUP_SECONDS", seconds)
        cli.main(["quickstart"])
    assert summary(root)["seconds"]["install"] == 6


@pytest.mark.parametrize("stage", ["sft", "grpo", "infer"])
def test_a_failed_stage_stops_the_run_and_the_next_goes_on_from_it(
    stage: str, root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.failing = stage
    assert cli.main(["quickstart"]) == 2
    said = capsys.readouterr().err
    assert f"{stage} ended with status 3" in said
    assert "the engine broke" in said
    assert commands.ran == STAGES[: STAGES.index(stage) + 1]
    assert not (root / "runs" / "quickstart" / "summary.json").exists()
    commands.failing = ""
    commands.ran.clear()
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == STAGES[STAGES.index(stage) :], "the command goes on with its own rows"


def test_the_small_model_trains_on_one_process(root: Path, commands: Commands) -> None:
    """A rank a GPU would multiply the batch that the config was tuned for."""
    cli.main(["quickstart"])
    assert commands.environment["sft"]["NPROC"] == commands.environment["grpo"]["NPROC"] == "1"


@pytest.mark.parametrize(
    ("stage", "done"), [("sft", ["faces"]), ("grpo", ["faces", "sft"]), ("infer", ["faces", "sft", "grpo"])]
)
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_a_stage_leaves_it_unfinished(
    stage: str,
    done: list[str],
    asked: signal.Signals,
    root: Path,
    commands: Commands,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`kill` too: the training would go on, unseen, with the next quickstart beside it."""
    commands.stopping, commands.signal = stage, asked
    assert cli.main(["quickstart"]) == 130
    assert capsys.readouterr().err == "\nunifer: stopped; run the same command to go on\n"
    assert list(files.read_json(root / "runs" / "quickstart" / "stages.json")["seconds"]) == done


def test_fresh_moves_the_old_run_aside_whole(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    work = root / "runs" / "quickstart"
    before = {path.relative_to(work): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    commands.ran.clear()
    assert cli.main(["quickstart", "--fresh"]) == 0
    assert commands.ran == STAGES
    aside = root / "runs" / "quickstart.1"
    assert {
        path.relative_to(aside): path.read_bytes() for path in aside.rglob("*") if path.is_file()
    } == before
