"""Lines that are no run: published results and baselines, which never have a rank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.leaderboard.models import (
    COUNT,
    TOLD,
    answer,
    answered,
    boards_of,
    dataset,
    line,
    names,
    project,
    ranking,
)


def test_published_lines_have_no_rank_however_good_they_are(tmp_path: Path) -> None:
    specs = project(tmp_path)
    answered(specs, "own", 0.5)
    board = boards_of(specs, told=tuple(TOLD))[0]
    theirs, unifer = line(board, "Theirs"), line(board, "UniFER-7B")
    assert theirs.values["rafdb"].score == pytest.approx(0.999)
    assert (theirs.places, theirs.kind, theirs.protocol) == ({}, "published", "p, zero-shot")
    assert line(board, "own").places["rafdb"].level, "the best of a column is the best of the runs"
    assert names(board) == ["own", "UniFER-7B", "Theirs"]
    assert any("--protocol unifer compares" in each for each in unifer.about)
    assert not any(each.name == "Film" for each in ranking(board).lines)
    same = line(boards_of(specs, "unifer", told=tuple(TOLD))[0], "UniFER-7B")
    assert same.protocol == "u, fine-tuned (graded as here)"


def test_published_results_alone_make_tables_without_ranks(tmp_path: Path) -> None:
    (board,) = boards_of(project(tmp_path), told=tuple(TOLD))
    assert all(each.kind == "published" and not each.places for each in ranking(board).lines)


def test_published_lines_do_not_stand_beside_sample_questions(tmp_path: Path) -> None:
    specs = project(tmp_path, ("rafdb",))
    answer(specs["rafdb"], "m", 0.95, sample=True)
    boards = {board.group.title: board for board in boards_of(specs, told=tuple(TOLD))}
    assert {each.kind for each in ranking(boards["FERBench: questions of sample_qa.json"]).lines} == {
        "run",
        "baseline",
    }
    assert {each.kind for each in ranking(boards["FERBench"]).lines} == {"published"}


@pytest.mark.parametrize("protocol", ["strict", "unifer"])
def test_lines_of_no_model_stand_beside_the_runs(tmp_path: Path, protocol: str) -> None:
    """A share of 62.5 % happy faces: naming happiness alone scores that, and no model has a rank for it."""
    human = {"accuracy": 0.9, "about": "two annotators"}
    specs = project(tmp_path, ("affectnet",)) | {
        "rafdb": dataset(tmp_path / "eval_rafdb", "rafdb", human=human)
    }
    rows = [
        row | {"true_label": "happiness"} if index % 2 else row
        for index, row in enumerate(json.loads(specs["rafdb"].questions.read_text()))
    ]
    specs["rafdb"].questions.write_text(json.dumps(rows))
    answered(specs, "m", 0.8)
    (board,) = boards_of(specs, protocol)
    common, people = line(board, "commonest label"), line(board, "people agree")
    share = sum(row["true_label"] == "happiness" for row in rows) / COUNT
    assert {key: value.score for key, value in common.values.items()} == pytest.approx(
        {"rafdb": share, "affectnet": 0.25, "pooled": (share + 0.25) / 2, "mean": (share + 0.25) / 2}
    )
    assert "Set rafdb: the commonest is happiness" in common.about
    assert {key: value.score for key, value in people.values.items()} == {"rafdb": 0.9}
    assert common.places == people.places == {}
    assert line(board, "commonest label", "uar").values["affectnet"].score == 0.25
