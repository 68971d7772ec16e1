"""Strict scores of several datasets together: pooled over all rows, and the mean over datasets.

Pooled rows go under canonical names of emotions; datasets are resampled apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unifer.emotions import canonical, in_order
from unifer.evaluate import metrics
from unifer.evaluate.metrics import RESAMPLES, Scores
from unifer.evaluate.scoring import DatasetScores, seed_of
from unifer.evaluate.statistics.baselines import Baselines, baselines_of, mean_baselines
from unifer.evaluate.statistics.bootstrap import Drawn
from unifer.records import Json


@dataclass(frozen=True)
class Overall:
    """Several datasets: `pooled` over all rows, `mean` over datasets, each with intervals."""

    datasets: tuple[DatasetScores, ...]
    pooled: Scores
    mean: dict[str, float]
    mean_intervals: dict[str, tuple[float, float]]
    mean_drawn: Drawn

    @property
    def pooled_baselines(self) -> Baselines:
        """Always naming the label that is commonest in the pool."""
        return baselines_of(self.pooled.table)

    @property
    def mean_baselines(self) -> Baselines:
        """The mean over datasets of naming the commonest label of each."""
        return mean_baselines([baselines_of(part.labelled.table) for part in self.datasets])

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(f"{part.spec.title}: {note}" for part in self.datasets for note in part.notes)

    def to_json(self) -> Json:
        mean = metrics.intervals_json(
            self.mean_intervals, len(self.pooled.samples), self.pooled.seed, self.mean_drawn
        )
        return {
            "protocol": "strict",
            "run": self.datasets[0].run.name,
            "pooled": {**self.pooled.to_json(), "baselines": self.pooled_baselines.to_json()},
            "mean_of_datasets": {**self.mean, "intervals": mean, "baselines": self.mean_baselines.to_json()},
            "datasets": {part.spec.name: part.to_json() for part in self.datasets},
            "notes": list(self.notes),
        }


def overall(parts: Sequence[DatasetScores], resamples: int = RESAMPLES) -> Overall:
    """Put scores of datasets together.

    Pooled weighs every row alike, the mean every dataset; datasets are resampled apart.

    Raises InputError for a dataset without labels, which has no WAR to be pooled.
    """
    scored = [part.labelled for part in parts]
    labels = in_order(label for part in parts for label in part.spec.labels)
    tables = [
        each.table.relabelled(labels, {label: canonical(label) for label in each.table.labels})
        for each in scored
    ]
    mean = {name: float(np.mean([getattr(each, name) for each in scored])) for name in metrics.HEADLINE}
    samples = np.mean([each.samples for each in scored], axis=0)
    pooled = metrics.score_pooled(tables, resamples=resamples, seed=seed_of("pooled"))
    drawn = Drawn.together([each.drawn.clusters for each in scored])
    return Overall(tuple(parts), pooled, mean, metrics.intervals_of(samples, drawn), drawn)
