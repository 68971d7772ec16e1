"""Intervals of what `confidences` computes: bootstraps of answers or subjects, an inverted one for the ECE.

The percentile bootstrap fails for a calibration error near 0: a resample adds noise to noise, so all of its
errors lie above that of a perfect model, and no interval of them reaches down to it (0 % of intervals hold a
true ECE of 0; with the bias corrected, 20 %). Tried instead, by benchmarks/calibration_coverage.py: the basic
bootstrap, the bias-corrected one, and test inversion (DiCiccio and Romano, Nonparametric Confidence Limits by
Resampling Methods and Least Favorable Families, 1990), which holds.

Let g (b,) be the gaps of all bins, each times its share of the answers, and e* = g* - g what a bootstrap
sample (of answers, or whole subjects) adds to them. Were the true gaps h, the usual ECE would be distributed
as sum |h + e*|. An ECE of size t is in the interval while the observed one lies in the middle 95 % of that
for h = t times a shape: the least favourable one at either end. Gaps that lie in few bins leave the others to
noise, which raises the observed ECE most: the lower end takes the bins alone whose gap is beyond two
standard deviations (the clearest where there is none). Gaps in all bins raise it least: the upper end takes
each at least as large as its standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.metrics import LEVEL
from unifer.evaluate.statistics.bootstrap import percentile_interval, resampled_sums
from unifer.evaluate.trust.confidences import SureAnswers, SureLevels, level_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bounds = tuple[float, float] | None

_CLEAR = 2.0
_HALVINGS = 40


def drawn_units(answers: SureAnswers) -> int | None:
    """How many subjects the samples are drawn from; None: rows."""
    return None if answers.units is None else len(set(answers.units))


def error_interval(answers: SureAnswers, resamples: int, seed: int) -> tuple[float, float]:
    """The 95 % interval of the ECE, in [0, 1]."""
    rows, units = answers.gaps(), drawn_units(answers)
    sums = resampled_sums(rows, answers.units, resamples, seed)
    observed = rows.sum(axis=0) / answers.number
    noise = sums[:, :-1] / sums[:, -1:] - observed
    deviation, size = noise.std(axis=0), float(np.abs(observed).sum())

    def bounds(shape: Floats, error: float) -> tuple[float, float]:
        drawn = np.abs(error * shape + noise).sum(axis=1)
        return percentile_interval(drawn, LEVEL, units)

    sparse, spread = _sparse(observed, deviation), _spread(observed, deviation)
    low = _largest(lambda error: bounds(sparse, error)[1] < size)
    high = _largest(lambda error: bounds(spread, error)[0] <= size)
    return low, max(low, high)


def _sparse(gaps: Floats, deviation: Floats) -> Floats:
    """The clear gaps alone, as shares that add up to 1; (b,)."""
    clearness = np.abs(gaps) / np.maximum(deviation, 1e-300)
    clear = np.where(clearness > min(_CLEAR, clearness.max() - 1e-12), gaps, 0)
    return _scaled(clear)


def _spread(gaps: Floats, deviation: Floats) -> Floats:
    """Every gap, none below its standard deviation, as shares that add up to 1; (b,)."""
    return _scaled(np.where(gaps < 0, -1, 1) * np.maximum(np.abs(gaps), deviation))


def _scaled(gaps: Floats) -> Floats:
    size = np.abs(gaps).sum()
    shares: Floats = gaps / size if size else np.full(len(gaps), 1 / len(gaps))
    return shares


def _largest(holds: Callable[[float], bool]) -> float:
    """The largest error in [0, 1] for which `holds`, by halving; 0 where it does not hold for 0."""
    low, high = 0.0, 1.0
    if not holds(low) or holds(high):
        return low if not holds(low) else high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def level_interval(
    answers: SureAnswers, statistic: Callable[[SureLevels], Floats], resamples: int, seed: int
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of answers counted by confidence, such as AURC."""
    rows = level_rows(answers)
    sums = resampled_sums(rows, answers.units, resamples, seed)
    levels = np.unique(answers.confidence)[::-1]
    drawn = SureLevels(levels, sums[:, : len(levels)], sums[:, len(levels) : -1])
    return percentile_interval(statistic(drawn), LEVEL, drawn_units(answers))
