"""What one row alone tells: every kind of fault has a row that shows it and a right row that does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.prepare.checks.rows import Row, cot, question, reward
from unifer.datasets import DatasetSpec
from unifer.prepare.checks.parsing import Parsed, is_prediction, parse

REPLY = "<think>AU6 and AU12.</think>\n<answer>happy</answer>"


def kinds(parsed: Parsed) -> list[str]:
    return [kind for kind, _ in parsed.faults]


@pytest.mark.parametrize(
    "row", [reward(), cot(), question(), reward(label=None, AUs=["AU6"], candidate_labels=None)]
)
def test_a_right_row_has_no_fault(row: Row) -> None:
    assert parse(row, {}).faults == []


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (reward(AUs=["AU12", "AU99"]), "action_units"),
        (reward(label="awe"), "vocabulary"),
        (reward(label="anger", candidate_labels=None), "vocabulary"),
        (question(label="awe"), "vocabulary"),
        (reward(problem="happy or sad? <|image_pad|>"), "control_token"),
        (cot(response=REPLY + "<|im_end|>"), "control_token"),
        (question(prompt="<|im_start|>system"), "control_token"),
        (cot(response="happy"), "no_answer"),
        (cot(response=REPLY + REPLY), "no_answer"),
        (cot(answer="awe"), "off_list"),
        (cot(response="Well: " + REPLY), "malformed"),
        (cot(response=f"<think>{REPLY}</think>\n<answer>happy</answer>"), "nested"),
        (cot(response="<think>AU6 and <answer>happy</answer></think>"), "nested"),
        (cot(response="<think><think>AU6</think></think>", candidate_labels=None), "nested"),
        (cot(provenance={"label": "sad"}), "contradiction"),
        (cot(AUs=["AU4"]), "au_disagreement"),
        (reward(solutoin="happy"), "schema"),
        ({"image_path": "a.jpg"}, "schema"),
        ({"id": "1", "image": "a.jpg", "description": "Facial-R1"}, "schema"),
        (["a"], "schema"),
        (reward(image=""), "schema"),
    ],
)
def test_each_fault_is_found_by_its_kind(row: Any, kind: str) -> None:
    assert kind in kinds(parse(row, {}))


def test_a_row_with_wrong_aus_and_a_wrong_label_shows_both_and_is_still_read() -> None:
    parsed = parse(reward(label="awe", AUs=[99]), {})
    assert sorted(kinds(parsed)) == ["action_units", "vocabulary"]
    assert parsed.record is not None
    assert parsed.label == "awe"


def test_wrong_aus_are_not_compared_with_the_reply() -> None:
    assert kinds(parse(cot(AUs=["AU99"]), {})) == ["action_units"]


def test_another_spelling_of_the_known_label_is_no_contradiction() -> None:
    assert parse(cot(provenance={"label": "happiness"}), {}).faults == []


def test_a_reply_to_an_au_question_needs_no_label() -> None:
    row = cot(
        question="Which facial action units are active?", response="Eyes: AU6 cheek raiser.", AUs=["AU6"]
    )
    assert parse(row, {}).faults == []


def test_labels_are_held_against_the_dataset_that_the_row_names(specs: list[DatasetSpec]) -> None:
    known = {spec.name: spec for spec in specs}
    fits = reward(label="happy", candidate_labels=["happy", "sad"], dataset="ferplus")
    assert parse(fits, known).faults == []
    assert kinds(parse(fits | {"dataset": "rafdb"}, known)) == ["spelling"]
    stranger = reward(label="contempt", candidate_labels=["contempt", "anger"], dataset="rafdb")
    assert kinds(parse(stranger, known)) == ["vocabulary"]
    assert kinds(parse(stranger | {"dataset": None}, known, known["rafdb"])) == ["vocabulary"]


def test_predictions_are_told_from_data() -> None:
    assert is_prediction(question(model_response="<answer>happy</answer>"))
    assert not is_prediction(question())
