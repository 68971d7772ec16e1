"""Scores of a run's reasoning: who is in which denominator, REGE by hand, and when there is nothing to
score.
"""

from __future__ import annotations

import json

import pytest

from tests.evaluate.reasoning.asked import DRAWS, graded, question
from unifer.evaluate.au_metrics import Claim, score_action_units
from unifer.evaluate.reasoning.rege import rege_of_answers, rege_of_units
from unifer.evaluate.reasoning.scores import score_reasoning
from unifer.evaluate.reasoning.shares import Draws

SMILE = "<think>Lip corners pulled up.</think><answer>happiness</answer>"
REFERENCE = "think lip corners pulled up think answer happiness answer"


def test_silence_has_nothing_in_common_with_a_reference_and_stays() -> None:
    """A model that fails on hard faces must not have its mean taken over the easy ones."""
    rows = [
        graded("happiness", SMILE, index=0, description=REFERENCE),
        graded("happiness", None, index=1, description=REFERENCE),
    ]
    rows.append(graded("happiness", SMILE, index=2))
    scores = score_reasoning(rows, [question("sadness", index=3, description=REFERENCE)])
    assert scores is not None
    assert scores.rouge is not None
    assert (scores.rouge.value, scores.rouge.n, scores.unanswered) == pytest.approx((1 / 3, 3, 2))
    assert scores.rege["accuracy"].s_re == pytest.approx(100 * 2 / 4), (
        "every question that asks for an emotion"
    )
    assert scores.rege["accuracy"].total == pytest.approx(50 + 100 / 3)
    assert (scores.follows, scores.truth) == (None, None)


def test_nothing_to_score_is_none() -> None:
    assert score_reasoning([graded("happiness", SMILE)]) is None


def test_a_set_without_references_still_has_its_answers_checked() -> None:
    scores = score_reasoning(
        [graded("happiness", "<think>AU6, AU12.</think><answer>happiness</answer>")], resamples=0
    )
    assert scores is not None
    assert scores.follows is not None
    assert (scores.rouge, scores.rege, scores.truth) == (None, {}, None)
    assert set(scores.to_json()) == {"answer_follows_from_claims", "bootstrap"}


def test_rege_by_hand() -> None:
    """EmoLA's figures for emotions: 64.5 + 31.7 = 96.2."""
    rege = rege_of_answers([True, False, None, True], [0.5, None, 0.25, 0.0], DRAWS)
    assert rege is not None
    assert (rege.s_re, rege.s_ge, rege.n_re, rege.n_ge) == pytest.approx((200 / 3, 25, 3, 3))
    assert rege.total == pytest.approx(200 / 3 + 25)
    assert rege.interval is not None
    assert rege_of_answers([None], [0.5], DRAWS) is None
    assert rege_of_answers([True], [None], DRAWS) is None


def test_rege_of_units_is_macro_f1_and_the_texts() -> None:
    claims = [Claim(frozenset({12, 43}), frozenset({12})), None, Claim(frozenset(), frozenset({4}))]
    rege = rege_of_units(claims, [1.0, 0.5, None], (4, 12, 43), DRAWS)
    assert rege is not None
    assert (rege.s_re, rege.s_ge, rege.n_re, rege.n_ge) == pytest.approx((50, 75, 2, 2))
    assert rege_of_units([None], [1.0], (4,), DRAWS) is None
    assert rege_of_units([Claim(frozenset(), frozenset())], [1.0], (4,), DRAWS) is None, (
        "no AU is shown, so there is no macro F1"
    )


def test_a_sum_that_no_sample_defines_has_no_interval() -> None:
    """One reference among many questions: a single sample may miss it."""
    values: list[float | None] = [0.5, *[None] * 400]
    found = [rege_of_answers([True] * 401, values, Draws(None, 1, seed)) for seed in range(12)]
    assert {rege is not None and rege.interval is None for rege in found} == {True, False}


def test_the_scores_file_names_every_denominator() -> None:
    rows = [
        graded(
            "happiness",
            f"<think>AU12. {index}</think><answer>happiness</answer>",
            (12,),
            index,
            description=REFERENCE,
        )
        for index in range(4)
    ]
    units = score_action_units([row.claim for row in rows if row.claim is not None])
    scores = score_reasoning(rows, units=units)
    assert scores is not None
    written = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert written["rouge_l"]["n"] == 4
    assert written["rouge_l"]["unanswered"] == 0
    assert set(written["rege"]) == {"accuracy", "macro_au_f1"}
    assert written["answer_follows_from_claims"]["follows"] == {"value": 1.0, "n": 4, "ci95": [1.0, 1.0]}
    assert written["claims_are_true"]["precision"] == {"value": 1.0, "n": 4, "ci95": [1.0, 1.0]}


def test_subjects_are_drawn_whole() -> None:
    """Where questions name their subject, an interval over rows would be too narrow."""

    def width(named: bool) -> float:
        rows = []
        for index in range(240):
            person = index // 20
            said, who = SMILE if person % 2 else "", person if named else None
            rows.append(graded("happiness", said, index=index, description=REFERENCE, subject=who))
        scores = score_reasoning(rows)
        assert scores is not None
        assert scores.rouge is not None
        assert scores.rouge.interval is not None
        return scores.rouge.interval[1] - scores.rouge.interval[0]

    assert width(True) > 3 * width(False)
