"""A mean with how many rows it is over and its bootstrap interval: what every figure on reasoning is.

Knows numbers and who is in a picture; not what the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.metrics import LEVEL
from unifer.evaluate.statistics.bootstrap import percentile_interval, resampled_sums
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanShare:
    """A mean over `n` rows, None without any, and its 95 % interval, None where nothing was resampled."""

    value: float | None
    n: int
    interval: tuple[float, float] | None = None

    def to_json(self) -> Json:
        return {
            "value": self.value,
            "n": self.n,
            "ci95": None if self.interval is None else list(self.interval),
        }


@dataclass(frozen=True)
class Draws:
    """How intervals are drawn: over the subjects in `clusters` (one per question), or over rows."""

    clusters: Sequence[str] | None
    resamples: int
    seed: int

    def share(self, values: Sequence[float | None]) -> MeanShare:
        """The mean of what is not None among `values`, one for each question."""
        kept = np.array(
            [(index, value) for index, value in enumerate(values) if value is not None], dtype=float
        ).reshape(-1, 2)
        if not len(kept):
            return MeanShare(None, 0)
        rows = kept[:, 1:]
        interval = self.interval(rows, lambda sums: sums[:, 0] / sums[:, 1], kept[:, 0].astype(int).tolist())
        return MeanShare(float(rows.mean()), len(rows), interval)

    def interval(
        self, rows: Floats, score: Callable[[Floats], Floats], places: Sequence[int]
    ) -> tuple[float, float] | None:
        """The interval of `score`, a function of sums of `rows` and their number.

        `places` are their questions.
        """
        if not self.resamples:
            return None
        clusters = None if self.clusters is None else [self.clusters[place] for place in places]
        distinct = None if clusters is None else len(set(clusters))
        if distinct == 1:
            clusters = distinct = None
        with np.errstate(invalid="ignore"):
            samples = score(resampled_sums(rows, clusters, self.resamples, self.seed))
        return None if np.isnan(samples).all() else percentile_interval(samples, LEVEL, distinct)
