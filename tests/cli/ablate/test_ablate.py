"""`unifer ablate` as its user meets it: variants, shared stages, resuming, refusals, the table. Trainings and
engines are doubles.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.ablate.conftest import TRAINED, Commands, ablate, found
from tests.cli.synthesizing import change
from unifer import files


def test_variants_share_the_stage_that_they_have_in_common(table: Path, commands: Commands) -> None:
    assert ablate(table) == 0
    assert commands.ran == TRAINED
    sft, full, weak, from_base = commands.configs
    assert full["model_name_or_path"] == weak["model_name_or_path"] == sft["output_dir"], (
        "one SFT, trained once"
    )
    assert Path(from_base["model_name_or_path"]) == Path(sft["model_name_or_path"]) == table.parent / "Base"
    assert (sft["max_steps"], full["max_steps"], weak["max_steps"]) == (15, 30, 20)
    assert commands.environment[0]["NPROC"] == "1"
    assert not list((table.parent / "run/models").glob("*/checkpoint-*")), "of a 7B model each is 124 GB"


def test_a_table_in_another_folder_means_the_same_files(
    table: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configs are written elsewhere than the table: `../rows.json` would mean another file there."""
    change(table, sft={"rows": "./sft_rows.json"})
    ablate(table, "--only", "base")
    (table.parent / "elsewhere").mkdir()
    monkeypatch.chdir(table.parent / "elsewhere")
    commands.ran.clear()
    assert ablate(Path("../table.yaml"), "--only", "base") == 0
    assert commands.ran == []
    assert {Path(config["rows"]).parent for config in commands.configs} == {table.parent}


def test_the_table_says_what_each_variant_is_worth(
    table: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate(table)
    pairs = {pair["after"]: pair for pair in found(table)["war"]["tables"]["held"]["differences"]}
    assert {name: pair["points"] for name, pair in pairs.items()} == {
        "SFT only": -37.5,
        "weak": -25.0,
        "from base": 0.0,
        "base": -75.0,
    }
    assert pairs["base"]["ci95"][1] < 0 < pairs["base"]["n"] == 40
    units = {pair["after"]: pair["points"] for pair in found(table)["au_f1"]["tables"]["held"]["differences"]}
    assert units["weak"] == -25.0
    said = capsys.readouterr().out
    last = said[said.rindex("5 variants") :].splitlines()
    assert max(map(len, last)) <= 80
    assert next(line for line in last if line.startswith("weak")).split()[:3] == ["weak", "50.0", "-25.0"]
    markdown = (table.parent / "run/ablations.md").read_text()
    assert "| weak | grpo.max\\_steps=20 | 50.0 [" in markdown
    assert (table.parent / "run/ablations.png").read_bytes().startswith(b"\x89PNG")
    assert set(found(table)["variants"]["weak"]["seconds"]) >= set(
        found(table)["variants"]["full"]["seconds"]
    ) & {"sft"}


def test_without_annotated_faces_the_labels_are_compared_alone(table: Path, commands: Commands) -> None:
    questions = table.parent / "held/data/qa.json"
    files.write_rows(questions, [{**row, "AUs": None} for row in json.loads(questions.read_text())])
    ablate(table, "--only", "weak")
    assert "war" in found(table)
    assert "au_f1" not in found(table)


def test_a_set_that_asks_for_action_units_alone_is_compared_by_them(table: Path, commands: Commands) -> None:
    """It has no WAR: that would come out after all trainings."""
    questions, facts = table.parent / "held/data/qa.json", table.parent / "held/dataset.yaml"
    files.write_rows(
        questions,
        [{**row, "true_label": None, "candidate_labels": []} for row in json.loads(questions.read_text())],
    )
    facts.write_text(facts.read_text().partition("labels:")[0] + "action_units: [4, 12]\n")
    assert ablate(table, "--only", "weak") == 0
    assert "war" not in found(table)
    assert "au_f1" in found(table)
    assert "AU F1" in (table.parent / "run/ablations.md").read_text()


@pytest.mark.parametrize("stopped", range(len(TRAINED)))
def test_a_stopped_run_goes_on_where_it_stopped(stopped: int, table: Path, commands: Commands) -> None:
    commands.stopping = stopped
    assert ablate(table) == 130
    assert ablate(table) == 0
    assert commands.ran == [*TRAINED[: stopped + 1], *TRAINED[stopped:]]
    commands.ran.clear()
    assert ablate(table) == 0
    assert commands.ran == []


def test_a_changed_variant_is_trained_anew_and_no_other(table: Path, commands: Commands) -> None:
    ablate(table)
    before = found(table)["variants"]["full"]
    commands.ran.clear()
    change(table, variants={"weak": {"grpo": {"max_steps": 10}}, "new": {"grpo": {"beta": 1.0}}})
    assert ablate(table) == 0
    assert commands.ran == ["grpo", "answer"] * 2
    assert found(table)["variants"]["full"] == before


def other_rows(folder: Path) -> None:
    (folder / "grpo_rows.json").write_text("[ ]")


def other_base(folder: Path) -> None:
    files.write_json(folder / "Base/tokenizer.json", {"name": "another"})


def other_folder_and_logging(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "grpo_rows.json").rename(folder / "other/rows.json")
    change(
        folder / "table.yaml",
        grpo={"rows": "./other/rows.json", "save_steps": 7, "deepspeed": "./zero2.json"},
    )


def other_evaluation(folder: Path) -> None:
    change(folder / "table.yaml", evaluation={"max_new_tokens": 50})


@pytest.mark.parametrize(
    ("differ", "again"),
    [
        (other_evaluation, ["answer"] * 2),
        (other_folder_and_logging, []),
        (other_rows, ["grpo", "answer"] * 2),
        (other_base, ["sft", *["grpo", "answer"] * 2]),
    ],
)
def test_a_stage_is_known_by_what_its_files_hold(
    differ: Any, again: list[str], table: Path, commands: Commands
) -> None:
    """Known by name, it would be skipped as done, and replies of another model or to another prompt
    compared.
    """
    ablate(table, "--only", "weak")
    commands.ran.clear()
    differ(table.parent)
    ablate(table, "--only", "weak")
    assert commands.ran == again
