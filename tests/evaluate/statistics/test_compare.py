"""The gain of one run over another: hand-computed tables, what the interval covers, and runs that cannot be
paired.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from tests.evaluate.scored import ADJECTIVES
from unifer.dialogue.answers import grade
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.statistics.gains import (
    MEASURES,
    Gain,
    PairedReplies,
    face_f1,
    gain_of,
    holm,
    pair_up,
    paired_gain,
    sign_test,
)
from unifer.evaluate.statistics.paired import Units, mean
from unifer.records import Prediction, Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def graded(
    index: int,
    answer: str,
    text: str = "",
    units: tuple[int, ...] | None = None,
    truth: str = "happy",
    who: str | None = None,
) -> Graded:
    reply = f"<think>{text or 'So.'}</think><answer>{answer}</answer>"
    provenance = None if who is None else {"subject": who}
    question = Question(
        f"/{index}.png", truth, "Which?", ADJECTIVES, action_units=units, provenance=provenance
    )
    return Graded(Prediction(question, reply), grade(reply, ADJECTIVES))


def run(answers: Sequence[str]) -> list[Graded]:
    return [graded(index, answer) for index, answer in enumerate(answers)]


R, W = "happy", "sad"


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


# --- UAR and macro-F1
# -----------------------------------------------------------------------------------------------------------
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
