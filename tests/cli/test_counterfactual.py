"""`unifer counterfactual`: faces, answers and rates by one command, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate.trust import planted
from unifer.cli import main
from unifer.counterfactuals import read_families
from unifer.evaluate.trust.sheets import read_sheet
from unifer.files import read_rows


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of seven drawn families, one per emotion."""
    folder = tmp_path_factory.mktemp("counterfactual") / "faces"
    assert main(["counterfactual", "--out", str(folder), *SMALL, "--draw-only"]) == 0
    return folder


SMALL = ["--families", "7", "--seed", "test", "--workers", "1"]


def scripted(folder: Path, replies: Path, model: planted.Planted) -> list[str]:
    """The flags that let a planted model answer."""
    texts = {variant.face.id: model(variant) for family in planted.drawn_families(7) for variant in family}
    replies.write_text(json.dumps(texts))
    name = ["--engine", "scripted", "--replies", str(replies), "--model", "planted"]
    return ["counterfactual", "--out", str(folder), *SMALL, *name]


def test_one_command_draws_asks_and_scores(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(scripted(drawn, tmp_path / "replies.json", planted.honest)) == 0

    table = capsys.readouterr()
    assert "(drawn before)" in table.err
    assert "Of the 7 answers that changed with one AU, 100.0 % say why." in table.out
    assert max(map(len, table.out.partition("\nwrote")[0].splitlines())) <= 80
    sheet = read_sheet(drawn / "results/planted.faithfulness.json")
    assert (sheet.kind, sheet.model, sheet.dataset) == ("faithfulness", "planted", "counterfactual")
    assert sheet.rates[0].name == "says why"


def test_the_folder_is_a_test_set_that_other_commands_take(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(scripted(drawn, tmp_path / "replies.json", planted.honest))
    predictions = str(drawn / "results/planted.jsonl")

    assert main(["eval", "--dataset-dir", str(drawn), "--predictions", predictions]) == 0
    assert "100.0" in capsys.readouterr().out
    assert main(["counterfactual", "--out", str(drawn), "--predictions", predictions]) == 0
    families = read_families(drawn / "data/families.jsonl")
    questions = [row for _, row in read_rows(drawn / "data/counterfactual_qa.json")]
    assert [face.id for family in families for face in family.faces] == [row["id"] for row in questions]
    assert all((drawn / "data" / row["image_path"]).is_file() for row in questions)
    assert (drawn / "families.jpg").is_file()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--families", "8"], "families: 7 -> 8"),
        (["--seed", "9"], 'seed: "test" -> "9"'),
    ],
)
def test_other_families_are_not_drawn_over_these(
    drawn: Path, capsys: pytest.CaptureFixture[str], flags: list[str], reason: str
) -> None:
    before = (drawn / "data/families.jsonl").read_bytes()
    assert main(["counterfactual", "--out", str(drawn), *SMALL, "--draw-only", *flags]) == 2
    assert reason in capsys.readouterr().err
    assert (drawn / "data/families.jsonl").read_bytes() == before


def test_nothing_is_drawn_into_a_folder_of_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    assert main(["counterfactual", "--out", str(tmp_path), *SMALL, "--draw-only"]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_flags_that_contradict_and_folders_without_families(
    tmp_path: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = ["--predictions", "x.jsonl"]
    assert main(["counterfactual", "--out", str(drawn), *predictions, "--model", "M"]) == 2
    assert "--predictions asks nothing" in capsys.readouterr().err
    assert main(["counterfactual", "--out", str(tmp_path / "none"), *predictions]) == 2
    assert "no such folder" in capsys.readouterr().err
    two = ["--continue", "--model", "A", "B", "--engine", "scripted"]
    assert main(["counterfactual", "--out", str(tmp_path / "new"), *SMALL, *two]) == 2
    assert "run the command once per model" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["counterfactual", "--out", str(tmp_path / "new"), *SMALL, "--no-such-flag"])
    assert not (tmp_path / "new").exists()
