"""The swap test: by hand, over subjects, and as often as it says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from tests.evaluate.scored import ADJECTIVES
from tests.evaluate.statistics.answers import RIGHT as R
from tests.evaluate.statistics.answers import WRONG as W
from tests.evaluate.statistics.answers import graded, run
from unifer.evaluate.grading import Graded
from unifer.evaluate.statistics.gains import (
    MEASURES,
    PairedReplies,
    gain_of,
    pair_up,
    paired_gain,
    sign_test,
)
from unifer.evaluate.statistics.paired import Units, mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def by_subject(answers: Sequence[str], frames: int) -> list[Graded]:
    """`frames` questions of each subject, all answered alike."""
    return [
        graded(index * frames + frame, answer, who=f"S{index}")
        for index, answer in enumerate(answers)
        for frame in range(frames)
    ]


def test_frames_of_one_person_are_one_vote() -> None:
    """Six people got better and two worse: over 400 frames McNemar is sure, over 8 people nobody can be."""
    before, after = by_subject([W] * 6 + [R] * 2, 50), by_subject([R] * 6 + [W] * 2, 50)
    found = paired_gain(before, after)
    assert (found.points, found.n, found.fixed, found.broken) == (50, 400, 300, 100)
    assert found.p < 1e-20
    assert found.swap_p == pytest.approx(2 * (1 + 8 + 28) / 256), (
        "every swap: 0, 1 or 2 of 8 coins, on either side"
    )
    assert found.significance == found.swap_p
    assert found.ci95[0] < 0 < found.ci95[1]
    assert found.to_json()["method"] == "paired percentile bootstrap over 8 subjects"


def test_many_subjects_are_swapped_at_random_to_about_the_exact_p() -> None:
    rng = np.random.default_rng(2)
    before = by_subject([R if right else W for right in rng.random(40) < 0.3], 3)
    after = by_subject([R if right else W for right in rng.random(40) < 0.6], 3)
    found = paired_gain(before, after)
    assert found.swap_p == pytest.approx(sign_test(found.fixed // 3, found.broken // 3), abs=0.01)
    assert paired_gain(before, after).swap_p == found.swap_p


def test_without_subjects_a_gain_is_what_it_was() -> None:
    """Figures that are in reports already: interval and p of seed 0 to the digit."""
    before, after = run([R] * 60 + [W] * 40), run([R] * 50 + [W] * 30 + [R] * 20)
    drawn = np.random.default_rng(0).multinomial(100, np.array([10, 70, 20]) / 100, size=1000) @ np.array(
        [-1, 0, 1]
    )
    found = paired_gain(before, after)
    assert found.ci95 == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    assert (found.swap_p, found.p, found.significance) == (None, sign_test(20, 10), sign_test(20, 10))


def labelled(truths: Sequence[str], answers: Sequence[str], who: Sequence[str] | None = None) -> list[Graded]:
    rows = zip(truths, answers, who or [""] * len(truths), strict=True)
    return [
        graded(index, answer, truth=truth, who=subject or None)
        for index, (truth, answer, subject) in enumerate(rows)
    ]


TRUTHS = ["angry", "happy", "sad", "happy", "sad", "happy", "angry", "happy"]


FIRST = ["angry", "sad", "sad", "happy", "angry", "happy", "joyful", "sad"]


SECOND = ["sad", "happy", "sad", "happy", "sad", "happy", "angry", "angry"]


NAMES = ("anger", "happiness", "sadness")


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
@pytest.mark.parametrize("who", [None, ["a", "a", "b", "b", "c", "d", "d", "e"]])
@pytest.mark.parametrize("measure", ["war", "uar", "macro_f1"])
def test_every_swap_by_hand(measure: str, who: list[str] | None) -> None:
    """Score and p against scikit-learn on all 2 ** 8 (or, with subjects, 2 ** 5) ways to swap the replies."""
    before, after = labelled(TRUTHS, FIRST, who), labelled(TRUTHS, SECOND, who)
    score = {"war": accuracy_score, "uar": balanced_accuracy_score, "macro_f1": _macro_f1}[measure]
    found = gain_of([pair_up(before, after, measure, NAMES)], resamples=200, seeds=[0])
    observed = score(TRUTHS, SECOND) - score(TRUTHS, FIRST)
    assert found.points == pytest.approx(100 * observed)
    units = who or [str(index) for index in range(8)]
    swaps = []
    for choice in product((False, True), repeat=len(set(units))):
        flipped = dict(zip(dict.fromkeys(units), choice, strict=True))
        both = [(b, a) if flipped[unit] else (a, b) for a, b, unit in zip(FIRST, SECOND, units, strict=True)]
        swaps.append(score(TRUTHS, [b for _, b in both]) - score(TRUTHS, [a for a, _ in both]))
    assert found.swap_p == pytest.approx(np.mean(np.abs(swaps) >= abs(observed) - 1e-9))


def _macro_f1(truths: Sequence[str], said: Sequence[str]) -> float:
    return float(f1_score(truths, said, labels=ADJECTIVES, average="macro", zero_division=0.0))


@pytest.mark.parametrize("measure", MEASURES)
def test_the_interval_of_a_difference_is_that_of_drawing_questions_one_by_one(measure: str) -> None:
    rng = np.random.default_rng(6)

    def answered(skill: float) -> list[Graded]:
        said = [truth if rng.random() < skill else str(rng.choice(ADJECTIVES)) for truth in truths]
        claimed = rng.choice(["AU4.", "AU6.", "AU6 and AU12."], size=150)
        return [
            graded(i, said[i], str(claimed[i]), (4,) if truth == "sad" else (6, 12), truth)
            for i, truth in enumerate(truths)
        ]

    truths = rng.choice(ADJECTIVES, 150).tolist()
    before, after = answered(0.4), answered(0.7)
    pair = pair_up(before, after, measure, NAMES)
    found = gain_of([pair], resamples=4000, seeds=[1], swap=False)
    plain = []
    for _ in range(800):
        chosen = rng.integers(0, 150, 150)
        again = pair_up([before[i] for i in chosen], [after[i] for i in chosen], measure, NAMES)
        plain.append(100 * float(again.units.whole.differences(again.statistic)[0]))
    assert found.ci95 == pytest.approx(tuple(np.percentile(plain, [2.5, 97.5])), abs=2.0)


def test_pooled_weighs_questions_and_the_mean_weighs_datasets() -> None:
    large = pair_up(run([W] * 90), run([R] * 90), "war")
    small = pair_up(run([R] * 10), run([W] * 10), "war")
    pooled, average = (
        gain_of([large, small], resamples=50, seeds=[1, 2], average=each) for each in (False, True)
    )
    assert (pooled.points, average.points) == (80, 0)
    assert (
        (pooled.n, pooled.fixed, pooled.broken) == (average.n, average.fixed, average.broken) == (100, 90, 10)
    )
    assert pooled.swap_p is not None
    assert pooled.swap_p < 0.001


def test_a_swap_test_rejects_as_often_as_it_says() -> None:
    """Two equally good runs: p <= 0.05 in about 5 % of experiments, over questions and over people who are
    read as a whole.
    """
    rng = np.random.default_rng(8)
    found = []
    for index in range(400):
        abilities = rng.normal(0, 0.5, 20).repeat(10)
        moves = np.sign(abilities + rng.normal(0, 0.5, 200)).round()
        units = Units.of_rows(np.zeros((200, 1)), moves[:, None], [str(row // 10) for row in range(200)])
        found.append(gain_of([PairedReplies(units, mean, 200, 0, 0)], resamples=2, seeds=[index]).swap_p or 0)
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.03)
