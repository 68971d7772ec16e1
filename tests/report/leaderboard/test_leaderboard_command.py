"""`unifer leaderboard` as people call it, and what it says of odd runs and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import NOUNS, question, replied
from tests.report.leaderboard.models import answer, project
from unifer.cli import main
from unifer.datasets import DatasetSpec

Rows = list[dict[str, Any]]


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, DatasetSpec]:
    """A project, the current folder, with one good model."""
    monkeypatch.chdir(tmp_path)
    made = project(tmp_path)
    for spec in made.values():
        answer(spec, "good", 0.8)
    return made


def test_without_names_all_runs_of_the_project_are_shown(
    specs: dict[str, DatasetSpec], capsys: pytest.CaptureFixture[str]
) -> None:
    answer(specs["rafdb"], "other", 0.5)
    assert main(["leaderboard", "--resamples", "50"]) == 0
    out = capsys.readouterr().out
    assert "FERBench · WAR, ranked by pooled" in out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith(("good", "other"))] == [
        ["good", "1"],
        ["other", "–"],
    ]
    assert max(map(len, out.splitlines())) <= 80
    assert {path.name for path in Path("leaderboard").iterdir()} == {
        "leaderboard.md",
        "leaderboard.csv",
        "leaderboard.html",
    }


def test_runs_by_name_formats_and_folder_are_as_told(specs: dict[str, DatasetSpec], tmp_path: Path) -> None:
    answer(specs["rafdb"], "other", 0.5)
    assert (
        main(
            [
                "leaderboard",
                "other",
                "--out",
                "deep/er",
                "--format",
                "md",
                "--resamples",
                "0",
                "--no-published",
            ]
        )
        == 0
    )
    assert [path.name for path in Path("deep/er").iterdir()] == ["leaderboard.md"]
    text = Path("deep/er/leaderboard.md").read_text()
    assert "other" in text
    assert "good" not in text


def test_warnings_say_what_differs_between_runs(
    specs: dict[str, DatasetSpec], capsys: pytest.CaptureFixture[str]
) -> None:
    answer(specs["rafdb"], "odd", 0.5, prompt="fer-2")
    assert main(["leaderboard", "--resamples", "0"]) == 0
    assert "different prompt" in capsys.readouterr().out
    for name in ("md", "html"):
        assert "different prompt" in Path(f"leaderboard/leaderboard.{name}").read_text()


def test_the_shipped_published_results_stand_in_a_project_without_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.conftest import ROOT

    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    shipped = str(ROOT / "eval_more" / "published.yaml")
    assert main(["leaderboard", "--published", shipped]) == 0
    assert "published lines beside them, unranked" in capsys.readouterr().out
    assert "68.84" in Path("leaderboard/leaderboard.md").read_text()


def relabelled(rows: Rows) -> Rows:
    return [rows[0] | {"true_label": NOUNS[1]}, *rows[1:]]


ODD: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "doubled": (lambda rows: [*rows, rows[0]], "stands already in row 1"),
    "another truth": (relabelled, "answered another question file"),
    "another dataset": (
        lambda rows: [row | {"true_label": "joy", "candidate_labels": ["joy"]} for row in rows],
        "of another dataset",
    ),
    "a question of another file": (
        lambda rows: [*rows[1:], question(9999, NOUNS[0], NOUNS) | replied("x")],
        "is no question of rafdb_qa.json",
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_run_that_cannot_be_scored_is_refused_by_name(
    specs: dict[str, DatasetSpec], capsys: pytest.CaptureFixture[str], odd: str
) -> None:
    """One bad file among many must not become a line, nor vanish from the table."""
    change, message = ODD[odd]
    path = answer(specs["rafdb"], "odd", 0.5)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)))
    assert main(["leaderboard", "--resamples", "0"]) == 2
    error = capsys.readouterr().err
    assert "odd.jsonl" in error
    assert message in error
    assert not Path("leaderboard").exists()


def test_rows_missing_or_of_a_changed_question_file_are_flagged(
    specs: dict[str, DatasetSpec], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = specs["rafdb"]
    answer(spec, "torn", 0.5, skip=range(10))
    rows = json.loads(spec.questions.read_text())
    spec.questions.write_text(json.dumps([*rows, question(9999, NOUNS[0], NOUNS)]))
    assert main(["leaderboard", "--resamples", "0"]) == 0
    out = " ".join(capsys.readouterr().out.replace("! ", "").split())
    assert (
        "torn on Set rafdb: incomplete run: 10 of 200 questions have no reply yet and count as wrong" in out
    )
    assert "good on Set rafdb: rafdb_qa.json has changed since this run was asked" in out
    assert "good on Set rafdb: partial run: 200 of the 201 questions of rafdb_qa.json were asked" in out
    text = Path("leaderboard/leaderboard.md").read_text()
    assert "| – | good |" in text
    assert "Not ranked: no model has answered all sets in full." in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nobody"], "no run is called so"),
        (["--format", "pdf"], "'pdf' is none of md, csv, html"),
        (["--sort", "accuracy"], "--sort accuracy: name or a metric is expected, of war, uar"),
        (["--published", "none.yaml"], "none.yaml: no such file"),
        (["--out", "eval_rafdb/dataset.yaml"], "is a file; a folder is expected"),
        (["--dataset-dir", "nowhere", "eval_rafdb/results/good.jsonl"], "nowhere: no such folder"),
    ],
)
def test_bad_input_is_named(
    specs: dict[str, DatasetSpec], capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    assert main(["leaderboard", *flags]) == 2
    assert message in capsys.readouterr().err


def test_a_project_without_anything_says_how_to_make_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path)
    assert main(["leaderboard"]) == 2
    assert "make some with `unifer infer` or `unifer bench`" in capsys.readouterr().err


def test_the_rule_of_facial_r1_and_its_aus_stand_in_tables_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A figure of Facial-R1 stands beside a run only where both are scored over the same AUs."""
    from tests.conftest import ROOT
    from tests.evaluate.scored import au_row
    from tests.report.leaderboard.models import dataset

    monkeypatch.chdir(tmp_path)
    project(tmp_path, [])
    sets = {"emola": [6], "facial-r1": [6, 12]}
    spec = dataset(tmp_path / "eval_more" / "disfa", "disfa", labels=None, action_units="emola", au_sets=sets)
    reply = {"model_response": "<think>AU6, AU12</think><answer>happiness</answer>"}
    (spec.results / "mine.jsonl").write_text(json.dumps(au_row(0, [6, 12], "") | reply) + "\n")
    call = [
        "leaderboard",
        "mine",
        "--published",
        str(ROOT / "eval_more" / "published.yaml"),
        "--resamples",
        "0",
        "--format",
        "csv,md",
    ]
    assert main(call) == 0
    assert "made over the AU set facial-r1: --au-set facial-r1 shows them" in " ".join(
        capsys.readouterr().out.split()
    )
    assert "AU set emola" in Path("leaderboard/leaderboard.md").read_text()
    assert main([*call, "--protocol", "facial-r1"]) == 0
    text = Path("leaderboard/leaderboard.md").read_text()
    assert "AU set facial-r1" in text
    assert "Facial-R1 *(published, unconfirmed)*" in text
    assert main([*call, "--au-set", "bp4d"]) == 2
    assert (
        "--au-set bp4d: no dataset has such an AU set; allowed are all, emola, facial-r1"
        in capsys.readouterr().err
    )
