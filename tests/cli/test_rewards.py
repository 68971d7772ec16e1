"""`unifer rewards` on small files: the numbers, the shape at 80 columns, and what it says about what it
cannot use.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unifer.cli import main

GOOD = "<think>AU6, AU12.</think><answer>happy</answer>"
WRONG = "<think>AU4.</think><answer>sad</answer>"
LOOSE = "happy"
CHOICE = "Is this face happy or sad?"


def reward_row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "image_path": f"{name}.jpg",
        "problem": CHOICE,
        "solution": "happy",
        "AUs": ["AU6", "AU12"],
        "id": name,
    } | more


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(tmp_path: Path, rows: list[dict[str, Any]], replies: list[dict[str, Any]], *flags: str) -> int:
    files = (write(tmp_path / "rows.jsonl", rows), write(tmp_path / "replies.jsonl", replies))
    return main(["rewards", "--rows", str(files[0]), "--replies", str(files[1]), *flags])


TWO_GROUPS = [
    {"id": "a", "reply": GOOD},
    {"id": "a", "reply": WRONG},
    {"id": "b", "reply": GOOD},
    {"id": "b", "reply": GOOD},
]


def test_numbers_by_hand(tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    assert (
        run(
            tmp_path,
            [reward_row("a"), reward_row("b", AUs=None)],
            TWO_GROUPS,
            "--weights",
            "1,1,0.5",
            "--json",
            str(out),
        )
        == 0
    )
    found = json.loads(out.read_text())
    assert (
        found["replies"],
        found["rows"],
        found["outcomes"]["answered"],
        found["outcomes"]["well_formed"],
    ) == (4, 2, 4, 4)
    accuracy = {
        "weight": 1,
        "n": 4,
        "none": 0,
        "mean": 0.75,
        "std": 0.5,
        "min": 0,
        "max": 1,
        "groups": 2,
        "zero_variance": 0.5,
    }
    assert found["rewards"]["accuracy"] == accuracy
    assert found["rewards"]["format"]["zero_variance"] == 1
    # Row b is not annotated, so its two replies have no AU reward and form no group.
    unit = found["rewards"]["au_f1"]
    assert [unit[key] for key in ("n", "none", "mean", "groups", "zero_variance")] == [2, 2, 0.5, 1, 0]
    # Totals 2.5, 1, 2, 2.
    total = found["total"]
    assert [total[key] for key in ("n", "mean", "min", "max", "zero_variance")] == [4, 1.875, 1, 2.5, 0.5]


def test_the_table_fits_a_terminal_and_says_what_does_not_move(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, [reward_row("a"), reward_row("b")], TWO_GROUPS) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) == 80
    assert "accuracy                  4        0    0.750   0.500   0.000   1.000       50 %" in out
    assert "! format: every reply earns 1.00, so no reply is better than another" in out
    assert "! accuracy" not in out


def test_equal_rewards_in_every_group_are_named_although_groups_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = [
        {"id": "a", "reply": GOOD},
        {"id": "a", "reply": GOOD},
        {"id": "b", "reply": WRONG},
        {"id": "b", "reply": WRONG},
    ]
    assert run(tmp_path, [reward_row("a"), reward_row("b")], replies) == 1
    out = capsys.readouterr().out
    assert "! accuracy: 100 % of groups have equal rewards" in out
    assert "! total: 100 % of groups have equal rewards" in out


def test_rows_without_annotation_leave_nothing_to_pay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, [reward_row("a", AUs=None)], TWO_GROUPS[:2]) == 0
    assert "! au_f1: applies to no reply; only rows with an AU annotation have one" in capsys.readouterr().out


def test_one_reply_a_row_has_no_groups_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = [{"id": "a", "reply": GOOD}, {"id": "b", "reply": LOOSE}]
    assert run(tmp_path, [reward_row("a"), reward_row("b")], replies) == 0
    out = capsys.readouterr().out
    assert "zero var: needs several replies a row" in out
    assert "1 answered · 0 off list · 1 no answer · 1 of exact form" in out


def test_the_same_row_in_two_training_steps_is_two_groups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts = [
        {"step": step, "image": "a.jpg", "completion": reply}
        for step, reply in ((1, GOOD), (1, GOOD), (2, WRONG), (2, WRONG))
    ]
    assert run(tmp_path, [reward_row("a")], rollouts) == 1
    assert "100 %" in capsys.readouterr().out


def test_a_question_file_and_its_predictions_fit_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = {
        "image_path": "a.jpg",
        "true_label": "happy",
        "prompt": "?",
        "candidate_labels": ["happy", "sad"],
    }
    other = question | {"image_path": "b.jpg"}
    replies = [
        question | {"model_response": GOOD, "completion_tokens": 9},
        other | {"model_response": "ERROR: disk", "error": True},
    ]
    flags = ("--rewards", "accuracy,length", "--completion-limit", "10")
    assert run(tmp_path, [question, other], replies, *flags) == 0
    out = capsys.readouterr().out
    assert "1 reply to 1 row, 1 failed row left out" in out
    assert "length                    1        0   -0.500" in out


@pytest.mark.parametrize(
    ("replies", "flags", "said"),
    [
        ([{"id": "zz", "reply": "x"}], (), "replies.jsonl:1: no row of"),
        ([{"id": "zz", "reply": "x"}], (), "'zz'"),
        ([{"reply": "x"}], (), "it has 'reply'"),
        ([{"id": "a"}], (), "reply, completion, model_response; there is none"),
        ([{"id": "a", "reply": 3}], (), "'reply' is 3"),
        (
            [{"id": "a", "reply": "x", "completion_tokens": -1}],
            (),
            "'completion_tokens' must be a whole number from 0 or null, not -1",
        ),
        ([{"image_path": "twin.jpg", "reply": "x"}], (), "rows 3, 4 of"),
        (TWO_GROUPS, ("--rewards", "acuracy"), "there is no reward 'acuracy'; did you mean 'accuracy'?"),
        (TWO_GROUPS, ("--weights", "1,x,1"), "'x' is no number"),
        (TWO_GROUPS, ("--weights", "1,1"), "2 reward weights (1.0, 1.0) for 3 rewards"),
        (TWO_GROUPS, ("--rewards", "length"), "needs --completion-limit"),
        (TWO_GROUPS, ("--completion-limit", "0"), "--completion-limit 0"),
    ],
)
def test_bad_input_is_refused_with_its_place(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    replies: list[dict[str, Any]],
    flags: tuple[str, ...],
    said: str,
) -> None:
    rows = [
        reward_row("a"),
        reward_row("b"),
        reward_row("c", image_path="twin.jpg"),
        reward_row("d", image_path="twin.jpg"),
    ]
    assert run(tmp_path, rows, replies, *flags) == 2
    assert said in capsys.readouterr().err


def test_a_row_that_offers_no_labels_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, [reward_row("a"), reward_row("b", problem="What does it show?")], TWO_GROUPS) == 2
    assert "rows.jsonl:2: 'problem' offers no label" in capsys.readouterr().err


def test_an_input_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, [reward_row("a")], TWO_GROUPS[:2], "--json", str(tmp_path / "rows.jsonl")) == 2
    assert "never overwritten" in capsys.readouterr().err
