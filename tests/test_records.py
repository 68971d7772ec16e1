"""Rows in and out: what is accepted, what is refused and with which words, and that nothing is lost on the
way.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.action_units import FACS_NUMBERS
from unifer.records import CoTRow, Prediction, Question, RewardRow

QUESTION: dict[str, Any] = {
    "image_path": "/RAF-DB/a.jpg",
    "true_label": "anger",
    "prompt": "Which?",
    "candidate_labels": ["anger", "fear"],
}
COT: dict[str, Any] = {
    "image_path": "a.jpg",
    "question": "Which?",
    "response": "<think>AU12.</think>\n<answer>happy</answer>",
}
REWARD: dict[str, Any] = {"image_path": "a.jpg", "problem": "Which?", "solution": "happy"}

words = st.text(min_size=1, max_size=20).filter(str.strip)
labels = st.lists(words, min_size=1, max_size=8, unique_by=lambda label: label.strip().lower())
units = st.none() | st.sets(st.sampled_from(sorted(FACS_NUMBERS)), max_size=6).map(
    lambda found: tuple(sorted(found))
)
provenance = st.none() | st.dictionaries(words, st.integers() | words, min_size=1, max_size=3)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    candidates = tuple(draw(labels))
    return Question(
        image_path=draw(words),
        true_label=draw(st.sampled_from(candidates)),
        prompt=draw(words),
        candidate_labels=candidates,
        id=draw(st.none() | words),
        dataset=draw(st.none() | words),
        action_units=draw(units),
        provenance=draw(provenance),
    )


@st.composite
def au_questions(draw: st.DrawFn) -> Question:
    shown = draw(units.filter(lambda found: found is not None))
    return Question(draw(words), None, draw(words), (), action_units=shown, provenance=draw(provenance))


@given(questions() | au_questions())
def test_a_question_survives_the_disk(question: Question) -> None:
    assert Question.from_json(json.loads(json.dumps(question.to_json()))) == question


@given(questions(), st.text(max_size=40), st.none() | words, st.none() | st.integers(0, 9999))
def test_a_prediction_survives_the_disk(
    question: Question, reply: str, error: str | None, tokens: int | None
) -> None:
    answered = Prediction(
        question, reply, finish_reason="stop", prompt_tokens=tokens, completion_tokens=tokens
    )
    made = answered if error is None else Prediction(question, "", error)
    assert Prediction.from_json(json.loads(json.dumps(made.to_json()))) == made


@given(words, words, words, units, provenance, st.none() | labels.map(tuple))
def test_training_rows_survive_the_disk(
    path: str,
    text: str,
    reply: str,
    aus: tuple[int, ...] | None,
    made_by: dict[str, Any] | None,
    candidates: tuple[str, ...] | None,
) -> None:
    row = CoTRow(path, text, reply, candidate_labels=candidates, action_units=aus, provenance=made_by)
    assert CoTRow.from_json(json.loads(json.dumps(row.to_json()))) == row


def test_the_published_fields_alone_make_a_row() -> None:
    assert Question.from_json(QUESTION).to_json() == QUESTION
    assert CoTRow.from_json(COT).to_json() == COT
    assert RewardRow.from_json(REWARD).to_json() == REWARD


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true_label": "joy"}, "'joy' is not among its candidate_labels 'anger', 'fear'"),
        ({"true_label": 3}, "'true_label' must be a non-empty string, not 3"),
        ({"prompt": "  "}, "'prompt' must be a non-empty string"),
        ({"image_path": None}, "'image_path' must be a non-empty string, not None"),
        ({"candidate_labels": []}, "'candidate_labels' must be a non-empty list"),
        ({"candidate_labels": "anger, fear"}, "'candidate_labels' must be a non-empty list"),
        ({"candidate_labels": {"anger": 0, "fear": 1}}, "'candidate_labels' must be a non-empty list"),
        ({"candidate_labels": ["anger", "Anger "]}, "names a label twice"),
        ({"AUs": ["AU3"]}, "'AU3', which is no FACS action unit"),
        ({"AUs": [True]}, "True, which is no FACS action unit"),
        ({"AUs": "AU12"}, "'AUs' must be a list"),
        ({"provenance": "by hand"}, "'provenance' must be an object"),
        ({"lable": "anger"}, "unknown 'lable'"),
        ({"true_labels": "anger"}, "did you mean 'true_label'?"),
    ],
)
def test_a_bad_question_is_refused_with_the_value_and_what_is_allowed(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Question.from_json(QUESTION | change)


@pytest.mark.parametrize("field", QUESTION)
def test_each_missing_field_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=f"missing '{field}'"):
        Question.from_json({key: value for key, value in QUESTION.items() if key != field})


@pytest.mark.parametrize("row", [None, 3, "text", ["a"]])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    for record in (Question, CoTRow, RewardRow, Prediction):
        with pytest.raises(ValueError, match="must be a JSON object"):
            record.from_json(row)


def test_units_not_annotated_is_not_the_same_as_no_unit_active() -> None:
    assert Question.from_json(QUESTION).action_units is None
    assert Question.from_json(QUESTION | {"AUs": None}).action_units is None
    assert Question.from_json(QUESTION | {"AUs": []}).action_units == ()
    assert Question.from_json(QUESTION | {"AUs": []}).to_json()["AUs"] == []


def test_units_are_read_in_the_spellings_that_datasets_use() -> None:
    assert Question.from_json(QUESTION | {"AUs": ["AU12", "au 6", 6, "4"]}).action_units == (4, 6, 12)


@pytest.mark.parametrize("solution", ["happy", "<answer>happy</answer>", " <Answer> happy </ANSWER>\n"])
def test_a_solution_is_a_bare_label_or_stands_in_the_tag(solution: str) -> None:
    assert RewardRow.from_json(REWARD | {"solution": solution}).label == "happy"


@pytest.mark.parametrize("label", ["awe", "answer", "sad", "swear"])
def test_no_letters_of_the_label_are_taken_for_the_tag(label: str) -> None:
    assert RewardRow.from_json(REWARD | {"solution": f"<answer>{label}</answer>"}).label == label


def test_a_row_of_action_units_alone_has_no_label_and_needs_its_units() -> None:
    row = REWARD | {"solution": None, "AUs": []}
    assert RewardRow.from_json(row).label is None
    assert RewardRow.from_json(row).to_json() == row
    with pytest.raises(ValueError, match="nothing in it can be verified"):
        RewardRow.from_json(REWARD | {"solution": None})


def test_a_solution_must_be_one_of_its_candidates() -> None:
    with pytest.raises(ValueError, match="'happy' is not among its candidate_labels 'sad'"):
        RewardRow.from_json(REWARD | {"candidate_labels": ["sad"]})
    with pytest.raises(ValueError, match="holds no label"):
        RewardRow.from_json(REWARD | {"solution": "<answer> </answer>"})


def test_a_published_result_is_read_and_its_failure_is_no_reply() -> None:
    failed = Prediction.from_json(QUESTION | {"model_response": "ERROR: no such file", "error": True})
    assert failed.failed
    assert (failed.reply, failed.error) == ("", "ERROR: no such file")
    fine = Prediction.from_json(QUESTION | {"model_response": "<answer>anger</answer>"})
    assert not fine.failed
    assert fine.reply == "<answer>anger</answer>"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "'model_response' must be a string"),
        ({"model_response": None}, "'model_response' must be a string"),
        ({"model_response": "x", "error": "yes"}, "'error' must be true or false"),
    ],
)
def test_a_result_without_reply_or_failure_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prediction.from_json(QUESTION | change)


def test_a_question_is_known_by_its_id_else_by_its_image() -> None:
    assert Question.from_json(QUESTION).key == "/RAF-DB/a.jpg"
    assert Question.from_json(QUESTION | {"id": "q1"}).key == "q1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt_tokens": "12"}, "'prompt_tokens' must be a whole number from 0 or null, not '12'"),
        ({"prompt_tokens": 1.5}, "'prompt_tokens' must be a whole number"),
        ({"completion_tokens": -1}, "'completion_tokens' must be a whole number"),
        ({"completion_tokens": True}, "'completion_tokens' must be a whole number"),
        ({"finish_reason": 3}, "'finish_reason' must be a string or null, not 3"),
        ({"error": True, "error_message": ["x"]}, "'error_message' must be a string or null"),
    ],
)
def test_a_result_with_odd_counts_or_reasons_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Prediction.from_json(QUESTION | {"model_response": "x"} | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "'true_label' is null and the row has no 'AUs'"),
        ({"AUs": ["AU6"], "candidate_labels": ["anger", "fear"]}, "a question of AUs has none: []"),
        (
            {"AUs": ["AU6"], "candidate_labels": []} | {"true_label": "anger"},
            "'candidate_labels' must be a non-empty list",
        ),
        (
            {"AUs": ["AU6"], "candidate_labels": [], "provenance": {"coded": [12]}},
            "AU6 is among 'AUs' but not among 'coded'",
        ),
    ],
)
def test_a_question_that_nothing_could_score_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Question.from_json(QUESTION | {"true_label": None} | change)


def test_what_scores_need_beside_the_label_is_read_from_the_provenance() -> None:
    made_by = {"subject": 7, "description": "Raised cheeks.", "coded": [6, "AU12"]}
    question = Question.from_json(QUESTION | {"provenance": made_by})
    assert (question.subject, question.reference, question.coded) == (
        "7",
        "Raised cheeks.",
        frozenset({6, 12}),
    )
    bare = Question.from_json(QUESTION)
    assert (bare.subject, bare.reference, bare.coded) == (None, None, None)


def test_facts_of_a_face_are_fields_and_rows_keep_the_form_they_came_in() -> None:
    """They were smuggled in the provenance: a typed row could not say what it had."""
    facts = {
        "subject": "SN001",
        "fold": "1/3",
        "folds": "own folds",
        "description": "A smile.",
        "coded": ["AU6"],
    }
    new, old = QUESTION | facts, QUESTION | {"provenance": facts}
    for row in (new, old):
        question = Question.from_json(row)
        assert (question.subject, question.fold, question.folds) == ("SN001", "1/3", "own folds")
        assert (question.reference, question.coded) == ("A smile.", frozenset({6}))
        assert question.to_json() == row
