"""The labels a row offers, the rewards that are chosen, and that each completion is paid once, by its row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from tests.train.replies import EIGHT, HAPPY, SEVEN, think
from unifer.dialogue.answers import grade
from unifer.dialogue.vocabulary import vocabulary
from unifer.errors import InputError
from unifer.records import RewardRow
from unifer.train import rewards
from unifer.train.rewards import DEFAULT, REWARDS, choose, judge, total, trainer_rewards


# --- the labels a row offers
# -----------------------------------------------------------------------------------------------------------
def row(problem: str, solution: str, labels: tuple[str, ...] | None = None) -> RewardRow:
    return RewardRow("a.jpg", problem, solution, candidate_labels=labels)


@pytest.mark.parametrize(
    ("problem", "solution", "offered"),
    [
        ("Choose from: surprise, fear, happiness.", "fear", ("surprise", "fear", "happiness")),
        ("Choose from: Angry, HAPPY", "happy", ("angry", "happy")),
        ("happy or sad, happiness or sadness?", "sadness", ("happy", "sad")),
        ("unhappy fearless ['sad', 'anger']", "<answer>anger</answer>", ("sad", "anger")),
        ("sad or angry?", "anger", ("sad", "angry")),
    ],
)
def test_a_row_without_candidates_offers_what_its_problem_names(
    problem: str, solution: str, offered: tuple[str, ...]
) -> None:
    assert vocabulary(row(problem, solution)) == offered


def test_a_rows_own_candidates_go_before_its_problem() -> None:
    assert vocabulary(row("happy or sad?", "awe", ("awe", "calm"))) == ("awe", "calm")


@pytest.mark.parametrize(
    ("problem", "solution", "labels", "said"),
    [
        (
            "Which emotion?",
            "happy",
            None,
            "'problem' offers no label; a reply needs at least two labels to choose from: give the "
            "row 'candidate_labels'",
        ),
        ("Is it happy?", "happy", None, "'problem' offers happy; a reply needs at least two"),
        (
            "happy or sad?",
            "fear",
            None,
            "'solution' 'fear' is none of the labels that 'problem' offers, happy, sad; correct it",
        ),
        ("happy or sad?", "awe", None, "emotions known by name are neutral, happiness"),
        (
            "?",
            "happy",
            ("happy",),
            "'candidate_labels' offers happy; a reply needs at least two labels to choose from: list "
            "every label",
        ),
    ],
)
def test_a_row_that_offers_no_choice_is_refused(
    problem: str, solution: str, labels: tuple[str, ...] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        vocabulary(row(problem, solution, labels))


def test_a_label_spelled_otherwise_than_its_problem_is_still_right() -> None:
    one = row("sad or angry?", "anger")
    assert REWARDS["accuracy"](judge(think("x", "angry"), one.label, vocabulary(one), None)) == 1


# --- choosing
# -----------------------------------------------------------------------------------------------------------
def test_three_rewards_by_default_at_weight_one() -> None:
    assert (choose().names, choose().weights) == (("accuracy", "format", "au_f1"), (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("names", "weights", "said"),
    [
        (
            ["acuracy"],
            None,
            "there is no reward 'acuracy'; did you mean 'accuracy'? choose from accuracy, format, "
            "au_f1, length",
        ),
        (["zzz"], None, "there is no reward 'zzz'; choose from accuracy"),
        ([], None, "no reward is named"),
        (["format", "format"], None, "'format' is named twice"),
        (["format"], [1, 2], "2 reward weights (1, 2) for 1 rewards (format)"),
        (["format"], [-1], "the weight of 'format' is -1"),
        (["format"], [float("nan")], "the weight of 'format' is nan"),
        (["format"], [True], "the weight of 'format' is True"),
        (["format", "accuracy"], [0, 0], "every reward weight is 0"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_refused(
    names: list[str], weights: list[float] | None, said: str
) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        choose(names, weights)


def test_the_total_leaves_out_what_does_not_apply() -> None:
    chosen = choose(DEFAULT, [1, 0.5, 2])
    assert total(chosen, (1, 1, 0.25)) == 2
    assert total(chosen, (1, 1, None)) == 1.5
    assert total(chosen, (None, None, None)) is None


# --- what the trainer calls
# -----------------------------------------------------------------------------------------------------------
def batch(*replies: str, **columns: list[Any]) -> dict[str, Any]:
    """What TRL hands to a reward function: one list an argument, and its own extras."""
    completions = [[{"role": "assistant", "content": reply}] for reply in replies]
    rows = {
        "label": ["happy"] * len(replies),
        "candidate_labels": [list(EIGHT)] * len(replies),
        "action_units": [[6, 12]] * len(replies),
    }
    more = {"image_path": ["a.jpg"] * len(replies), "trainer_state": None}
    return (
        {
            "prompts": [[]] * len(replies),
            "completions": completions,
            "completion_ids": [[7] * 90 for _ in replies],
        }
        | rows
        | more
        | columns
    )


def test_the_trainer_logs_each_reward_under_its_name() -> None:
    names = [*REWARDS]
    assert [reward.__name__ for reward in trainer_rewards(names, completion_limit=100)] == names


def test_every_completion_is_graded_once_whatever_the_number_of_rewards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graded: list[str] = []

    def counted(reply: str, candidates: Sequence[str]) -> Any:
        graded.append(reply)
        return grade(reply, candidates)

    monkeypatch.setattr(rewards, "grade", counted)
    paying = trainer_rewards([*REWARDS], completion_limit=100)
    for replies in ((HAPPY, "sad"), ("sad", HAPPY)):
        one = batch(*replies)
        paid = [reward(**one) for reward in paying]
        assert paid[0] == [float(reply == HAPPY) for reply in replies]
        # length: 90 of 100 tokens are half way through the last fifth.
        assert paid[3] == [pytest.approx(-0.5)] * 2
    assert graded == [HAPPY, "sad", "sad", HAPPY]


def test_a_batch_of_the_same_size_is_not_paid_with_the_last_ones_grades() -> None:
    (accuracy,) = trainer_rewards(["accuracy"], completion_limit=100)
    assert [accuracy(**batch(reply)) for reply in (HAPPY, "sad") * 50] == [[1.0], [0.0]] * 50


def test_each_row_keeps_its_own_vocabulary_in_a_mixed_batch() -> None:
    """Arrow merging the label lists of two sets once offered contempt in every row."""
    (accuracy,) = trainer_rewards(["accuracy"], completion_limit=100)
    contempt = think("AU14.", "contempt")
    one = batch(
        contempt, contempt, label=["contempt", "contempt"], candidate_labels=[list(EIGHT), list(SEVEN)]
    )
    assert accuracy(**one) == [1.0, 0.0]


def test_label_only_rows_train_beside_annotated_ones() -> None:
    """Facial-R1 crashes on a sample without AUs."""
    (au_f1,) = trainer_rewards(["au_f1"], completion_limit=100)
    assert au_f1(**batch(HAPPY, HAPPY, HAPPY, action_units=[[6, 12], None, []])) == [1.0, None, 0.0]


def test_an_empty_completion_is_paid_like_any_other() -> None:
    names = ["accuracy", "format", "au_f1", "length", "consistency"]
    one = batch("", completion_ids=[[]])
    assert [reward(**one) for reward in trainer_rewards(names, completion_limit=100)] == [
        [0.0],
        [0.0],
        [0.0],
        [0.0],
        [None],
    ]
