"""Right answers of two runs by label: counts, McNemar's exact test, Holm's correction."""

from __future__ import annotations

import pytest

from unifer.dialogue.answers import grade
from unifer.evaluate.grading import Graded
from unifer.evaluate.statistics.compare import sign_test
from unifer.evaluate.statistics.recalls import label_changes
from unifer.records import Prediction, Question

LABELS = ("fear", "anger")


def graded(answers: list[tuple[str, str]]) -> list[Graded]:
    """(truth, answer) pairs as graded replies."""
    found = []
    for index, (truth, answer) in enumerate(answers):
        question = Question(f"{index}.png", truth, "Which?", LABELS)
        reply = f"<think>x</think><answer>{answer}</answer>"
        found.append(Graded(Prediction(question, reply), grade(reply, LABELS)))
    return found


def test_labels_are_counted_apart_and_corrected_together() -> None:
    truth = ["fear"] * 10 + ["anger"] * 4
    before = graded([*zip(truth, ["anger"] * 8 + ["fear"] * 2 + ["anger"] * 4, strict=True)])
    after = graded([*zip(truth, ["fear"] * 10 + ["anger"] * 3 + ["fear"], strict=True)])
    fear, anger = label_changes(before, after, LABELS)
    assert (fear.n, fear.before, fear.after, fear.fixed, fear.broken, fear.verdict) == (10, 2, 10, 8, 0, "won")
    assert (anger.n, anger.before, anger.after, anger.fixed, anger.broken, anger.verdict) == (4, 4, 3, 0, 1, "")
    assert fear.p_holm == pytest.approx(2 * sign_test(8, 0))
    assert anger.p_holm == 1.0
    assert fear.to_json()["before"] == pytest.approx(0.2)


def test_a_label_without_faces_has_no_recall() -> None:
    runs = graded([("fear", "fear")])
    _, anger = label_changes(runs, runs, LABELS)
    assert (anger.n, anger.verdict, anger.to_json()["before"]) == (0, "", None)
