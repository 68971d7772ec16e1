"""Claimed against shown Action Units: hand-computed values, scikit-learn as an independent check, and who
stays in the denominator.
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from unifer.evaluate.au_metrics import HEADLINE, Claim, claim_on, score_action_units
from unifer.records import Question
from unifer.train.rewards import REWARDS, judge

UNITS = (1, 4, 6, 12, 25)
sets = st.frozensets(st.sampled_from(UNITS))
claims = st.lists(st.builds(Claim, sets, sets), min_size=1, max_size=30)


def claim(claimed: list[int], shown: list[int]) -> Claim:
    return Claim(frozenset(claimed), frozenset(shown))


HAND = [claim([6, 12], [6, 12]), claim([12], [12, 25]), claim([4], []), claim([], [])]


def test_hand_computed_scores() -> None:
    scores = score_action_units(HAND, resamples=0)
    assert (scores.n, scores.intervals) == (4, {})
    assert scores.face_f1 == pytest.approx((1 + 2 / 3 + 0 + 1) / 4)
    assert scores.micro_f1 == pytest.approx(2 * 3 / (4 + 4)), "AU4 is shown by no face, and still costs"
    assert scores.macro_f1 == pytest.approx((1 + 1 + 0) / 3), "the mean over AU6, AU12, AU25"
    assert (scores.exact, scores.precision, scores.recall) == (2 / 4, 3 / 4, 3 / 4)
    assert (scores.claims, scores.showings, scores.outside) == (4, 4, 0)
    found = {
        unit.action_unit: (unit.precision, unit.recall, unit.f1, unit.support, unit.predicted)
        for unit in scores.per_unit
    }
    assert found == {
        4: (0, None, None, 0, 1),
        6: (1, 1, 1, 1, 1),
        12: (1, 1, 1, 2, 2),
        25: (None, 0, 0, 1, 0),
    }
    assert {unit.action_unit: unit.accuracy for unit in scores.per_unit} == {4: 3 / 4, 6: 1, 12: 1, 25: 3 / 4}


@given(claims)
@settings(max_examples=60)
def test_equal_to_scikit_learn_on_any_claims(rows: list[Claim]) -> None:
    claimed, shown = (
        np.array([[unit in side for unit in UNITS] for side in sides])
        for sides in ([c.claimed for c in rows], [c.shown for c in rows])
    )
    scores = score_action_units(rows, resamples=0)
    assert scores.face_f1 == pytest.approx(
        f1_score(shown, claimed, average="samples", zero_division=1.0), rel=0, abs=1e-12
    )
    if shown.any() or claimed.any():
        assert scores.micro_f1 == pytest.approx(
            f1_score(shown, claimed, average="micro", zero_division=0.0), rel=0, abs=1e-12
        )
    else:
        assert scores.micro_f1 is None
    assert scores.exact == pytest.approx(accuracy_score(shown, claimed), rel=0, abs=1e-12)
    assert (scores.precision or 0) == pytest.approx(
        precision_score(shown, claimed, average="micro", zero_division=0.0), rel=0, abs=1e-12
    )
    assert (scores.recall or 0) == pytest.approx(
        recall_score(shown, claimed, average="micro", zero_division=0.0), rel=0, abs=1e-12
    )
    present = np.flatnonzero(shown.any(axis=0))
    if len(present):
        assert scores.macro_f1 == pytest.approx(
            f1_score(shown, claimed, average="macro", labels=present, zero_division=0.0), rel=0, abs=1e-12
        )
    else:
        assert scores.macro_f1 is None
    for unit in scores.per_unit:
        at = UNITS.index(unit.action_unit)
        assert (unit.support, unit.predicted) == (shown[:, at].sum(), claimed[:, at].sum())
        for value, independent in ((unit.precision, precision_score), (unit.recall, recall_score)):
            assert (value or 0) == pytest.approx(
                independent(shown[:, at], claimed[:, at], zero_division=0.0), rel=0, abs=1e-12
            )
        assert unit.accuracy == pytest.approx(accuracy_score(shown[:, at], claimed[:, at]), rel=0, abs=1e-12)


def asks(units: list[str], **provenance: Any) -> Question:
    row = {
        "image_path": "1.png",
        "true_label": None,
        "prompt": "Which?",
        "candidate_labels": [],
        "AUs": units,
    }
    return Question.from_json(row | {"provenance": provenance})


def test_what_is_not_scored_or_nobody_looked_for_is_counted_and_neither_right_nor_wrong() -> None:
    """DISFA codes twelve AUs and is scored over eight: a claim of AU7 is not wrong, nor may it vanish without
    a word.
    """
    whole = claim_on(asks(["AU12", "AU17"]), frozenset({7, 12}))
    assert whole == Claim(frozenset({7, 12}), frozenset({12, 17}))
    subset = claim_on(asks(["AU12", "AU17"]), frozenset({7, 12}), units=(4, 6, 12))
    assert subset == Claim(
        frozenset({12}), frozenset({12}), scored=frozenset({4, 6, 12}), outside=frozenset({7})
    )
    coded = claim_on(asks(["AU12"], coded=["AU12", "AU4"]), frozenset({4, 6, 12}), units=(4, 6, 12))
    assert coded == Claim(
        frozenset({4, 12}), frozenset({12}), scored=frozenset({4, 12}), outside=frozenset({6})
    )
    assert claim_on(Question("1.png", "sad", "Which?", ("sad",)), frozenset({4})) is None, "not annotated"
    assert subset is not None
    assert coded is not None
    scores = score_action_units([subset, coded], units=(4, 6, 12), resamples=0)
    assert (scores.outside, scores.claims, scores.showings, scores.to_json()["scored"]) == (
        2,
        3,
        2,
        ["AU4", "AU6", "AU12"],
    )
    assert [(unit.action_unit, unit.faces, unit.accuracy) for unit in scores.per_unit] == [
        (4, 2, 1 / 2),
        (6, 1, 1),
        (12, 2, 1),
    ]
    assert scores.micro_f1 == pytest.approx(2 * 2 / (3 + 2))


def test_every_scored_unit_is_listed_shown_or_not() -> None:
    """A table of DISFA has eight rows on every machine."""
    scores = score_action_units([claim([12], [12])], units=(1, 2, 12), resamples=0)
    assert [(unit.action_unit, unit.f1, unit.faces) for unit in scores.per_unit] == [
        (1, None, 1),
        (2, None, 1),
        (12, 1, 1),
    ]
    assert scores.macro_f1 == 1
    with pytest.raises(ValueError, match="AU4, which is none of the AUs scored"):
        score_action_units([claim([4], [12])], units=(12,))


@given(claims, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_faces_changes_nothing(rows: list[Claim], random: Random) -> None:
    mixed = random.sample(rows, len(rows))
    one, other = (score_action_units(each, resamples=20) for each in (rows, mixed))
    assert one.per_unit == other.per_unit
    for name in HEADLINE:
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-12)
        assert one.intervals.get(name) == pytest.approx(other.intervals.get(name), abs=1e-12)


@given(claims, st.integers(min_value=0))
@settings(max_examples=60)
def test_a_spurious_unit_lowers_micro_and_face_f1(rows: list[Claim], at: int) -> None:
    """In a published evaluation an AU that no face shows vanishes, so claiming everything looks precise."""
    at %= len(rows)
    worse = [Claim(row.claimed | {43}, row.shown) if index == at else row for index, row in enumerate(rows)]
    before, after = (score_action_units(each, resamples=0) for each in (rows, worse))
    hit = bool(rows[at].claimed & rows[at].shown)
    assert after.face_f1 <= before.face_f1
    assert (after.face_f1 < before.face_f1) is (hit or rows[at].f1 == 1)
    assert after.micro_f1 is not None
    assert after.micro_f1 < before.micro_f1 if before.micro_f1 else after.micro_f1 == 0
    assert after.macro_f1 == pytest.approx(before.macro_f1), "it runs over the AUs that are shown"
    assert after.exact <= before.exact
    assert after.recall == pytest.approx(before.recall)


def test_a_score_that_no_sample_defines_has_no_interval() -> None:
    """One claim among many silent faces: a few samples may miss it, and --resamples 2 must not end in a
    traceback.
    """
    rows = [claim([12], [12])] + [claim([], [])] * 400
    found = [score_action_units(rows, resamples=1, seed=seed).intervals for seed in range(12)]
    assert {"micro_f1" in intervals for intervals in found} == {True, False}
    assert all("face_f1" in intervals for intervals in found)


def test_faces_of_one_subject_are_drawn_together() -> None:
    """Hundreds of frames of a few people are no hundreds of independent trials."""
    rows = [claim([12] if subject % 2 else [], [12]) for subject in range(12) for _ in range(25)]
    clusters = [str(subject) for subject in range(12) for _ in range(25)]
    alone, together = score_action_units(rows, seed=1), score_action_units(rows, clusters=clusters, seed=1)
    narrow, wide = (scores.intervals["face_f1"] for scores in (alone, together))
    assert (wide[1] - wide[0]) > 3 * (narrow[1] - narrow[0])
    assert (alone.subjects, together.subjects) == (None, 12)
    assert together.face_f1 == alone.face_f1


@given(sets, sets)
def test_the_metric_counts_what_the_reward_pays(claimed: frozenset[int], shown: frozenset[int]) -> None:
    """Two formulas of one score drift apart: then training optimises what nobody measures."""
    reasoning = ", ".join(f"AU{number}" for number in claimed) or "at rest"
    paid = REWARDS["au_f1"](
        judge(f"<think>{reasoning}</think><answer>sad</answer>", "sad", ("sad", "happy"), sorted(shown))
    )
    assert Claim(claimed, shown).f1 == paid


def test_no_face_with_any_unit_leaves_means_undefined_and_the_rest_defined() -> None:
    scores = score_action_units([claim([], [])] * 3)
    assert (scores.face_f1, scores.exact, scores.micro_f1, scores.macro_f1, scores.per_unit) == (
        1,
        1,
        None,
        None,
        (),
    )
    assert (scores.precision, scores.recall) == (None, None)
    assert set(scores.intervals) == {"face_f1", "exact"}
    with pytest.raises(ValueError, match="no annotated face"):
        score_action_units([])


def test_intervals_are_those_of_faces_drawn_one_by_one() -> None:
    """The multinomial over equal faces is a shortcut; drawing faces by index is the definition."""
    rng = np.random.default_rng(3)
    rows = [
        claim([6, 12] if rng.random() < 0.7 else [4], [6, 12] if rng.random() < 0.8 else [])
        for _ in range(200)
    ]
    scores = score_action_units(rows, resamples=4000, seed=1)
    faces = np.array([row.f1 for row in rows])
    means = faces[rng.integers(len(rows), size=(4000, len(rows)))].mean(axis=1)
    assert scores.intervals["face_f1"] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.01)
    for name in ("face_f1", "micro_f1", "macro_f1"):
        low, high = scores.intervals[name]
        assert low < getattr(scores, name) < high
    assert score_action_units(rows, resamples=4000, seed=1).intervals == scores.intervals
    assert score_action_units(rows, resamples=4000, seed=2).intervals != scores.intervals
