"""Intervals of the lowest of several groups' scores, and of the gap between the highest and the lowest.

Knows scores of groups and bootstrap samples of them. The lowest of several estimates is too low on average
and the gap too wide, the more groups the more so, and the plain bootstrap repeats that bias on top: where
groups do not differ its interval of the gap never holds 0. Both are directionally differentiable functions of
the scores, so the deviations of the samples are read through the derivative at the estimated contenders (Fang
and Santos, Review of Economic Studies 86(1), 2019): the groups within `NEAR` standard errors of the lowest,
and of the highest. The bound towards chance holds for all contenders at once (studentised, so that a small
group does not widen it for large ones), the other one for the furthest pair of them: either is right
whichever contenders are truly tied. benchmarks/group_coverage.py measures it, beside the plain percentile,
basic, m-out-of-n and simultaneous intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.metrics import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NEAR = 2.0
"""Groups this many standard errors of the difference from an extreme may well be the true extreme."""
_TINY = 1e-12
"""A standard error is never 0: a score that no sample moves is sure, and divides nothing."""


@dataclass(frozen=True)
class Extremes:
    """The lowest score and the gap of several groups, each with its 95 % interval.

    `worst` and `best` are places in the scores; `by_chance` is the gap that groups of this precision would
    show on average if their true scores were all alike, `p` the chance of one at least as wide.
    """

    worst: int
    best: int
    lowest: float
    lowest_ci95: tuple[float, float]
    gap: float
    gap_ci95: tuple[float, float]
    by_chance: float
    p: float


def extremes(scores: Floats, samples: Floats) -> Extremes:
    """Of `scores` (groups,) in [0, 1] and bootstrap `samples` of them (resamples, groups), none NaN.

    Raises ValueError for fewer than two groups, and without samples.
    """
    if len(scores) < 2 or not len(samples):
        raise ValueError("a gap needs two groups and bootstrap samples of them")
    moves, (tail, head) = samples - scores, (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)
    errors = np.maximum(moves.std(axis=0), _TINY)
    apart = moves[:, :, None] - moves[:, None, :]
    error_of = np.maximum(apart.std(axis=0), _TINY)
    worst, best = int(scores.argmin()), int(scores.argmax())
    low = np.flatnonzero(scores <= scores[worst] + NEAR * error_of[worst])
    high = np.flatnonzero(scores >= scores[best] - NEAR * error_of[best])
    pairs = np.ix_(high, low)
    gaps, reach = (scores[:, None] - scores)[pairs], error_of[pairs]
    over = np.percentile((apart[:, high][:, :, low] / reach).max(axis=(1, 2)), head)
    under = np.percentile((-moves[:, low] / errors[low]).max(axis=1), head)
    chance = np.ptp(moves, axis=1)
    return Extremes(
        worst,
        best,
        float(scores[worst]),
        (
            max(0.0, float((scores - np.percentile(moves, head, axis=0))[low].min())),
            min(1.0, float((scores + under * errors)[low].min())),
        ),
        float(scores[best] - scores[worst]),
        (
            max(0.0, float((gaps - over * reach).max())),
            min(1.0, float((gaps - np.percentile(apart, tail, axis=0)[pairs]).max())),
        ),
        float(chance.mean()),
        float((1 + np.count_nonzero(chance >= scores[best] - scores[worst] - _TINY)) / (1 + len(chance))),
    )
