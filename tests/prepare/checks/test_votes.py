"""Labels against the votes that they came from.

What the published FERPlus file and the official votes disagree on is named.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ferbench import PUBLISHED, needs_ferbench
from tests.prepare.builders import mini
from unifer.ballots import VOTED
from unifer.cli import main
from unifer.prepare.builders import rows
from unifer.prepare.checks.votes import against, outvoted
from unifer.records import Question, RewardRow

LABELS = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def question(label: str, image: str = "/FERPlus/test/sad/a.png", **more: Any) -> Question:
    return Question(image, label, "Which?", LABELS, **more)


@pytest.mark.parametrize(
    ("label", "votes", "problem"),
    [
        ("sad", {"neutral": 5, "sadness": 4, "surprise": 1}, "'sad' has 4 of 10 votes, 'neutral' has 5"),
        (
            "sad",
            {"neutral": 4, "sadness": 4, "unknown": 2},
            "'sad' has 4 of 10 votes, 'neutral' as many and stands first",
        ),
        ("neutral", {"neutral": 4, "sadness": 4, "unknown": 2}, None),
        ("happy", {"happiness": 3, "unknown": 7}, None),
        ("fear", {"unknown": 10}, None),
    ],
)
def test_a_label_with_fewer_votes_than_another_is_named(
    label: str, votes: dict[str, int], problem: str | None
) -> None:
    assert against(question(label), votes) == problem


def test_a_built_question_keeps_its_votes_and_a_reward_row_too(tmp_path: Path) -> None:
    """Thrown away, nobody could tell a face that all ten agree on from one that two do."""
    made = mini.built("ferplus", mini.ferplus(tmp_path, {"f.png": (1, 6, 0, 0, 0, 0, 0, 0, 2, 1)}), "test")
    row = Question.from_json(next(rows.questions(made.faces, made.facts)))
    assert row.votes is not None
    assert {name: count for name, count in row.votes.items() if count} == {
        "neutral": 1,
        "happiness": 6,
        "unknown": 2,
        "NF": 1,
    }
    assert Question.from_json(row.to_json()) == row
    reward = RewardRow.from_json(next(rows.rewards(made.faces, made.facts)))
    assert (reward.provenance or {})["votes"] == row.votes


@pytest.mark.parametrize(
    "votes", [{}, {"happy": 0}, {"happy": -1}, {"happy": 1.5}, {"happy": True}, [1], {"": 3}]
)
def test_votes_that_are_none_are_refused(votes: Any) -> None:
    with pytest.raises(ValueError, match="'votes' must map names to numbers"):
        Question.from_json(question("sad").to_json() | {"votes": votes})


def test_the_command_warns_and_the_file_stays_fit_for_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mini.ferplus(tmp_path, {"a.png": (8, 0, 0, 2, 0, 0, 0, 0, 0, 0)})
    source = tmp_path / "ferplus_qa.json"
    source.write_text(json.dumps([question("sad").to_json(), question("sad", "/other/b.png").to_json()]))
    assert (
        main(["data", "check", str(source), "--no-images", "--vote-file", str(tmp_path / "fer2013new.csv")])
        == 0
    )
    shown = capsys.readouterr().out
    assert "label is not the vote's" in shown
    assert "'sad' has 2 of 10 votes, 'neutral' has 8" in " ".join(shown.split())


@needs_ferbench
def test_47_published_labels_are_not_the_votes(tmp_path: Path) -> None:
    differing = json.loads((PUBLISHED.parent / "facts" / "ferplus_label_differences.json").read_text())
    table = [("PrivateTest", row["image"], *(row["votes"][name] for name in VOTED)) for row in differing]
    votes = mini.write(tmp_path, "fer2013new.csv", *mini.csv_lines(mini.FERPLUS_COLUMNS, table))
    found = list(outvoted(PUBLISHED / "ferplus_qa.json", votes))
    assert len(found) == 47
    assert sum("as many and stands first" in finding.message for finding in found) == 1
