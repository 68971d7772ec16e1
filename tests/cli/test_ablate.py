"""`unifer ablate` as its user meets it: variants, shared stages, resuming, refusals, the table. Trainings and
engines are doubles.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.cli.synthesizing import after, change, make_checkpoint, make_held_out
from unifer import cli, files
from unifer.cli import stages
from unifer.cli.ablation_study import Study

TRAINED = ["sft", "grpo", "answer", "answer", "grpo", "answer", "grpo", "answer", "answer"]
"""The reference, SFT only, weak, from base, base: one SFT for all."""


class Commands:
    """Stands where `subprocess` stood. A trained model answers as many of the 40 questions rightly as its
    config has steps.
    """

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.configs: list[Any] = []
        self.environment: list[Any] = []
        self.stopping = -1

    def run(self, argv: Sequence[str], env: Any, **_: Any) -> SimpleNamespace:
        trains = argv[0] == "bash"
        self.ran.append(("sft" if "sft" in argv[1] else "grpo") if trains else "answer")
        self.environment.append(env)
        if len(self.ran) - 1 == self.stopping:
            raise KeyboardInterrupt
        if trains:
            self._train(yaml.safe_load(Path(after(argv, "--config")).read_text()))
        else:
            self._answer(argv)
        return SimpleNamespace(returncode=0)

    def _train(self, config: Any) -> None:
        self.configs.append(config)
        folder = Path(config["output_dir"])
        make_checkpoint(folder)
        make_checkpoint(folder / "checkpoint-2")
        files.write_json(folder / "right.json", config["max_steps"])

    def _answer(self, argv: Sequence[str]) -> None:
        told = Path(after(argv, "--model")) / "right.json"
        right = json.loads(told.read_text()) if told.exists() else 0
        asked = json.loads((Path(after(argv, "--dataset-dir")) / "data/qa.json").read_text())
        said = [
            f"<think>AU12.</think>\n<answer>{row.get('true_label')}</answer>" if at < right else "AU4."
            for at, row in enumerate(asked)
        ]
        files.write_rows(
            Path(after(argv, "--out")),
            [row | {"model_response": text} for row, text in zip(asked, said, strict=True)],
        )


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_held_out(tmp_path)
    make_checkpoint(tmp_path / "Base")
    for name, steps in (("sft", 15), ("grpo", 30)):
        (tmp_path / f"{name}_rows.json").write_text("[]")
        config = {"rows": f"./{name}_rows.json", "max_steps": steps, "model_name_or_path": "./Base"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    variants: Any = {"SFT only": {"stages": ["sft"]}, "full": {}, "weak": {"grpo": {"max_steps": 20}}}
    variants |= {"from base": {"stages": ["grpo"]}, "base": {"stages": []}}
    whole = {"out": "./run", "reference": "full", "heldout": ["./held"], "processes": 1, "variants": variants}
    stages_of = {name: {"config": f"./{name}.yaml"} for name in ("sft", "grpo")}
    (tmp_path / "table.yaml").write_text(
        yaml.safe_dump(whole | stages_of | {"evaluation": {"max_new_tokens": 99}}, sort_keys=False)
    )
    return tmp_path / "table.yaml"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    double = Commands()
    monkeypatch.setattr(stages, "subprocess", double)
    monkeypatch.setattr(
        Study, "check_settings", lambda self, config: None
    )  # imports TRL; test_ablate_real.py has it
    return double


def ablate(table: Path, *flags: str) -> int:
    return cli.main(["ablate", str(table), *flags])


def found(table: Path) -> Any:
    return json.loads((table.parent / "run/ablations.json").read_text())


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


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"variants": {"weak": {"gropo": {"beta": 0}}}},
            "unknown key 'variants.weak.gropo'; did you mean 'variants.weak.grpo'?",
        ),
        ({"variants": {"weak": {"grpo": {"config": "./other.yaml"}}}}, "variants.weak: grpo.config: "),
        ({"variants": {"weak": {}}}, "variants.weak: is trained exactly as 'full' is"),
        ({"variants": {"weak": {"model": "./Missing"}}}, "variants.weak: model "),
        ({"variants": {"weak": {"grpo": {"rows": "./none.json"}}}}, "none.json: no such file"),
        (
            {"variants": {"weak": {"stages": ["sft"], "grpo": {"beta": 0}}}},
            "grpo has settings, and stages is ['sft']",
        ),
        (
            {"variants": {"weak": {"stages": ["grpo", "sft"]}}},
            "allowed are [sft, grpo], [sft], [grpo] and []",
        ),
        ({"variants": {"weak": {"grpo": {"output_dir": "x"}}}}, "grpo.output_dir is not yours to set"),
        ({"reference": "ful"}, "reference 'ful' is none of the variants; did you mean 'full'?"),
        ({"heldout": ["./gone"]}, "gone: no such folder"),
        ({"heldout": ["runs/quickstart/gone"]}, "bash scripts/quickstart.sh makes it"),
        ({"evaluation": {"temperature": -1.0}}, "temperature"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is(
    changed: Any, said: str, table: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    change(table, **changed)
    assert ablate(table) == 2
    assert said in capsys.readouterr().err
    assert commands.ran == []
    assert not (table.parent / "run").exists()


def test_pictures_that_are_not_there_are_missed_before_the_trainings(
    table: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in (table.parent / "held/data/faces").iterdir():
        picture.unlink()
    assert ablate(table) == 2
    assert "none of its 40 images is there" in capsys.readouterr().err
    assert commands.ran == []


def test_only_some_variants_and_none_that_are_not_there(
    table: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    change(table, variants={"3B": {"model": "./Missing"}})
    assert ablate(table, "--only", "weak") == 0, "what is not asked for need not be there"
    assert list(found(table)["variants"]) == ["full", "weak"]
    assert ablate(table, "--only", "wek") == 2
    assert "--only 'wek' is none of the variants; did you mean 'weak'?" in capsys.readouterr().err


def test_the_list_needs_nothing_but_the_table(
    table: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    change(
        table,
        variants={
            "3B": {
                "model": "./Missing",
                "grpo": {"rewards": ["accuracy", "format"], "trained_completions": None},
            }
        },
    )
    assert ablate(table, "--list") == 0
    said = capsys.readouterr().out.splitlines()
    assert "full (the reference): as the configs say" in said
    assert "3B: model=Missing, grpo.rewards=[accuracy format], grpo.trained_completions=null" in said
    assert "base: no training" in said
    assert "SFT only: SFT alone" in said


def test_fresh_moves_the_earlier_run_aside(table: Path, commands: Commands) -> None:
    ablate(table, "--only", "weak")
    once = list(commands.ran)
    ablate(table, "--only", "weak", "--fresh")
    assert commands.ran == once * 2
    assert (table.parent / "run.1/ablations.md").is_file()
