"""The gain of one run over another: hand-computed tables, what the interval covers, and runs that cannot be
paired.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.statistics.answers import RIGHT as R
from tests.evaluate.statistics.answers import WRONG as W
from tests.evaluate.statistics.answers import graded, run
from unifer.errors import InputError
from unifer.evaluate.statistics.gains import (
    Gain,
    PairedReplies,
    face_f1,
    gain_of,
    holm,
    paired_gain,
    sign_test,
)
from unifer.evaluate.statistics.paired import Units, mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def gain(moves: Floats, resamples: int, seed: int) -> Gain:
    """The gain from differences after - before, one a question."""
    pair = PairedReplies(
        Units.of_rows(np.zeros((len(moves), 1)), moves[:, None], None), mean, len(moves), 0, 0
    )
    return gain_of([pair], resamples=resamples, seeds=[seed], swap=False)


def test_a_table_by_hand() -> None:
    before, after = run([R, R, R, W, W, W, W, W, W, W]), run([R, R, W, R, R, R, R, R, W, W])
    found = paired_gain(before, after, resamples=500)
    assert (found.n, found.fixed, found.broken) == (10, 5, 1)
    assert found.points == pytest.approx(40)
    assert found.p == pytest.approx(2 * (1 + 6) / 64)
    assert found.ci95[0] <= found.points <= found.ci95[1]
    mirrored = paired_gain(after, before, resamples=500)
    assert (mirrored.fixed, mirrored.broken, mirrored.p) == (1, 5, found.p)
    assert mirrored.points == pytest.approx(-40)


def test_a_run_gains_nothing_over_itself() -> None:
    same = run([R, W, R])
    found = paired_gain(same, same)
    assert (found.points, found.ci95, found.p) == (0, (0, 0), 1)


def test_questions_are_matched_by_key_and_not_by_place() -> None:
    before, after = run([R, W, R, W]), run([R, R, R, W])
    shuffled = [after[index] for index in (3, 1, 0, 2)]
    assert paired_gain(before, shuffled) == paired_gain(before, after)
    assert paired_gain(before, shuffled).broken == 0


def test_pairing_narrows_the_interval() -> None:
    """Two unpaired intervals of 60 % and 65 % overlap; on the same questions the difference is sure."""
    before, after = run([R] * 600 + [W] * 400), run([R] * 650 + [W] * 350)
    low, high = paired_gain(before, after).ci95
    assert 3 < low < 5 < high < 7


@pytest.mark.parametrize(("n", "chances"), [(400, (0.12, 0.06)), (1000, (0.09, 0.04))])
def test_the_interval_covers_the_truth_as_often_as_it_says(n: int, chances: tuple[float, float]) -> None:
    """Resampling the two runs apart covers 99 %; forgetting half of the discordant questions, 80 %."""
    rng = np.random.default_rng(11)
    truth = 100 * (chances[0] - chances[1])
    moves = rng.choice([1.0, -1.0, 0.0], p=[*chances, 1 - sum(chances)], size=(1500, n))
    bounds = [gain(row, resamples=400, seed=index).ci95 for index, row in enumerate(moves)]
    covered = np.mean([low <= truth <= high for low, high in bounds])
    assert 0.93 <= covered <= 0.97


def test_the_interval_of_graded_differences_covers_too() -> None:
    """F1 of a face moves by thirds and fifths, not by whole answers."""
    rng = np.random.default_rng(12)
    moves = rng.choice(
        [-0.5, -0.2, 0.0, 1 / 3, 0.8, 1.0], p=[0.1, 0.1, 0.5, 0.2, 0.05, 0.05], size=(1500, 300)
    )
    truth = 100 * (-0.05 - 0.02 + 0.2 / 3 + 0.04 + 0.05)
    bounds = [gain(row, resamples=400, seed=index).ci95 for index, row in enumerate(moves)]
    assert 0.93 <= np.mean([low <= truth <= high for low, high in bounds]) <= 0.97


@pytest.mark.parametrize(("fixed", "broken"), [(0, 0), (1, 0), (5, 5), (9, 2), (40, 92), (3000, 2800)])
def test_p_is_the_chance_of_what_is_no_likelier_under_even_odds(fixed: int, broken: int) -> None:
    ways = [math.comb(fixed + broken, index) for index in range(fixed + broken + 1)]
    expected = sum(way for way in ways if way <= ways[fixed]) / 2 ** (fixed + broken)
    assert sign_test(fixed, broken) == pytest.approx(expected, rel=1e-9)


def test_action_units_compare_by_face_and_leave_out_what_is_not_annotated() -> None:
    before = [
        graded(0, W, "AU12.", (6, 12)),
        graded(1, W, "AU4.", ()),
        graded(2, W, "AU1.", None),
        graded(3, W, "AU6.", (6,)),
    ]
    after = [
        graded(0, W, "AU6 and AU12.", (6, 12)),
        graded(1, W, "", ()),
        graded(2, W, "AU2.", None),
        graded(3, W, "AU6, AU4.", (6,)),
    ]
    found = paired_gain(before, after, face_f1)
    assert (found.n, found.fixed, found.broken) == (3, 2, 1)
    assert found.points == pytest.approx(100 * (1 / 3 + 1 - 1 / 3) / 3)
    with pytest.raises(InputError, match="none of the 2 questions tells"):
        paired_gain(run([R, W]), run([R, R]), face_f1)


def test_runs_over_other_questions_are_refused_by_name() -> None:
    """Differences of two unequal samples are no gain."""
    two, three = run([R, W]), run([R, W, R])
    with pytest.raises(
        InputError,
        match=r"before lacks 1 of the 3 questions, the first '/2\.png'.*unifer infer.*over the 2 .*--common",
    ):
        paired_gain(two, three)
    with pytest.raises(InputError, match=r"after lacks 1 of the 3 questions, the first '/2\.png'"):
        paired_gain(three, two)
    with pytest.raises(InputError, match=r"'/0\.png' stands twice in run before"):
        paired_gain([*two, two[0]], two)
    other = [graded(0, R, truth="sad"), graded(1, R)]
    with pytest.raises(
        InputError, match=r"1 questions have another truth.*'/0\.png' \('happy' in before, 'sad' in after"
    ):
        paired_gain(two, other)


def test_the_same_seed_gives_the_same_interval() -> None:
    before, after = run([R, W] * 40), run([R, R, W, W] * 20)
    assert paired_gain(before, after, seed=1) == paired_gain(before, after, seed=1)
    assert paired_gain(before, after, seed=1).ci95 != paired_gain(before, after, seed=3).ci95


# --- subjects
# -----------------------------------------------------------------------------------------------------------


# --- UAR and macro-F1
# -----------------------------------------------------------------------------------------------------------


# --- many comparisons
# -----------------------------------------------------------------------------------------------------------
def test_holm_worked_by_hand() -> None:
    """0.01 x 4, 0.013 x 3 lifted to the one before, 0.02 x 2 likewise, 0.04 x 1 likewise."""
    assert holm([0.04, 0.01, 0.02, 0.013]) == pytest.approx([0.04, 0.04, 0.04, 0.04])
    assert holm([0.01, 0.02, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_order_never_helps_and_rejects_what_the_procedure_rejects(found: list[float]) -> None:
    adjusted = holm(found)
    assert all(before <= after <= 1 for before, after in zip(found, adjusted, strict=True))
    assert all(
        adjusted[i] <= adjusted[j] for i, p in enumerate(found) for j, other in enumerate(found) if p < other
    )
    alpha, ranked, rejected = 0.05, sorted(range(len(found)), key=lambda i: found[i]), set()
    for rank, index in enumerate(ranked):
        if found[index] * (len(found) - rank) > alpha:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(adjusted) if p <= alpha} == rejected


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [
        (9, 1, 22 / 1024),
        (6, 0, 2 / 64),
        (3, 3, 1.0),
        (10, 2, 2 * (1 + 12 + 66) / 4096),
        (59, 1, 2 * 61 / 2**60),
    ],
)
def test_known_tables_of_mcnemar(fixed: int, broken: int, p: float) -> None:
    assert sign_test(fixed, broken) == sign_test(broken, fixed) == pytest.approx(p)
