"""`unifer quickstart` as its user meets it; the stages are doubles that leave real files, scoring and figures
are the real ones.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.quickstarting import LABELS, RIGHT, Commands, after, calls
from tests.conftest import EVAL_FOLDERS, ROOT
from unifer import cli, files
from unifer.cli import machine, quickstart, quickstart_results, stages
from unifer.places import FERBENCH
from unifer.report import figures

STAGES = ["faces", "faces", "faces", "sft", "grpo", "infer"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specs: list[Any]) -> Path:
    """A project with its four eval folders and nothing made yet."""
    for folder in ("data", "train_unifer", *EVAL_FOLDERS):
        (tmp_path / folder).mkdir()
    for folder, spec in zip(EVAL_FOLDERS, specs, strict=True):
        (tmp_path / folder / "dataset.yaml").write_bytes((ROOT / folder / "dataset.yaml").read_bytes())
        files.write_json(tmp_path / folder / "labels.json", list(spec.labels))
    monkeypatch.setattr(quickstart, "project_root", lambda near: tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNIFER_SETUP_SECONDS", raising=False)
    return tmp_path


@pytest.fixture
def drawn() -> None:
    """A test that asks for this gets real figures and pages; for the others they would be seconds of
    nothing.
    """


@pytest.fixture
def commands(root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Commands:
    double = Commands()
    monkeypatch.setattr(stages, "subprocess", double)
    if "drawn" not in request.fixturenames:
        for place, name in (
            (quickstart_results, "_figures"),
            (quickstart_results, "_page"),
            (figures, "confusion_png"),
        ):
            monkeypatch.setattr(place, name, lambda *_, **__: None)
    return double


def summary(root: Path) -> Any:
    return json.loads((root / "runs" / "quickstart" / "summary.json").read_text(encoding="utf-8"))


def test_stages_run_in_order_and_a_second_run_only_scores(
    root: Path, drawn: None, commands: Commands
) -> None:
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == STAGES
    commands.ran.clear()
    assert cli.main(["quickstart"]) == 0
    assert commands.ran == []
    left = {path.name for path in (root / "runs" / "quickstart").iterdir()}
    assert {"scores.png", "gallery.png", "curves.png", "summary.json", "report"} <= left
    assert "<title>UniFER-Tiny on faces" in (root / "runs/quickstart/report/index.html").read_text(
        encoding="utf-8"
    )


def test_the_summary_says_what_the_files_say(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIFER_SETUP_SECONDS", "6")
    cli.main(["quickstart"])
    found = summary(root)
    assert set(found) == {
        "base",
        "sft",
        "grpo",
        "gain",
        "recall",
        "won",
        "lost",
        "verdict",
        "seconds",
        "yardstick",
    }
    for stage, model in (("base", "UniFER-Tiny-Base"), ("sft", "UniFER-Tiny-SFT"), ("grpo", "UniFER-Tiny")):
        one, right = found[stage], RIGHT[model]
        assert (one["n"], one["accuracy"], one["uar"], one["no_answer"]) == (
            8,
            right / 8,
            right / 8,
            7 - right,
        )
        assert one["au_f1"] == pytest.approx((right + (7 - right) * 2 / 3) / 8), (
            "the face whose image failed stays in the denominator"
        )
        for score in ("accuracy", "au_f1"):
            low, high = one["ci95" if score == "accuracy" else "au_f1_ci95"]
            assert 0 <= low <= one[score] <= high <= 1
    assert set(found["seconds"]) == {"install", "faces", "sft", "grpo", "infer", "score", "total"}
    assert found["seconds"]["install"] == 6
    parts = [value for name, value in found["seconds"].items() if name != "total"]
    assert found["seconds"]["total"] == pytest.approx(sum(parts), abs=0.05)


def test_the_gain_is_that_of_grpo_over_sft_on_the_same_faces(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    gain = summary(root)["gain"]
    assert (gain["points"], gain["n"], gain["fixed"], gain["broken"]) == (37.5, 8, 3, 0)
    assert 0 <= gain["ci95"][0] < 37.5 < gain["ci95"][1]
    assert gain["au_f1"]["points"] == pytest.approx(100 * 3 / 8 / 3)
    assert gain["au_f1"]["ci95"][0] <= gain["au_f1"]["points"] <= gain["au_f1"]["ci95"][1]


def test_the_closing_table_fits_a_terminal(
    root: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["quickstart"])
    text = capsys.readouterr().out.split("held-out faces of 8 emotions")[1]
    assert max(map(len, text.splitlines())) <= 80
    lines = [line for line in text.splitlines() if line.startswith(("base ", "after SFT", "after GRPO"))]
    assert [line.split()[-1] for line in lines] == ["7", "4", "1"]
    assert "WAR: no difference that 8 faces can show; 95 % [+0.0, " in text
    assert "labels: GRPO won or lost no label that the counts can show" in text, (
        "one face a label shows nothing"
    )


def test_all_models_answer_the_same_faces_with_the_same_settings(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gain measured with another number of tokens, precision or other faces would be no gain; the base is
    stored in bfloat16.
    """
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cli.main(["quickstart"])
    held_out = str(root / "runs/quickstart/heldout")
    last, before, base = calls(commands.argv["infer"]).values()
    assert last[: last.index("--dataset-dir")] == [*quickstart.ANSWERING, "--dtype", "float32"]
    assert after(last, "--dataset-dir") == [held_out, *(str(root / name) for name in FERBENCH)]
    assert before == ["--dataset-dir", held_out], "whatever is not said again stays as it was"
    assert base == ["--limit", "200"], (
        "it says nothing to its last token, and scores 0: a few faces show that"
    )


def test_the_base_is_asked_about_fewer_faces_and_the_table_says_so(
    root: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quickstart, "BASE_LIMIT", 4)
    cli.main(["quickstart"])
    assert [summary(root)[stage]["n"] for stage in quickstart.MODELS] == [4, 8, 8]
    assert "\nbase (n=4) " in capsys.readouterr().out


def test_each_label_has_its_recall_before_and_after(root: Path, commands: Commands) -> None:
    cli.main(["quickstart"])
    found = summary(root)
    assert list(found["recall"]) == list(LABELS)
    assert [(each["before"], each["after"]) for each in found["recall"].values()] == [(1, 1)] * 3 + [
        (0, 1)
    ] * 3 + [(0, 0)] * 2
    assert (
        found["recall"]["surprise"] | {"n": 1, "fixed": 1, "broken": 0, "p_holm": 1.0}
        == found["recall"]["surprise"]
    )
    assert (found["won"], found["lost"]) == ([], [])
    assert found["verdict"]["war"] == "no difference", "three better of eight: drawn anew, often none"


def test_what_commands_say_goes_to_their_logs_alone(
    root: Path, drawn: None, commands: Commands, capfd: pytest.CaptureFixture[str]
) -> None:
    """A new user met warnings of five libraries, and could not tell them from trouble."""
    cli.main(["quickstart"])
    said = capfd.readouterr()
    assert said.err == ""
    assert "a library warns" not in said.out
    assert "scoring run" not in said.out
    logs = root / "runs/quickstart/logs"
    names = {"faces-train", "faces-rlvr", "faces-heldout", "sft", "grpo", "infer", "score"}
    assert {path.stem for path in logs.glob("*.log")} == names
    assert "a library warns" in (logs / "sft.log").read_text(encoding="utf-8")
    assert "scoring run UniFER-Tiny.sample_qa" in (logs / "score.log").read_text(encoding="utf-8")


def test_the_speed_of_the_machine_is_kept_with_the_times(root: Path, commands: Commands) -> None:
    """Machines slow down by half within minutes: seconds alone compare nothing."""
    cli.main(["quickstart"])
    found = summary(root)
    assert found["yardstick"]["before"] == ["faces", "sft", "grpo", "infer", "score"]
    assert (
        list(files.read_json(root / "runs/quickstart/stages.json")["yardsticks"].values())
        == found["yardstick"]["seconds"]
    )
    assert found["yardstick"]["total_ratio"] == pytest.approx(
        found["seconds"]["total"] / found["yardstick"]["median"], abs=0.3
    )


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
