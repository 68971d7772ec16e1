"""The bootstrap: sums over resampled rows or whole subjects, and the interval of what follows from them.

Knows arrays and who is in a picture; no score. Frames of one person are alike: drawn as if they were
strangers, they promise a precision that another set of people would not show. So where questions name their
subject, whole subjects are drawn (cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their
Application, 1997, section 3.8), and a sample has as many rows as the subjects drawn have.

Few subjects need a wider interval: the percentile interval is too narrow by the factor sqrt((g - 1) / g) and
by taking normal for t quantiles. `percentile_interval` moves its tails out by both (the expanded percentile
interval of Hesterberg, What Teachers Should Know about the Bootstrap, The American Statistician 69(4), 2015,
section 4.3). benchmarks/bootstrap_coverage.py measures what it covers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from unifer.records import Json, Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

FEW = 10
"""Fewer clusters than this make any interval rough.

What they have in common cannot be told from what people have in common.
"""
RARE = 20
"""Fewer questions of a label, or faces of an AU, make intervals of means over them rough (measured)."""
_CELLS = 2**24
"""Counts drawn at a time: 128 MiB."""


@dataclass(frozen=True)
class Drawn:
    """What the samples of an interval were drawn from: `clusters` subjects, or rows where that is None.

    With `parts`, several datasets were drawn each on its own, and `clusters` is the number of subjects of the
    one that has fewest.
    """

    clusters: int | None = None
    parts: int = 1

    @classmethod
    def together(cls, clusters: Sequence[int | None]) -> Drawn:
        """Of several datasets.

        The fewest subjects decide how far the tails are moved out: a little too far for the others.
        """
        return cls(min((number for number in clusters if number is not None), default=None), len(clusters))

    def to_json(self) -> Json:
        """The method in words, for the file that holds the interval."""
        if self.clusters is None:
            return {"method": "percentile bootstrap over rows"}
        over = (
            f"{self.clusters} subjects"
            if self.parts == 1
            else f"rows or (at least {self.clusters}) subjects of each dataset"
        )
        return {
            "method": f"percentile bootstrap over {over}",
            "tails": "expanded for few subjects (Hesterberg 2015)",
        }


ROWS = Drawn()


def resampled_sums(rows: Floats, clusters: Sequence[Hashable] | None, resamples: int, seed: int) -> Floats:
    """Sums over the rows of each bootstrap sample of `rows` (n, k), then their number: (resamples, k + 1).

    Without `clusters`, n rows are drawn with replacement. With them (one for each row), as many clusters as
    there are, each with all its rows. What is alike is drawn as one: a sample is one multinomial draw over
    the distinct rows, or the distinct sums of clusters, so the order of rows does not matter. Raises
    ValueError without rows, and where rows and clusters differ in number.
    """
    if not len(rows):
        raise ValueError("there is no row to resample")
    units = np.column_stack([rows, np.ones(len(rows))])
    if clusters is not None:
        units = cluster_sums(units, clusters)
    cells, count = np.unique(units, axis=0, return_counts=True)
    return drawn_sums(cells, count, resamples, seed)


def drawn_sums(cells: Floats, count: Counts, resamples: int, seed: int) -> Floats:
    """Sums of bootstrap samples of the units `cells` (c, k), each `count` (c,) times: (resamples, k)."""
    number = int(count.sum())
    return in_pieces(
        resamples,
        len(cells),
        seed,
        lambda draw, size: draw.multinomial(number, count / number, size=size) @ cells,
    )


def in_pieces(
    samples: int, cells: int, seed: int, make: Callable[[np.random.Generator, int], Floats]
) -> Floats:
    """`make(generator, size)` until there are `samples`, in pieces that memory holds.

    How it is cut changes no figure.
    """
    draw, step = np.random.default_rng(seed), max(1, _CELLS // cells)
    return np.concatenate(
        [make(draw, min(step, samples - start)) for start in range(0, max(samples, 1), step)]
    )


def cluster_sums(rows: Floats, clusters: Sequence[Hashable]) -> Floats:
    """Sums of `rows` (n, k) by cluster: (clusters, k), clusters in order of their first row."""
    place = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(place), rows.shape[1]))
    if len(clusters) != len(rows):
        raise ValueError(f"{len(clusters)} clusters were given for {len(rows)} rows")
    np.add.at(sums, [place[cluster] for cluster in clusters], rows)
    return sums


def percentile_interval(samples: Floats, level: float, clusters: int | None = None) -> tuple[float, float]:
    """The middle `level` of `samples` (resamples,); samples that do not define the score, NaN, are left out.

    With `clusters`, how many were drawn, the expanded percentile interval. Raises ValueError without samples,
    and for a single cluster.
    """
    if clusters is not None and clusters < 2:
        raise ValueError("one cluster says nothing of how clusters differ")
    samples = samples[~np.isnan(samples)]
    if not len(samples):
        raise ValueError("there is no sample to take an interval of")
    tail = 100 * (1 - level) / 2 if clusters is None else 100 * _expanded_tail(level, clusters)
    low, high = np.percentile(samples, [tail, 100 - tail])
    return float(low), float(high)


def _expanded_tail(level: float, clusters: int) -> float:
    """The mass left out at each end: Phi(-sqrt(g / (g - 1)) t).

    t is the quantile of Student's t with g - 1 degrees of freedom.
    """
    return NormalDist().cdf(-math.sqrt(clusters / (clusters - 1)) * t_quantile(level, clusters - 1))


@lru_cache
def t_quantile(level: float, freedom: int) -> float:
    """The t with P(|T| <= t) = `level` in (0, 1) for a whole number >= 1 of degrees of freedom.

    By halving on the closed form of that chance (Abramowitz and Stegun, Handbook of Mathematical Functions,
    26.7.3 and 26.7.4).
    """
    odd = freedom % 2
    powers = np.arange(odd, freedom - 1, 2)
    factors = np.cumprod(np.append(1.0, (powers[1:] - 1) / powers[1:]))[: len(powers)]

    def chance(angle: float) -> float:
        series = math.sin(angle) * float(factors @ math.cos(angle) ** powers)
        return 2 * (angle + series) / math.pi if odd else series

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) < level else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def rare_notes(what: str, counts: Mapping[str, int]) -> list[str]:
    """A note where the mean `what` over labels or AUs hangs on rare ones; `counts` by name."""
    rare = [f"{name} {count:,}" for name, count in counts.items() if 0 < count < RARE]
    more = f" and {len(rare) - 4} more" if len(rare) > 4 else ""
    return (
        [f"few examples of {', '.join(rare[:4])}{more}: {what} and intervals of them are rough"]
        if rare
        else []
    )


def clusters_of(questions: Sequence[Question]) -> list[str] | None:
    """The subject of each question; None unless every question names one and there are several."""
    subjects = [question.subject for question in questions if question.subject is not None]
    return subjects if len(subjects) == len(questions) and len(set(subjects)) > 1 else None


def cluster_notes(questions: Sequence[Question]) -> list[str]:
    """Notes on the subjects of `questions`: named for some only, just one, or few."""
    subjects = [question.subject for question in questions if question.subject is not None]
    distinct = len(set(subjects))
    if not subjects:
        return []
    if len(subjects) < len(questions):
        unnamed = len(questions) - len(subjects)
        return [
            f"{unnamed:,} of {len(questions):,} questions name no subject: intervals are over rows, "
            "too narrow where people repeat"
        ]
    if distinct == 1:
        return [
            "every question shows the same subject: intervals are over rows and say nothing of other people"
        ]
    return [f"only {distinct} subjects: intervals over them are rough"] if distinct < FEW else []
