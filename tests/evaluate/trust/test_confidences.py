"""Calibration error, Brier score and risk against coverage: by hand, and against a second writing."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from unifer.evaluate.trust.confidence_intervals import error_interval, level_interval
from unifer.evaluate.trust.confidences import (
    SureAnswers,
    SureLevels,
    accuracy_at,
    brier,
    calibration_error,
    plug_in_error,
    risk_area,
)


def answers(*rows: tuple[float, int], votes: int = 8, units: list[str] | None = None) -> SureAnswers:
    """Answers (confidence, right or not), binned by confidence."""
    sure, right = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return SureAnswers(sure, right, np.rint(sure * votes).astype(np.int64), units)


def random_answers(draw: np.random.Generator) -> SureAnswers:
    number = int(draw.integers(1, 60))
    votes = draw.integers(1, 9, size=number)
    confidence = np.round(votes / 8 * draw.choice([1, 0.9, 0.75], size=number), 12)
    units = [str(unit) for unit in draw.integers(0, 6, size=number)] if draw.random() < 0.5 else None
    return SureAnswers(confidence, (draw.random(number) < confidence).astype(float), votes, units)


def error_again(given: SureAnswers) -> float:
    """The corrected ECE row by row, its normal distribution by the error function."""
    total = 0.0
    for votes in set(given.votes.tolist()):
        at = [row for row in range(given.number) if given.votes[row] == votes]
        gaps = {row: float(given.correct[row] - given.confidence[row]) for row in at}
        gap = math.fsum(gaps.values()) / len(at)
        noise: dict[object, float] = defaultdict(float)
        for row in at:
            noise[row if given.units is None else given.units[row]] += gaps[row] - gap
        spread = math.sqrt(math.fsum(each**2 for each in noise.values())) / len(at)
        folded = abs(gap)
        if spread:
            folded = spread * math.sqrt(2 / math.pi) * math.exp(-(gap**2) / (2 * spread**2))
            folded += gap * math.erf(gap / (spread * math.sqrt(2)))
        total += len(at) * (2 * abs(gap) - folded)
    return max(0.0, total / given.number)


def area_again(given: SureAnswers) -> float:
    """AURC answer by answer: what the m surest are expected to get wrong, for every m."""
    rows = sorted(zip(given.confidence, 1 - given.correct, strict=True), key=lambda row: -row[0])
    risks, before, wrong = [], 0, 0.0
    for _, level in itertools.groupby(rows, key=lambda row: row[0]):
        errors = [error for _, error in level]
        for taken in range(1, len(errors) + 1):
            risks.append((wrong + taken * math.fsum(errors) / len(errors)) / (before + taken))
        before, wrong = before + len(errors), wrong + math.fsum(errors)
    return math.fsum(risks) / len(risks)


def test_a_second_writing_agrees_on_a_thousand_random_cases() -> None:
    draw = np.random.default_rng(7)
    for _ in range(1000):
        given = random_answers(draw)
        assert calibration_error(given) == pytest.approx(error_again(given), abs=1e-12)
        assert float(risk_area(SureLevels.of(given))) == pytest.approx(area_again(given), abs=1e-12)


def test_by_hand() -> None:
    # Eight of eight votes: one of two right, gap -0.5. Four of eight: both right, gap +0.5.
    given = answers((1.0, 1), (1.0, 0), (0.5, 1), (0.5, 1))
    assert plug_in_error(given) == 0.5
    assert brier(given) == pytest.approx((0 + 1 + 0.25 + 0.25) / 4)
    # The surest two hold one error in either order: 0.5 of the first, 1/2, 1/3, 1/4.
    assert float(risk_area(SureLevels.of(given))) == pytest.approx((1 / 2 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert float(accuracy_at(SureLevels.of(given), 0.75)) == pytest.approx(2 / 3)
    assert float(accuracy_at(SureLevels.of(given), 0.25)) == pytest.approx(1 / 2)


def test_the_worked_example_of_the_docs() -> None:
    given = answers(*[(1.0, 1)] * 3, (1.0, 0), *[(0.5, 1)] * 2, *[(0.5, 0)] * 2)
    levels = SureLevels.of(given)
    assert plug_in_error(given) == pytest.approx(0.125)
    assert calibration_error(given) == pytest.approx(0.012, abs=5e-4)
    assert brier(given) == pytest.approx(0.25)
    assert float(risk_area(levels)) == pytest.approx(0.296, abs=5e-4)
    assert float(accuracy_at(levels, 0.8)) == pytest.approx(4.5 / 7)


def test_ties_are_averaged_and_not_sorted_by_luck() -> None:
    right_first = answers((0.5, 1), (0.5, 1), (0.5, 0))
    wrong_first = answers((0.5, 0), (0.5, 1), (0.5, 1))
    orders = [sum(sum(order[:m]) / m for m in (1, 2, 3)) / 3 for order in itertools.permutations((1, 0, 0))]
    expected = sum(orders) / len(orders)
    for given in (right_first, wrong_first):
        assert float(risk_area(SureLevels.of(given))) == pytest.approx(expected)


def test_the_correction_takes_away_what_chance_adds() -> None:
    """The plug-in error of a perfect model is far from 0; corrected it is much nearer."""
    draw = np.random.default_rng(3)
    usual, corrected = [], []
    for _ in range(50):
        votes = draw.integers(3, 9, size=200)
        given = SureAnswers(votes / 8, (draw.random(200) < votes / 8).astype(float), votes)
        usual.append(plug_in_error(given))
        corrected.append(calibration_error(given))
    assert np.mean(usual) > 0.05
    assert np.mean(corrected) < 0.65 * np.mean(usual)


def test_the_interval_of_a_perfect_model_reaches_0_and_that_of_a_boaster_does_not() -> None:
    draw = np.random.default_rng(5)
    votes = draw.integers(3, 9, size=400)
    perfect = SureAnswers(votes / 8, (draw.random(400) < votes / 8).astype(float), votes)
    boaster = SureAnswers(votes / 8, (draw.random(400) < votes / 16).astype(float), votes)
    assert error_interval(perfect, 500, 0)[0] == 0.0
    low, high = error_interval(boaster, 500, 0)
    assert 0.25 < low < calibration_error(boaster) < high < 0.5


def test_subjects_that_vary_together_make_intervals_wider() -> None:
    draw = np.random.default_rng(2)
    people = np.repeat(np.arange(20), 20)
    right = np.repeat((draw.random(20) < 0.6).astype(float), 20)
    votes = np.full(400, 5)
    alone = SureAnswers(votes / 8, right, votes)
    together = SureAnswers(votes / 8, right, votes, people.tolist())
    for interval in (error_interval, _area_interval):
        (low, high), (least, most) = (interval(given, 300, 0) for given in (alone, together))
        assert most - least > 2 * (high - low)


def _area_interval(given: SureAnswers, resamples: int, seed: int) -> tuple[float, float]:
    return level_interval(given, risk_area, resamples, seed)


def test_a_bin_without_any_noise_needs_no_correction() -> None:
    given = answers(*[(1.0, 1)] * 5)
    assert calibration_error(given) == 0.0
    assert error_interval(given, 100, 0) == pytest.approx((0.0, 0.0))
