"""Intervals of the worst group and of the gap: what they must hold at ties, and far from them."""

from __future__ import annotations

import numpy as np
import pytest

from unifer.evaluate.statistics.extremes import extremes


def drawn(scores: list[float], errors: list[float], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    values = np.array(scores)
    return values, values + np.random.default_rng(seed).normal(0, errors, (4000, len(scores)))


def test_two_groups_far_apart_have_the_usual_intervals() -> None:
    found = extremes(*drawn([0.5, 0.9], [0.01, 0.02]))
    assert (found.worst, found.best) == (0, 1)
    assert found.gap_ci95 == pytest.approx((0.4 - 1.96 * 5**0.5 / 100, 0.4 + 1.96 * 5**0.5 / 100), abs=0.004)
    assert found.lowest_ci95 == pytest.approx((0.5 - 0.0196, 0.5 + 0.0196), abs=0.002)
    assert found.p < 0.001


def test_groups_that_may_be_alike_have_an_interval_that_holds_no_gap() -> None:
    """The plain percentile interval of a gap never holds 0: it would find every model unfair."""
    scores, samples = drawn([0.70, 0.72, 0.69, 0.71, 0.70], [0.02] * 5)
    assert np.percentile(np.ptp(samples, axis=1), 2.5) > 0.02
    found = extremes(scores, samples)
    assert found.gap_ci95[0] == 0
    assert found.by_chance == pytest.approx(0.02 * 2.326, rel=0.03)  # mean range of five normal deviates
    assert found.p > 0.5


def test_a_small_group_does_not_widen_what_large_ones_say() -> None:
    """Unstudentised, a group with an error of 0.1 lifted the upper bound of the worst beyond every score."""
    found = extremes(*drawn([0.60, 0.62, 0.65], [0.01, 0.01, 0.1]))
    assert found.lowest_ci95[1] < 0.63
    assert found.lowest_ci95[0] < 0.50  # the small group may truly be the worst


def test_a_gap_needs_two_groups_and_samples() -> None:
    with pytest.raises(ValueError, match="two groups"):
        extremes(np.array([0.5]), np.zeros((10, 1)))
    with pytest.raises(ValueError, match="two groups"):
        extremes(np.array([0.5, 0.6]), np.zeros((0, 2)))
