"""Strict metrics against hand-computed values and, as an independent check, scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

from unifer.evaluate.metrics import UNNAMED, ConfusionTable, intervals_of, score, tally

LABELS = ("angry", "happy", "sad")
Row = tuple[str, str, str | None]

HAND: list[Row] = [
    ("angry", "answered", "angry"),
    ("angry", "answered", "sad"),
    ("happy", "answered", "happy"),
    ("happy", "answered", "happy"),
    ("happy", "off_list", None),
    ("happy", "failed", None),
    ("sad", "answered", "sad"),
    ("sad", "no_answer", None),
]

rows = st.lists(
    st.tuples(st.sampled_from(LABELS), st.one_of(st.sampled_from(LABELS), st.sampled_from(UNNAMED))).map(
        lambda pair: (pair[0], "answered", pair[1]) if pair[1] in LABELS else (pair[0], pair[1], None)
    ),
    min_size=1,
    max_size=60,
)


def test_hand_computed_scores() -> None:
    scores = score(tally(LABELS, HAND, well_formed=5), resamples=0)
    assert scores.war == 4 / 8
    assert scores.uar == pytest.approx((1 / 2 + 2 / 4 + 1 / 2) / 3)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 4 / 6 + 2 / 4) / 3)
    angry, happy, sad = scores.per_class
    assert (angry.precision, angry.recall, angry.support, angry.predicted) == (1, 0.5, 2, 1)
    assert (happy.precision, happy.recall, happy.support, happy.predicted) == (1, 0.5, 4, 2)
    assert (sad.precision, sad.recall, sad.support, sad.predicted) == (0.5, 0.5, 2, 2)
    assert scores.counts == {
        "asked": 8,
        "answered": 5,
        "off_list": 1,
        "no_answer": 1,
        "failed": 1,
        "missing": 0,
        "well_formed": 5,
    }


@pytest.mark.parametrize("outcome", UNNAMED)
def test_rows_without_a_label_stay_in_every_denominator(outcome: str) -> None:
    """The published scripts dropped failed rows: accuracy rose with every error."""
    good: list[Row] = [(label, "answered", label) for label in LABELS]
    assert score(tally(LABELS, good), resamples=0).war == 1
    worse = score(tally(LABELS, [*good, *((label, outcome, None) for label in LABELS)]), resamples=0)
    assert (worse.war, worse.uar, worse.counts["asked"], worse.counts[outcome]) == (0.5, 0.5, 6, 3)
    assert worse.macro_f1 == pytest.approx(2 / 3)


def test_one_unnamed_reply_is_no_class_of_its_own() -> None:
    """Published: one "unknown" joined the macro mean as a class of F1 0, and 0.83 became 0.56."""
    replies: list[Row] = (
        [("happy", "answered", "happy")] * 9 + [("sad", "answered", "sad")] * 9 + [("sad", "off_list", None)]
    )
    scores = score(tally(("happy", "sad"), replies), resamples=0)
    assert scores.macro_f1 == pytest.approx((1 + 18 / 19) / 2)


def test_a_label_without_questions_takes_no_part_in_the_means_but_a_false_alarm_still_costs() -> None:
    calm: list[Row] = [("happy", "answered", "happy"), ("sad", "answered", "sad")]
    scores = score(tally(LABELS, calm), resamples=0)
    assert (scores.uar, scores.macro_f1) == (1, 1)
    assert (scores.per_class[0].recall, scores.per_class[0].precision, scores.per_class[0].f1) == (
        None,
        None,
        None,
    )
    alarmed = score(tally(LABELS, [*calm, ("sad", "answered", "angry")]), resamples=0)
    assert alarmed.uar == 0.75
    assert alarmed.per_class[0].predicted == 1


def test_missing_rows_of_unknown_truth_count_as_wrong_in_war_alone() -> None:
    scores = score(tally(LABELS, [(label, "answered", label) for label in LABELS], unplaced=3), resamples=200)
    assert (scores.war, scores.uar, scores.counts["missing"], scores.counts["asked"]) == (0.5, 1, 3, 6)
    assert scores.intervals["war"][0] < 0.5 < scores.intervals["war"][1]


@pytest.mark.parametrize("table", [tally(LABELS, []), tally(LABELS, [], unplaced=4)])
def test_nothing_to_score_is_an_error_and_no_nan(table: ConfusionTable) -> None:
    with pytest.raises(ValueError, match="no row to score"):
        score(table)


@pytest.mark.parametrize(
    "row",
    [
        ("joy", "answered", "sad"),
        ("sad", "answered", "joy"),
        ("sad", "lost", None),
        ("sad", "answered", None),
    ],
)
def test_strangers_are_refused(row: Row) -> None:
    with pytest.raises(ValueError, match="neither one of the labels"):
        tally(LABELS, [row])


@given(rows)
def test_agrees_with_scikit_learn(found: list[Row]) -> None:
    scores = score(tally(LABELS, found), resamples=0)
    truth = [row[0] for row in found]
    predicted = [row[2] or row[1] for row in found]
    present = sorted(set(truth))
    assert scores.war == pytest.approx(np.mean(np.array(truth) == np.array(predicted)), abs=1e-12)
    each = precision_recall_fscore_support(truth, predicted, labels=present, average=None, zero_division=0)
    assert scores.uar == pytest.approx(np.mean(each[1]), abs=1e-12)
    assert scores.macro_f1 == pytest.approx(np.mean(each[2]), abs=1e-12)
    columns = [*LABELS, *UNNAMED]
    assert (scores.table.counts == confusion_matrix(truth, predicted, labels=columns)[: len(LABELS)]).all()
    for row in scores.per_class:
        if row.label in present:
            index = present.index(row.label)
            assert (row.precision or 0, row.recall, row.f1) == pytest.approx(
                (each[0][index], each[1][index], each[2][index])
            )


def test_uar_is_balanced_accuracy_where_all_is_answered() -> None:
    rng = np.random.default_rng(1)
    truth, predicted = rng.choice(LABELS, 300).tolist(), rng.choice(LABELS, 300).tolist()
    scores = score(
        tally(LABELS, [(t, "answered", p) for t, p in zip(truth, predicted, strict=True)]), resamples=0
    )
    assert scores.uar == pytest.approx(balanced_accuracy_score(truth, predicted), abs=1e-12)


@given(rows)
def test_every_count_adds_up_and_scores_lie_in_range(found: list[Row]) -> None:
    scores = score(tally(LABELS, found), resamples=20)
    counts = scores.counts
    assert counts["asked"] == len(found) == counts["answered"] + sum(counts[name] for name in UNNAMED)
    assert all(0 <= value <= 1 for value in (scores.war, scores.uar, scores.macro_f1))
    assert all(0 <= low <= high <= 1 for low, high in scores.intervals.values())


def test_the_interval_is_that_of_resampling_rows_one_by_one() -> None:
    """The multinomial shortcut against the plain loop over rows: same distribution, so bounds within sampling
    error.
    """
    rng = np.random.default_rng(5)
    found: list[Row] = []
    for _ in range(400):
        truth = str(rng.choice(LABELS, p=[0.2, 0.5, 0.3]))
        named = truth if rng.random() < 0.7 else str(rng.choice(LABELS))
        found.append((truth, "answered", named) if rng.random() < 0.95 else (truth, "failed", None))
    scores = score(tally(LABELS, found), resamples=4000, seed=1)
    plain = np.array(
        [_headline([found[i] for i in rng.integers(0, len(found), len(found))]) for _ in range(1500)]
    )
    for name, (low, high) in intervals_of(plain).items():
        assert scores.intervals[name] == pytest.approx((low, high), abs=0.012)


def _headline(found: list[Row]) -> tuple[float, float, float]:
    scores = score(tally(LABELS, found), resamples=0)
    return scores.war, scores.uar, scores.macro_f1


def test_war_interval_width_is_the_binomial_one() -> None:
    right: Row = ("happy", "answered", "happy")
    found = [right] * 700 + [("happy", "answered", "sad")] * 300
    low, high = score(tally(LABELS, found), resamples=5000).intervals["war"]
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.7 * 0.3 / 1000), rel=0.08)


def test_same_seed_same_interval_and_none_without_resamples() -> None:
    table = tally(LABELS, HAND)
    assert score(table, seed=3).intervals == score(table, seed=3).intervals != score(table, seed=4).intervals
    assert score(table, resamples=0).intervals == {}
    assert score(table, resamples=0).to_json()["intervals"] is None


@settings(max_examples=40)
@given(rows, rows)
def test_tables_of_two_vocabularies_add_up_row_for_row(first: list[Row], second: list[Row]) -> None:
    nouns = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
    pooled_labels = ("happiness", "sadness", "anger", "contempt")
    added = tally(LABELS, first).relabelled(pooled_labels, nouns) + tally(LABELS, second).relabelled(
        pooled_labels, nouns
    )
    renamed = [(nouns[t], outcome, named and nouns[named]) for t, outcome, named in [*first, *second]]
    assert (added.counts == tally(pooled_labels, renamed).counts).all()


# --- subjects
# -----------------------------------------------------------------------------------------------------------
