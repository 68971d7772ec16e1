"""What `unifer ablate` refuses, lists and starts anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.ablate.conftest import Commands, ablate, found
from tests.cli.synthesizing import change


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
