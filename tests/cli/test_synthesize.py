"""`unifer synthesize` as its user meets it: rounds, resuming, refusals, and what the reports count."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.synthesizing import Commands, after, change, lines, out, read, read_rows, synthesize
from unifer.dialogue import prompts

ROUND = ["generate", "sft", "grpo", "after", "before"]


def test_a_round_is_a_folder_that_says_all(config: Path, commands: Commands) -> None:
    assert synthesize(config) == 0
    assert commands.ran == ROUND
    folder = out(config) / "round_1"
    assert len(lines(folder / "generations.jsonl")) == 48
    report = read(folder / "selection.json")
    assert report["quality"]["blind"] | {"classes": None} == {
        "asked": 48,
        "failed": 0,
        "rejected": 24,
        "passed": 24,
        "reasons": {"wrong_label": 24},
        "classes": None,
    }
    assert report["quality"]["guided"] is None
    assert report["difficulty"] == {"0/2": 6, "1/2": 12, "2/2": 6}
    rejects = lines(folder / "rejects.jsonl")
    assert Counter(tuple(row["reasons"]) for row in rejects) == {("wrong_label",): 24}
    assert all(row["response"] for row in rejects)
    for name in ("cot", "rlvr"):
        assert read(folder / "data" / f"{name}.manifest.json")["identity"]["round"] == 1
    assert read(folder / "manifest.json")["identity"]["teacher"]["name"] == "Model"


def test_what_is_trained_on_can_be_read_from_where_it_lies(config: Path, commands: Commands) -> None:
    """Rows of two folders stand in one file; their pictures must still be found."""
    synthesize(config)
    data = out(config) / "round_1" / "data"
    made = read(data / "cot.json")
    synthetic = [row for row in made if "#" in row["id"]]
    assert (len(synthetic), len(made) - len(synthetic)) == (12, 6), (
        "half an original row for each synthesised one"
    )
    for row in [*made, *read(data / "rlvr.json")]:
        assert (data / row["image_path"]).is_file()
    faces = {row["id"].partition("#")[0] for row in synthetic}
    assert len(faces) == 12, "one row a face"
    assert not faces & {row.id for row in read_rows(config.parent)[:6]}, "never read right, nothing passed"
    assert {row["provenance"]["rate"] for row in read(data / "rlvr.json")} == {"1/2"}, (
        "a group of one reward teaches GRPO nothing"
    )
    origin = synthetic[0]["provenance"]
    assert (origin["builder"], origin["teacher"], origin["round"], origin["guided"]) == (
        "synthesis",
        "Model",
        1,
        False,
    )
    assert origin["synthetic"] is True, "the face's own provenance goes along"


def test_training_gets_its_rows_start_and_settings(config: Path, commands: Commands) -> None:
    synthesize(config)
    folder = out(config) / "round_1"
    sft, grpo = commands.argv["sft"], commands.argv["grpo"]
    assert after(sft, "--config") == str(config.parent / "sft.yaml")
    assert after(sft, "--rows") == str(folder / "data/cot.json")
    assert after(sft, "--model_name_or_path") == str(config.parent / "Model")
    assert after(sft, "--max_steps") == "3"
    assert after(grpo, "--rows") == str(folder / "data/rlvr.json")
    assert after(grpo, "--model_name_or_path") == after(sft, "--output_dir") == str(folder / "Model-R1-SFT")
    assert after(grpo, "--output_dir") == str(folder / "Model-R1")
    assert commands.environment["sft"]["NPROC"] == "1"
    assert "NPROC" not in commands.environment["grpo"]


def test_sft_can_start_from_the_base_in_every_round(config: Path, commands: Commands) -> None:
    synthesize(config, "--sft.start", "base", "--rounds", "2")
    assert after(commands.argv["sft"], "--model_name_or_path") == str(config.parent / "Base")
    assert after(commands.argv["generate"], "--model") == str(out(config) / "round_1/Model-R1")


def test_both_models_answer_with_the_same_settings(config: Path, commands: Commands) -> None:
    synthesize(config, "--evaluation.max_new_tokens", "99")
    one, other = (commands.argv[name] for name in ("before", "after"))
    assert one[one.index("--dataset-dir") :] == other[other.index("--dataset-dir") :]
    assert after(one, "--max-new-tokens") == "99"


def test_a_round_that_helped_is_the_best_and_the_next_starts_from_it(
    config: Path, commands: Commands
) -> None:
    assert synthesize(config, "--rounds", "3") == 0
    assert commands.ran == [*ROUND, *ROUND[:-1]], "the model before round 2 has answered already"
    first, second = (read(out(config) / f"round_{number}/scores.json") for number in (1, 2))
    assert (first["gain"]["points"], first["helped"]) == (50.0, True)
    assert first["gain"]["ci95"][0] > 0
    assert (second["gain"]["points"], second["helped"]) == (0.0, False)
    summary = read(out(config) / "summary.json")
    assert summary["best"] == {"round": 1, "model": "round_1/Model-R1"}
    assert summary["stopped"] == "round 2 did not help: its interval reaches 0"
    assert len(summary["rounds"]) == 2


def test_a_loop_that_never_helped_ends_where_it_started(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.right = {"Model": 30, "Model-R1": 10}
    synthesize(config, "--rounds", "2")
    assert read(out(config) / "summary.json")["best"] == {"round": 0, "model": "Model"}
    assert commands.ran == ROUND
    assert "-50.0 points" in capsys.readouterr().out


def test_more_rounds_go_on_with_the_run(config: Path, commands: Commands) -> None:
    synthesize(config)
    commands.ran.clear()
    assert synthesize(config) == 0
    assert commands.ran == []
    assert synthesize(config, "--rounds", "2") == 0
    assert commands.ran == ROUND[:-1]


@pytest.mark.parametrize("stage", ROUND)
def test_a_stage_that_stopped_is_gone_on_with(stage: str, config: Path, commands: Commands) -> None:
    commands.stopping = stage
    assert synthesize(config) == 130
    commands.stopping, commands.failing = "", stage
    assert synthesize(config) == 2
    commands.failing = ""
    commands.ran.clear()
    assert synthesize(config) == 0
    assert commands.ran == ROUND[ROUND.index("after" if stage == "before" else stage) :]


def test_a_killed_generation_asks_no_question_twice(
    config: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line may be torn; every whole one is kept."""
    synthesize(config)
    log = out(config) / "round_1/generations.jsonl"
    whole = log.read_text(encoding="utf-8").splitlines(keepends=True)
    (out(config) / "round_1/stages.json").unlink()
    log.write_text("".join(whole[:20]) + whole[20][:30], encoding="utf-8")
    assert synthesize(config) == 0
    again = log.read_text(encoding="utf-8").splitlines(keepends=True)
    assert again[:20] == whole[:20]
    assert Counter(json.loads(line)["id"] for line in again).most_common(1)[0][1] == 1
    assert len(again) == 48


def test_the_same_run_chooses_the_same_rows(config: Path, commands: Commands) -> None:
    """Replies come in another order every time; a resumed SFT must find the very file that it began with."""
    synthesize(config)
    folder = out(config) / "round_1"
    before = {name: (folder / "data" / name).read_bytes() for name in ("cot.json", "rlvr.json")}
    log = folder / "generations.jsonl"
    log.write_text(
        "".join(reversed(log.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8"
    )
    (folder / "stages.json").unlink()
    synthesize(config)
    assert {name: (folder / "data" / name).read_bytes() for name in before} == before


def test_generation_asks_servers_and_goes_on_at_other_addresses(config: Path, commands: Commands) -> None:
    """Servers move; which model answers, and by which engine, does not."""
    commands.failing = "generate"
    ask = ["--generation.engine", "server", "--generation.url"]
    for urls in (["http://node1:8000/v1", "http://node2:8000/v1"], ["http://node3:8000/v1"]):
        assert synthesize(config, *ask, *urls) == 2
        asked = commands.argv["generate"]
        assert after(asked, "--engine") == "server"
        assert asked[asked.index("--url") + 1 : asked.index("--url") + 1 + len(urls)] == urls
    assert commands.ran == ["generate"] * 2
    assert "node1" not in (out(config) / "manifest.json").read_text()


def test_no_machine_path_stands_in_a_manifest(config: Path, commands: Commands) -> None:
    synthesize(config)
    for path in out(config).rglob("*manifest.json"):
        assert str(config.parent) not in path.read_text(encoding="utf-8"), path


def test_guided_replies_are_recorded_and_never_mixed_with_blind_ones(
    config: Path, commands: Commands
) -> None:
    synthesize(config, "--guidance", "failed", "--guided_share", "0.5", "--selection.rows", "20")
    folder = out(config) / "round_1"
    assert commands.ran == ["generate", "guide", *ROUND[1:]]
    never = {row.id for row in read_rows(config.parent)[:6]}
    asked = lines(folder / "guided.jsonl")
    assert {row["id"].partition("#")[0] for row in asked} == never, (
        "only faces without a blind reply that passed"
    )
    assert all(f"the expression is {row['true_label']}" in row["prompt"] for row in asked)
    quality = read(folder / "selection.json")["quality"]
    assert (quality["blind"]["asked"], quality["blind"]["passed"]) == (48, 24)
    assert (quality["guided"]["asked"], quality["guided"]["passed"]) == (12, 12)
    assert read(folder / "selection.json")["difficulty"]["0/2"] == 6, (
        "a guided reply says nothing of how hard a face is"
    )
    guided = [row for row in read(folder / "data/cot.json") if "#guided" in row["id"]]
    assert guided
    assert all(
        row["provenance"]["guided"] is True and row["provenance"]["guidance"] == "guided-1" for row in guided
    )
    assert all("the expression is" not in row["question"] for row in guided), (
        "the student is shown the picture alone"
    )
    assert not never & {row["id"] for row in read(folder / "data/rlvr.json")}


def test_a_template_is_asked_trained_on_and_recorded(config: Path, commands: Commands) -> None:
    synthesize(config, "--template", "joint")
    folder = out(config) / "round_1"
    row = next(row for row in read(folder / "data/cot.json") if "#" in row["id"])
    assert row["question"] == prompts.question("joint", row["candidate_labels"])
    assert row["provenance"]["prompt"] == prompts.version("joint")
    assert lines(folder / "generations.jsonl")[0]["prompt"].startswith(row["question"][:60])


def test_faces_are_drawn_into_the_pool_once(config: Path, commands: Commands) -> None:
    change(config, pool=[])
    assert synthesize(config, "--faces.count", "8", "--faces.seed", "new") == 2, (
        "the scripted model has no reply to these"
    )
    assert commands.ran[0] == "faces"
    assert len(read(out(config) / "pool/rlvr.json")) == 8
    commands.ran.clear()
    synthesize(config, "--faces.count", "8", "--faces.seed", "new")
    assert "faces" not in commands.ran
