"""What a true label is taken for, group by group: anger read as disgust more often on some people's faces.

Knows tables of groups. For each true label and each answer to it, every two groups are compared: Fisher's
exact test on faces; where subjects are drawn, a z test on the bootstrap deviations of the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unifer.evaluate.metrics import UNNAMED
from unifer.evaluate.trust.group_study import PeopleGroup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

NO_LABEL = "no label"
"""An answer that names none: off the list, none at all, failed, or missing."""


class ConfusionGap(NamedTuple):
    """Faces of `truth` answered `answer`: `hits` of `n` in the group `higher`, in `lower` less often."""

    truth: str
    answer: str
    higher: str
    lower: str
    higher_counts: tuple[int, int]
    lower_counts: tuple[int, int]
    p: float

    @property
    def gap(self) -> float:
        """The difference of the two rates, in [0, 1]."""
        return self.higher_counts[0] / self.higher_counts[1] - self.lower_counts[0] / self.lower_counts[1]


def confusion_gaps(
    groups: Sequence[PeopleGroup], labels: Sequence[str], least: int
) -> Iterator[ConfusionGap]:
    """Every wrong answer to every true label in every two groups that show it on `least` faces each.

    None where subjects are to be drawn and nothing was.
    """
    if any(group.clusters is not None and not len(group.samples) for group in groups):
        return
    answers = (*labels, NO_LABEL)
    tables = [_by_answer(group.table.counts, len(labels)) for group in groups]
    for one, other in combinations(range(len(groups)), 2):
        for truth, label in enumerate(labels):
            sizes = [int(tables[at][truth].sum()) for at in (one, other)]
            if min(sizes) < least:
                continue
            for place, answer in enumerate(answers):
                hits = [int(tables[at][truth, place]) for at in (one, other)]
                if place == truth or not any(hits):
                    continue
                high, low = (0, 1) if hits[0] * sizes[1] >= hits[1] * sizes[0] else (1, 0)
                pair = (groups[one], groups[other])
                yield ConfusionGap(
                    label,
                    answer,
                    pair[high].name,
                    pair[low].name,
                    (hits[high], sizes[high]),
                    (hits[low], sizes[low]),
                    _p(pair, truth, place, hits, sizes),
                )


def surest(gaps: Sequence[tuple[ConfusionGap, float]]) -> list[tuple[ConfusionGap, float]]:
    """Of (gap, corrected p) the one of each true label that is least likely chance; of equals the widest."""
    best: dict[str, tuple[ConfusionGap, float]] = {}
    for gap, corrected in sorted(gaps, key=lambda each: (each[0].p, -each[0].gap)):
        best.setdefault(gap.truth, (gap, corrected))
    return list(best.values())


def fisher(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Two-sided p of Fisher's exact test of two shares: all tables at most as likely as the one seen.

    Source: Fisher 1935; two-sided by summing small probabilities.
    """
    return _fisher(hits, n, hits + other_hits, n + other_n)


@lru_cache(maxsize=2**14)
def _fisher(hits: int, n: int, marked: int, total: int) -> float:
    cells = np.arange(max(0, marked - (total - n)), min(n, marked) + 1)
    logs = np.array([_log_choose(n, cell) + _log_choose(total - n, marked - cell) for cell in cells.tolist()])
    chances = np.exp(logs - _log_choose(total, marked))
    seen = chances[hits - cells[0]]
    # As likely but for rounding counts as equally likely.
    return float(min(1.0, chances[chances <= seen * (1 + 1e-7)].sum()))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _by_answer(counts: Counts, labels: int) -> Counts:
    """Tables (..., labels, outcomes) -> (..., labels, labels + 1): what names no label is one answer."""
    unnamed = counts[..., labels : labels + len(UNNAMED)].sum(axis=-1, keepdims=True)
    return np.concatenate([counts[..., :labels], unnamed], axis=-1)


def _p(
    pair: Sequence[PeopleGroup], truth: int, place: int, hits: Sequence[int], sizes: Sequence[int]
) -> float:
    if pair[0].clusters is None and pair[1].clusters is None:
        return fisher(hits[0], sizes[0], hits[1], sizes[1])
    moves = []
    for group, hit, size in zip(pair, hits, sizes, strict=True):
        drawn = _by_answer(group.samples[:, truth], group.samples.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            moves.append(group.stretch * (drawn[:, place] / drawn.sum(axis=1) - hit / size))
    error = float(np.nanstd(moves[0] - moves[1]))
    gap = abs(hits[0] / sizes[0] - hits[1] / sizes[1])
    return 2 * NormalDist().cdf(-gap / error) if error > 0 else 1.0
