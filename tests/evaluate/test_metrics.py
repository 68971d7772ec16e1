"""Strict metrics against hand-computed values and, as an independent check, scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

from unifer.evaluate.metrics import UNNAMED, ConfusionTable, intervals_of, score, score_pooled, tally

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
def _people(number: int, frames: int, seed: int) -> tuple[list[Row], list[str]]:
    """Rows of people who are read well or badly as a whole."""
    rng = np.random.default_rng(seed)
    found: list[Row] = []
    for ability in rng.choice([0.2, 0.9], size=number):
        for _ in range(frames):
            truth = str(rng.choice(LABELS))
            found.append((truth, "answered", truth if rng.random() < ability else str(rng.choice(LABELS))))
    return found, [f"S{index // frames}" for index in range(number * frames)]


def test_frames_of_one_person_are_no_independent_trials() -> None:
    """2,000 rows of 40 people who are read as a whole: over rows the interval is a fifth of what other people
    would show.
    """
    found, subjects = _people(40, 50, 3)
    alone, together = score(tally(LABELS, found)), score(tally(LABELS, found, subjects=subjects))
    assert (alone.war, alone.uar, alone.macro_f1) == (together.war, together.uar, together.macro_f1)
    for name in ("war", "uar", "macro_f1"):
        narrow, wide = (high - low for low, high in (alone.intervals[name], together.intervals[name]))
        assert wide > 3.5 * narrow
    assert together.to_json()["intervals"]["method"] == "percentile bootstrap over 40 subjects"
    assert alone.to_json()["intervals"]["method"] == "percentile bootstrap over rows"


def test_samples_over_subjects_are_those_of_drawing_subjects_one_by_one() -> None:
    found, subjects = _people(12, 20, 4)
    scores = score(tally(LABELS, found, subjects=subjects), resamples=4000, seed=1)
    rng = np.random.default_rng(9)
    plain = []
    for _ in range(1500):
        chosen = [f"S{index}" for index in rng.integers(0, 12, 12)]
        plain.append(
            _headline(
                [
                    row
                    for name in chosen
                    for row, subject in zip(found, subjects, strict=True)
                    if subject == name
                ]
            )
        )
    assert scores.samples.mean(axis=0) == pytest.approx(np.mean(plain, axis=0), abs=0.02)
    assert scores.samples.std(axis=0) == pytest.approx(np.std(plain, axis=0), rel=0.08)


@given(rows, st.integers(0, 99))
def test_neither_the_order_of_rows_nor_the_names_of_subjects_matter(found: list[Row], seed: int) -> None:
    subjects = [f"S{index % 3}" for index in range(len(found))]
    order = np.random.default_rng(seed).permutation(len(found))
    first = score(tally(LABELS, found, subjects=subjects), resamples=30)
    other = tally(
        LABELS,
        [found[index] for index in order],
        subjects=[subjects[index].replace("S", "person ") for index in order],
    )
    assert score(other, resamples=30).samples.tolist() == first.samples.tolist()


def test_missing_rows_of_nobody_are_wrong_in_every_sample() -> None:
    found, subjects = _people(12, 5, 1)
    right: list[Row] = [(truth, "answered", truth) for truth, _, _ in found]
    scores = score(tally(LABELS, right, subjects=subjects, unplaced=60), resamples=50)
    assert (scores.samples[:, 0] == 0.5).all()
    assert scores.counts["missing"] == 60


def test_pooled_datasets_are_drawn_apart_where_one_names_subjects() -> None:
    """A person of one set must not be drawn in place of a row of another: the pool would change its
    mixture.
    """
    found, subjects = _people(15, 20, 2)
    people, strangers = (
        tally(LABELS, found, subjects=subjects),
        tally(LABELS, [("sad", "answered", "sad")] * 700),
    )
    pooled = score_pooled([people, strangers], resamples=300)
    assert pooled.war == score(people + strangers, resamples=0).war
    assert (pooled.samples[:, 0] >= 0.7).all()
    assert (
        pooled.to_json()["intervals"]["method"]
        == "percentile bootstrap over rows or (at least 15) subjects of each dataset"
    )
    rows_alone = [tally(LABELS, found), strangers]
    assert (
        score_pooled(rows_alone, seed=4).intervals == score(rows_alone[0] + rows_alone[1], seed=4).intervals
    )


def test_subjects_follow_their_rows_into_other_names() -> None:
    nouns = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
    found, subjects = _people(4, 6, 8)
    table = tally(LABELS, found, subjects=subjects).relabelled(
        ("happiness", "sadness", "anger", "contempt"), nouns
    )
    assert table.subjects is not None
    assert (table.subjects.sum(axis=0) == table.counts).all()
    assert table.subjects.shape == (4, 4, 4 + len(UNNAMED))
    with pytest.raises(ValueError, match="1 subjects were given for 24 rows"):
        tally(LABELS, found, subjects=["S0"])
