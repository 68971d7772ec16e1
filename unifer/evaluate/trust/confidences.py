"""How much confidences are worth: calibration error, Brier score, risk against coverage, each a number.

Knows arrays: a confidence in [0, 1] per answer and whether the answer is right; not where either comes from.
Their intervals are `confidence_intervals`.

Definitions, for n answers with confidence c_i and y_i = 1 where right, else 0:
- bins: the answers whose winner has the same number of votes, so nothing is binned by taste. Bin b holds n_b
  of them, p_b = n_b / n, gap d_b = mean of y_i - c_i over it.
- ECE, as it is usually computed: sum p_b |d_b| (Naeini et al., 2015; Guo et al., 2017). Chance alone makes it
  large: a perfect model has |d_b| of the size of its noise.
- ECE without that bias (Kumar et al., Verified Uncertainty Calibration, 2019, section 5 and its code): each
  |d_b| less E|N(d_b, s_b^2)| - |d_b|, what noise of s_b adds to a gap of that size. By the mean of the folded
  normal distribution that is s_b sqrt(2 / pi) exp(-d_b^2 / 2 s_b^2) - 2 |d_b| Phi(-|d_b| / s_b).
  s_b^2 = sum over units u of (sum over i in u and b of (y_i - c_i - d_b))^2 / n_b^2, where a unit is an
  answer, or a subject; for single answers of one confidence it is a_b (1 - a_b) / n_b, a_b their accuracy.
  A sum below 0 is 0.
- Brier score: mean (c_i - y_i)^2, of the answer given.
- risk at coverage m / n: the share of wrong answers among the m surest. AURC: its mean over m = 1 ... n
  (Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, 2017). Among equally sure answers
  the order is chance, and each figure is its mean over all orders.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.statistics.bootstrap import cluster_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]


@dataclass(frozen=True)
class SureAnswers:
    """Answers with their confidences: `confidence` (n,) in [0, 1], `correct` (n,), 1.0 or 0.0.

    `votes` (n,): how many votes the winner has, which is the answer's bin. `units` (n,): whose answers vary
    together, such as subjects; None: each on its own.
    """

    confidence: Floats
    correct: Floats
    votes: Whole
    units: Sequence[Hashable] | None = None

    @property
    def number(self) -> int:
        return len(self.confidence)

    @property
    def bins(self) -> Whole:
        """The numbers of votes that occur, rising: (b,)."""
        bins: Whole = np.unique(self.votes)
        return bins

    def gaps(self) -> Floats:
        """correct - confidence in the column of the answer's bin, 0 elsewhere: (n, b)."""
        gaps: Floats = np.where(
            self.votes[:, None] == self.bins, (self.correct - self.confidence)[:, None], 0
        )
        return gaps


def plug_in_error(answers: SureAnswers) -> float:
    """The ECE as it is usually computed, in [0, 1]: too large by what chance adds."""
    return float(np.abs(answers.gaps().sum(axis=0)).sum() / answers.number)


def calibration_error(answers: SureAnswers) -> float:
    """The ECE without the bias of chance, in [0, 1]. Raises ZeroDivisionError without answers."""
    gaps, members = answers.gaps(), answers.votes[:, None] == answers.bins
    sizes = members.sum(axis=0)
    gap = gaps.sum(axis=0) / sizes
    noise = np.where(members, gaps - gap, 0)
    by_unit = noise if answers.units is None else cluster_sums(noise, answers.units)
    spread = np.sqrt((by_unit**2).sum(axis=0)) / sizes
    true = [
        abs(each) - _added_by_noise(abs(each), deviation) for each, deviation in zip(gap, spread, strict=True)
    ]
    return max(0.0, math.fsum(size * each for size, each in zip(sizes, true, strict=True)) / answers.number)


def _added_by_noise(gap: float, deviation: float) -> float:
    """E|N(gap, deviation^2)| - gap, for a gap from 0 on."""
    if not deviation:
        return 0.0
    ratio = gap / deviation
    density = deviation * math.sqrt(2 / math.pi) * math.exp(-(ratio**2) / 2)
    return density - 2 * gap * NormalDist().cdf(-ratio)


def brier(answers: SureAnswers) -> float:
    """The Brier score, in [0, 1]."""
    return float(np.mean((answers.confidence - answers.correct) ** 2))


@dataclass(frozen=True)
class SureLevels:
    """Answers counted by confidence, the surest first; of one sample or of many at once.

    `size`, `wrong` (..., levels): how many answers have each confidence, and how many of those are wrong.
    """

    confidence: Floats
    size: Floats
    wrong: Floats

    @classmethod
    def of(cls, answers: SureAnswers) -> SureLevels:
        rows = level_rows(answers).sum(axis=0)
        levels = np.unique(answers.confidence)[::-1]
        return cls(levels, rows[: len(levels)], rows[len(levels) :])

    @property
    def before(self) -> tuple[Floats, Floats]:
        """Of each level, how many answers are surer, and how many of those are wrong."""
        return tuple(np.cumsum(each, axis=-1) - each for each in (self.size, self.wrong))  # type: ignore[return-value]

    @property
    def rate(self) -> Floats:
        """The share of wrong answers of each level; 0 where it is empty."""
        rate: Floats = self.wrong / np.maximum(self.size, 1)
        return rate


def level_rows(answers: SureAnswers) -> Floats:
    """Per answer a 1 in the column of its confidence, then the same where it is wrong: (n, 2 levels)."""
    levels = np.unique(answers.confidence)[::-1]
    member = (answers.confidence[:, None] == levels).astype(float)
    return np.hstack([member, member * (1 - answers.correct)[:, None]])


def risk_area(levels: SureLevels) -> Floats:
    """AURC, in [0, 1]: (...)."""
    (earlier, errors), rate = levels.before, levels.rate
    total = levels.size.sum(axis=-1)
    # Among m answers that end inside a level, errors + (m - earlier) rate are wrong, on the mean of all
    # orders; divided by m and summed over the level, that is this with the harmonic numbers H.
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(total.max()) + 1))])
    passed = harmonic[(earlier + levels.size).astype(int)] - harmonic[earlier.astype(int)]
    area: Floats = (levels.wrong + (errors - earlier * rate) * passed).sum(axis=-1) / total
    return area


def accuracy_at(levels: SureLevels, coverage: float) -> Floats:
    """The share of right answers among the surest `coverage` of them, at least one: (...)."""
    wanted = np.maximum(1, np.ceil(coverage * levels.size.sum(axis=-1) - 1e-9))
    taken = np.clip(wanted[..., None] - levels.before[0], 0, levels.size)
    accuracy: Floats = 1 - (taken * levels.rate).sum(axis=-1) / wanted
    return accuracy
