"""`unifer data check FILE --runs A B --audit OUT`: labels that votes or all runs speak against."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.evaluate.scored import replied, write
from tests.evaluate.trust import voted
from unifer.cli import main
from unifer.datasets import DatasetSpec

ANSWERS = {
    "A": ("neutral", "happy", "neutral", "sad", "neutral"),
    "B": ("neutral", "fear", "happy", "sad", "what?"),
}
"""Both contradict face 2 (differently) and face 4 (alike); on the last B names no label."""


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    spec = voted.folder(tmp_path)
    questions = [{k: v for k, v in row.items() if k != "model_response"} for row in voted.rows()]
    write(tmp_path / "qa.json", questions)
    for name, answers in ANSWERS.items():
        path = spec.results / f"{name}.jsonl"
        write(path, [row | replied(answer) for row, answer in zip(questions, answers, strict=True)])
    return spec


def check(spec: DatasetSpec, *more: str) -> int:
    root = spec.folder.parent
    home = ("--dataset-dir", str(spec.folder), "--no-images")
    return main(["data", "check", str(root / "qa.json"), *home, *more])


def files_of(spec: DatasetSpec) -> tuple[str, ...]:
    return tuple(str(spec.results / f"{name}.jsonl") for name in ANSWERS)


def test_labels_that_votes_or_all_runs_speak_against_are_listed(
    spec: DatasetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = str(voted.table(tmp_path)), tmp_path / "doubtful.jsonl"
    assert check(spec, "--vote-file", table, "--runs", *files_of(spec), "--audit", str(out)) == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["row"], row["reasons"]) for row in found] == [
        (2, ["all runs contradict"]),
        (4, ["not the top vote", "all runs contradict"]),
        (5, ["not the top vote"]),
    ]
    assert [row["runs_agree_on"] for row in found] == [None, "sad", None]
    assert found[1]["votes"] == {"surprise": 5, "fear": 4, "NF": 1}
    assert found[2]["answers"] == {"A": "neutral", "B": None}
    shown = " ".join(capsys.readouterr().out.split())
    assert "labels worth a look: 3 (2 not the top vote, 2 that all runs contradict, 1 both)" in shown
    scores = json.loads((tmp_path / "doubtful.scores.json").read_text())
    assert scores["A"]["nothing"]["war"] == pytest.approx(1 / 5)
    assert scores["B"]["nothing"]["war"] == pytest.approx(2 / 5)
    assert scores["B"]["all runs contradict"] | {"ci95": 0} == scores["B"]["all runs contradict"] | {
        "n": 3,
        "left_out": 2,
        "war": pytest.approx(2 / 3),
        "ci95": 0,
    }
    assert (scores["A"]["either"]["n"], scores["A"]["either"]["war"]) == (2, 0.5)


def test_a_csv_has_a_column_per_run(spec: DatasetSpec, tmp_path: Path) -> None:
    out = tmp_path / "doubtful.csv"
    assert check(spec, "--runs", *files_of(spec), "--audit", str(out)) == 0
    rows = list(csv.DictReader(out.open()))
    assert [row["key"] for row in rows] == ["/faces/0001.png", "/faces/0003.png"]
    assert (rows[1]["answer of A"], rows[1]["runs_agree_on"], rows[1]["votes"]) == ("sad", "sad", "")


def test_votes_alone_are_enough(spec: DatasetSpec, tmp_path: Path) -> None:
    out = tmp_path / "doubtful.jsonl"
    assert check(spec, "--vote-file", str(voted.table(tmp_path)), "--audit", str(out)) == 0
    assert [json.loads(line)["row"] for line in out.read_text().splitlines()] == [4, 5]
    assert not (tmp_path / "doubtful.scores.json").exists()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--runs", "A"), "where to list the labels? add --audit FILE"),
        (("--audit", "out.xlsx"), "name it *.jsonl or *.json or *.csv"),
        (("--audit", "out.csv"), "needs votes (--vote-file FILE) or runs"),
        (("--audit", "qa.json", "--runs", "A"), "exists; it is not overwritten"),
        (("--audit", "out.csv", "--runs", "short.jsonl"), "has no row for 4 of 5 questions"),
        (("--audit", "out.csv", "--vote-file", "votes.csv"), "5 of 5 questions have no votes in"),
    ],
)
def test_what_is_missing_is_said_and_no_list_is_written(
    spec: DatasetSpec,
    tmp_path: Path,
    flags: tuple[str, ...],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "short.jsonl", voted.rows()[:1])
    voted.table(tmp_path, []).rename(tmp_path / "votes.csv")
    assert check(spec, *flags) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.csv").exists()
