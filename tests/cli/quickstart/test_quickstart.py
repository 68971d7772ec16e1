"""`unifer quickstart` as its user meets it; the stages are doubles that leave real files, scoring and figures
are the real ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.quickstart.conftest import STAGES, summary
from tests.cli.quickstart.quickstarting import LABELS, RIGHT, Commands, after, calls
from unifer import cli, files
from unifer.cli import quickstart
from unifer.places import FERBENCH


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
