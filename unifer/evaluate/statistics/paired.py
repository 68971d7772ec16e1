"""The difference of two runs on the same questions, and how sure it is.

One draw, or one swap, moves both replies to a question.

Knows rows of numbers; no replies. Questions that are hard for both runs cancel out, so the interval of the
difference is narrower than two separate intervals suggest. Where questions name their subject, subjects take
the place of questions in everything (`bootstrap` says why).

The test is the paired randomisation test (Fisher, The Design of Experiments, 1935; for scores such as F1:
Noreen, Computer-Intensive Methods for Testing Hypotheses, 1989): if the runs were equally good, their replies
to a question, or to all questions of a subject, could as well be swapped. p is the share of swaps whose
difference is at least as large: exact for up to 14 units, else of `SWAPS` random swaps, the observed one
counted among them (Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9(1), 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.statistics.bootstrap import cluster_sums, drawn_sums, in_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

Statistic = Callable[["Floats", "Floats"], "Floats"]
"""(sums over rows (samples, w), how many rows (samples,)) -> the score of each sample (samples,)."""
SWAPS = 9_999
_EXACT = 14
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Sums:
    """Sums over the rows of samples, (samples, w), of both runs, and their numbers of rows (samples,)."""

    before: Floats
    after: Floats
    rows: Floats

    def differences(self, statistic: Statistic) -> Floats:
        """After minus before, of each sample: (samples,)."""
        return statistic(self.after, self.rows) - statistic(self.before, self.rows)

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.before + other.before, self.after + other.after, self.rows + other.rows)


@dataclass(frozen=True)
class Units:
    """What is drawn and swapped: distinct questions, or subjects, each standing `count` times."""

    before: Floats
    after: Floats
    rows: Floats
    count: Counts
    clusters: int | None

    @classmethod
    def of_rows(cls, before: Floats, after: Floats, clusters: Sequence[Hashable] | None) -> Units:
        """From rows (n, w) of both runs, one per question, and their subjects (None: questions are units)."""
        # Both runs and a count of rows in one row, so that summing a subject sums all three.
        rows = np.column_stack([before, after, np.ones(len(before))])
        if clusters is not None:
            rows = cluster_sums(rows, clusters)
        distinct, count = np.unique(rows, axis=0, return_counts=True)
        width = before.shape[1]
        number = None if clusters is None else len(rows)
        return cls(distinct[:, :width], distinct[:, width : 2 * width], distinct[:, -1], count, number)

    @classmethod
    def of_cells(
        cls, before: Counts, after: Counts, width: int, clusters: Sequence[Hashable] | None
    ) -> Units:
        """From the cell (0 <= cell < `width`) of a table into which each question falls, (n,), per run."""
        if clusters is None:
            # Questions that fall into the same pair of cells are alike: at most width^2 distinct units, so
            # drawing and swapping take the same time for a thousand questions and for a million.
            codes, count = np.unique(before * width + after, return_counts=True)
            one = np.eye(width)
            return cls(one[codes // width], one[codes % width], np.ones(len(codes)), count, None)
        # A subject is one unit: the table of all its questions. Its index shifts cells so that one bincount
        # makes the tables of all subjects.
        place = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
        at = np.array([place[cluster] for cluster in clusters]) * width
        number = len(place)
        first, second = (
            np.bincount(at + cells, minlength=number * width).reshape(number, width)
            for cells in (before, after)
        )
        return cls(
            first.astype(float),
            second.astype(float),
            first.sum(axis=1).astype(float),
            np.ones(number, dtype=np.int64),
            number,
        )

    @property
    def whole(self) -> Sums:
        """The sums over everything, as one sample."""
        return self._split((self.count @ self._cells)[None])

    def drawn(self, resamples: int, seed: int) -> Sums:
        """Bootstrap samples: as many units as there are, with replacement."""
        return self._split(drawn_sums(self._cells, self.count, resamples, seed))

    def swapped(self, swaps: int, seed: int) -> Sums:
        """What it would be with the runs swapped in units chosen at random, each with chance 1/2."""
        # Of `count` alike units a binomial number is swapped; each moves after - before to the other side.
        move = self.after - self.before
        chosen = in_pieces(
            swaps,
            len(move),
            seed,
            lambda draw, size: draw.binomial(self.count, 0.5, size=(size, len(move))) @ move,
        )
        return self._moved(chosen)

    def every_swap(self) -> Sums | None:
        """All ways to swap; None where there are too many."""
        number = int(self.count.sum())
        if number > _EXACT:
            return None
        # The bits of 0 ... 2^number - 1 are all subsets of the units, alike units told apart.
        chosen = (np.arange(2**number)[:, None] >> np.arange(number)) & 1
        return self._moved(chosen @ np.repeat(self.after - self.before, self.count, axis=0))

    def _moved(self, moved: Floats) -> Sums:
        # What one side gains the other loses: the sum of both runs, and the number of rows, stay.
        whole = self.whole
        return Sums(whole.before + moved, whole.after - moved, np.repeat(whole.rows, len(moved)))

    @property
    def _cells(self) -> Floats:
        return np.column_stack([self.before, self.after, self.rows])

    def _split(self, sums: Floats) -> Sums:
        width = self.before.shape[1]
        return Sums(sums[:, :width], sums[:, width : 2 * width], sums[:, -1])


def mean(sums: Floats, rows: Floats) -> Floats:
    """The statistic of scores that are means over rows: sums of width 1."""
    result: Floats = sums[:, 0] / rows
    return result


def swap_test(units: Units, statistic: Statistic, seed: int) -> float:
    """Two-sided p of the difference of `units` by `statistic` under random swaps."""
    observed = float(units.whole.differences(statistic)[0])
    every = units.every_swap()
    if every is not None:
        return float(np.mean(_as_large(every.differences(statistic), observed)))
    return p_of(units.swapped(SWAPS, seed).differences(statistic), observed)


def p_of(swapped: Floats, observed: float) -> float:
    """p of `observed` from the differences of random swaps."""
    return float((1 + np.count_nonzero(_as_large(swapped, observed))) / (1 + len(swapped)))


def _as_large(swapped: Floats, observed: float) -> NDArray[np.bool_]:
    return np.abs(swapped) >= abs(observed) - _ROUNDING
