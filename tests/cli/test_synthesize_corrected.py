"""`unifer synthesize` by the loop of Facial-R1: gold shown, faults fed back, rows of AUs alone kept, test
rows for people to look at.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.synthesizing import Commands, change, correct, lines, make_project, read, read_rows, synthesize
from unifer.cli import stages
from unifer.prepare.synthesis.settings import Synthesis
from unifer.reading import read as read_settings

ROUND = ["attempt_0", "attempt_1", "attempt_2", "sft", "grpo", "after", "before"]


@pytest.fixture
def config(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = make_project(tmp_path, corpus)
    correct(made)
    return made


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    double = Commands({"Model": 10, "Model-R1": 30})
    monkeypatch.setattr(stages, "subprocess", double)
    return double


def folder(config: Path) -> Path:
    return config.parent / "runs/synthesis/round_1"


def test_a_face_is_asked_again_until_it_is_right_or_its_retries_are_spent(
    config: Path, commands: Commands
) -> None:
    assert synthesize(config) == 0
    assert commands.ran == ROUND
    assert [len(lines(folder(config) / f"attempt_{number}.jsonl")) for number in range(3)] == [24, 18, 12]
    quality = read(folder(config) / "selection.json")["quality"]
    assert (quality["faces"], quality["accepted"], quality["replies"], quality["failed"]) == (24, 18, 54, 0)
    assert quality["accepted_at"] == {"1": 6, "2": 6, "3": 6}
    assert quality["reasons"] == {"aus_differ": 36}
    assert len(lines(folder(config) / "rejects.jsonl")) == 36
    assert sum(count["accepted"] for count in quality["classes"].values()) == 18


def test_the_gold_is_shown_and_faults_are_handed_back_with_the_reply(
    config: Path, commands: Commands
) -> None:
    synthesize(config)
    first, second = (
        {row["id"].partition("#")[0]: row for row in lines(folder(config) / f"attempt_{n}.jsonl")}
        for n in (0, 1)
    )
    face = read_rows(config.parent)[12]
    shown = f"the expression is {face.label} and the action units are"
    assert shown in first[str(face.id)]["prompt"]
    assert "Your last reply was" not in first[str(face.id)]["prompt"]
    asked = second[str(face.id)]["prompt"]
    assert shown in asked
    assert first[str(face.id)]["model_response"] in asked
    assert "- it names AU99, not active here; it does not name AU" in asked


def test_what_is_accepted_trains_with_the_question_a_student_sees(config: Path, commands: Commands) -> None:
    synthesize(config)
    made = {
        row["id"].partition("#")[0]: row for row in read(folder(config) / "data/cot.json") if "#" in row["id"]
    }
    pool = read_rows(config.parent)
    assert set(made) == {row.id for row in pool[6:]}
    assert all("the expression is" not in row["question"] for row in made.values())
    origin = made[str(pool[12].id)]["provenance"]
    assert (origin["attempts"], origin["filter"], origin["guided"], origin["correction"]) == (
        2,
        "facial-r1-1",
        True,
        "corrected-1",
    )
    assert "rate" not in origin, "no blind reply tells how hard the face is"
    alone = made[str(pool[-1].id)]
    assert "candidate_labels" not in alone, "a row of AUs alone is kept, and asks for no label"
    rewards = {row["id"]: row for row in read(folder(config) / "data/rlvr.json")}
    assert set(rewards) == set(made)
    assert rewards[str(pool[-1].id)]["solution"] is None


def test_test_rows_are_never_trained_on_and_wait_for_review(config: Path, commands: Commands) -> None:
    synthesize(config, "--test_share", "0.4", "--min_words", "50")
    data = folder(config) / "data"
    test = {row["id"].partition("#")[0] for row in lines(data / "review.jsonl")}
    trained = {row["id"].partition("#")[0] for name in ("cot", "rlvr") for row in read(data / f"{name}.json")}
    assert test
    assert not test & trained
    assert read(folder(config) / "selection.json")["test"] == len(test)
    for row in lines(data / "review.jsonl"):
        assert (data / row["image_path"]).is_file()
        assert row["faults"][-1] == "the reasoning has fewer words than the lower bound", (
            "what the filter of our own loop would say"
        )


@pytest.mark.parametrize("stage", ROUND[:3])
def test_a_loop_that_stopped_asks_nothing_twice(stage: str, config: Path, commands: Commands) -> None:
    commands.stopping = stage
    assert synthesize(config) == 130
    commands.stopping = ""
    commands.ran.clear()
    assert synthesize(config) == 0
    assert commands.ran == ROUND[ROUND.index(stage) :]
    for number in range(3):
        rows = lines(folder(config) / f"attempt_{number}.jsonl")
        assert len({row["id"] for row in rows}) == len(rows)


def test_the_loop_ends_when_every_face_is_right(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read(config.parent / "pool/rlvr.json")
    (config.parent / "pool/rlvr.json").write_text(json.dumps(rows[6:12]))
    assert synthesize(config) == 0
    assert commands.ran == ["attempt_0", *ROUND[3:]]
    assert "faces, gold shown: 6 of 6 accepted, in 6 replies" in capsys.readouterr().out


def test_another_loop_in_the_same_folder_is_refused(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesize(config)
    assert synthesize(config, "--retries", "4") == 2
    assert "settings.correction.retries: 2 -> 4" in capsys.readouterr().err
    change(config, correction={"retries": 5}, generation={"temperature": 0.9})
    assert synthesize(config, "--loop", "blind") == 2
    assert "settings.loop" in capsys.readouterr().err


def test_a_face_that_failed_is_asked_again(config: Path, commands: Commands) -> None:
    replies = read(config.parent / "replies.json")
    face = read_rows(config.parent)[20]
    del replies[f"{face.id}#try-1"]
    (config.parent / "replies.json").write_text(json.dumps(replies))
    assert synthesize(config) == 0
    quality = read(folder(config) / "selection.json")["quality"]
    assert (quality["failed"], quality["accepted"]) == (1, 18)
    assert read(folder(config) / "selection.json")["quality"]["accepted_at"]["3"] == 6


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--retries", "-1"], "correction: retries -1 must be at least 0"),
        (["--test_share", "1"], "test_share 1.0 must be from 0 to below 1"),
        (["--loop", "published"], "allowed are blind, facial-r1"),
        (["--loop", "blind", "--temperature", "0.5"], "is for the loop facial-r1"),
        (
            ["--sft.start", "base", "--sft.base", "null"],
            "sft: start is base: name the checkpoint as `sft.base`",
        ),
    ],
)
def test_what_the_loop_cannot_be(
    flags: list[str], message: str, config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthesize(config, *flags) == 2
    assert message in capsys.readouterr().err
    assert commands.ran == []


def test_shipped_recipes_inherit_and_change_the_loop() -> None:
    from tests.conftest import ROOT

    configs = ROOT / "train_unifer/configs"
    for name, base in (
        ("facial_r1_synthesis", "synthesis_7b"),
        ("facial_r1_synthesis_tiny", "synthesis_tiny"),
    ):
        found, theirs = (read_settings(Synthesis, configs / f"{each}.yaml") for each in (name, base))
        assert (found.loop, found.correction.retries, found.generation.temperature) == ("facial-r1", 5, 0.0)
        assert found.generation.max_new_tokens == theirs.generation.max_new_tokens, (
            "a section holds only what differs"
        )
        assert found.out != theirs.out
        assert found.sft.config.is_file()
        assert found.grpo.config.is_file()
