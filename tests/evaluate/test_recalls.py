"""Recall by label: counts, intervals, McNemar's exact test, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from unifer.dialogue.answers import grade
from unifer.evaluate import metrics
from unifer.evaluate.grading import Graded
from unifer.evaluate.statistics.gains import paired_gain, sign_test
from unifer.evaluate.statistics.recalls import changes_over, label_changes, recall_intervals
from unifer.proportions import wilson
from unifer.records import Prediction, Question

LABELS = ("fear", "anger")


def graded(answers: Sequence[tuple[str, str]], faces_each: int = 0) -> list[Graded]:
    """(truth, answer) pairs as graded replies; with `faces_each`, so many in a row show one subject."""
    found = []
    for index, (truth, answer) in enumerate(answers):
        provenance = {"subject": index // faces_each} if faces_each else None
        question = Question(f"{index}.png", truth, "Which?", LABELS, provenance=provenance)
        reply = f"<think>x</think><answer>{answer}</answer>"
        found.append(Graded(Prediction(question, reply), grade(reply, LABELS)))
    return found


def test_labels_are_counted_apart_and_corrected_together() -> None:
    truth = ["fear"] * 10 + ["anger"] * 4
    before = graded([*zip(truth, ["anger"] * 8 + ["fear"] * 2 + ["anger"] * 4, strict=True)])
    after = graded([*zip(truth, ["fear"] * 10 + ["anger"] * 3 + ["fear"], strict=True)])
    fear, anger = label_changes(before, after, LABELS)
    assert (fear.n, fear.before, fear.after, fear.fixed, fear.broken, fear.verdict) == (
        10,
        2,
        10,
        8,
        0,
        "won",
    )
    assert (anger.n, anger.before, anger.after, anger.fixed, anger.broken, anger.verdict) == (
        4,
        4,
        3,
        0,
        1,
        "",
    )
    assert fear.p_holm == pytest.approx(2 * sign_test(8, 0))
    assert anger.p_holm == 1.0
    assert fear.to_json()["before"] == pytest.approx(0.2)


def test_a_label_without_faces_has_no_recall() -> None:
    runs = graded([("fear", "fear")])
    _, anger = label_changes(runs, runs, LABELS)
    assert (anger.n, anger.verdict, anger.to_json()["before"]) == (0, "", None)


FEAR = ["fear"] * 20
BEFORE = graded([*zip(FEAR, ["fear"] * 5 + ["anger"] * 15, strict=True), ("anger", "fear")])
AFTER = graded([*zip(FEAR, ["anger"] * 2 + ["fear"] * 13 + ["anger"] * 5, strict=True), ("anger", "anger")])


def test_the_interval_is_that_of_the_gain_over_the_faces_of_the_label() -> None:
    fear, anger = label_changes(BEFORE, AFTER, LABELS, resamples=300)
    gain = paired_gain(BEFORE[:20], AFTER[:20], resamples=300)
    assert fear.points == pytest.approx(gain.points)
    assert fear.ci95 == gain.ci95
    assert (anger.points, anger.n) == (100, 1)
    assert label_changes(BEFORE, AFTER, LABELS, resamples=0)[0].ci95 is None


def test_datasets_are_pooled_question_by_question_though_their_keys_are_the_same() -> None:
    once = label_changes(BEFORE, AFTER, LABELS)
    twice = changes_over([(BEFORE, AFTER)] * 2, LABELS, resamples=100, seeds=[1, 2])
    for one, both in zip(once, twice, strict=True):
        assert (both.n, both.before, both.after, both.fixed) == (
            2 * one.n,
            2 * one.before,
            2 * one.after,
            2 * one.fixed,
        )
    assert (
        changes_over([(BEFORE, AFTER), (BEFORE[:20], AFTER[:20])], LABELS, resamples=9, seeds=[1, 2])[1].n
        == 1
    )


def test_a_label_won_on_the_frames_of_few_people_is_not_surely_won() -> None:
    """Sixteen frames of four people: McNemar's test would take them for sixteen strangers."""
    wrong, right = [("fear", "anger")] * 16, [("fear", "fear")] * 16
    strangers, _ = label_changes(graded(wrong), graded(right), LABELS)
    people, _ = label_changes(graded(wrong, 4), graded(right, 4), LABELS)
    assert (strangers.verdict, people.verdict) == ("won", "")
    assert strangers.p_holm == pytest.approx(2 * sign_test(16, 0))
    assert people.p_holm == pytest.approx(2 * 2 / 2**4)


def test_the_recall_of_one_run_has_the_interval_of_a_share_or_of_its_subjects() -> None:
    """A bootstrap over rows would say that 20 of 20 is 100 %, surely."""
    rows = [("fear", "answered", "fear")] * 20
    strangers = metrics.score(metrics.tally(LABELS, rows), resamples=50)
    assert recall_intervals(strangers) == {"fear": wilson(20, 20), "anger": None}
    assert recall_intervals(metrics.score(metrics.tally(LABELS, rows), resamples=0)) == {
        "fear": None,
        "anger": None,
    }
    mixed = rows[:10] + [("fear", "answered", "anger")] * 10
    people = metrics.score(
        metrics.tally(LABELS, mixed, subjects=[str(index // 5) for index in range(20)]), resamples=400
    )
    found, anger = recall_intervals(people).values()
    assert found is not None
    assert anger is None
    assert found == people.intervals["war"], "with one label recall is WAR, and both are drawn alike"
    assert found[1] - found[0] > 2 * (wilson(10, 20)[1] - 0.5), "four people say less than twenty"
