"""Places from scores, shared by models whose difference may be noise.

Models that answered the same questions are compared question by question (paired bootstrap): hard questions
cancel out. Everything else is compared by whether intervals overlap, which shares places more readily. Knows
scores and verdicts; no files.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from unifer.emotions import canonical
from unifer.evaluate.metrics import LEVEL, UNNAMED
from unifer.evaluate.statistics.bootstrap import Drawn, clusters_of, percentile_interval
from unifer.evaluate.statistics.gains import table_statistic
from unifer.evaluate.statistics.paired import Sums, Units
from unifer.records import Question
from unifer.report.leaderboard.cells import QuestionOutcome, Value

Tied = Callable[[str, str], bool]


@dataclass(frozen=True)
class Place:
    """`rank` from 1; `shared` with another model; `level` where the difference from the best may be noise."""

    rank: int
    shared: bool
    level: bool


def places(scores: Mapping[str, float], tied: Tied) -> dict[str, Place]:
    """Ranks of models by score, best first.

    A model shares the rank of the best of its group as long as `tied` says so; the first that is told apart
    opens the next group, at the number of models before it plus one.
    """
    order = sorted(scores, key=lambda name: (-scores[name], name))
    ranks: dict[str, int] = {}
    leader = ""
    for index, name in enumerate(order):
        if not leader or not (scores[name] == scores[leader] or tied(leader, name)):
            leader, ranks[name] = name, index + 1
        else:
            ranks[name] = ranks[leader]
    taken = list(ranks.values())
    return {
        name: Place(
            rank, taken.count(rank) > 1, rank == 1 or scores[name] == scores[order[0]] or tied(order[0], name)
        )
        for name, rank in ranks.items()
    }


def overlap(values: Mapping[str, Value]) -> Tied:
    """Two models are tied where their own intervals overlap; without intervals, only equal scores are."""

    def tied(one: str, other: str) -> bool:
        first, second = values[one].interval, values[other].interval
        return first is not None and second is not None and first[0] <= second[1] and second[0] <= first[1]

    return tied


class Pairs:
    """Paired comparison of models that answered the same questions.

    `outcomes` holds, by dataset, model and key of the question, what is comparable. Datasets are resampled
    each on its own, whole subjects where a dataset names them. One drawing serves every metric.
    """

    def __init__(
        self, outcomes: Mapping[str, Mapping[str, Mapping[str, QuestionOutcome]]], resamples: int
    ) -> None:
        self._resamples = resamples
        rows = [row for models in outcomes.values() for run in models.values() for row in run.values()]
        named = {label for row in rows for label in (row.question.true_label, row.label) if label is not None}
        self._labels = sorted({canonical(label) for label in named})
        self._answered = {dataset: _Answered(models, self._labels) for dataset, models in outcomes.items()}
        self._drawn: dict[tuple[str, str, str], tuple[Sums, int | None]] = {}

    def tied(self, metric: str, datasets: Sequence[str], pool: bool) -> Tied:
        """Models are tied where the 95 % interval of their difference of `metric` over `datasets` holds 0.

        `metric` is war, uar or macro_f1. With `pool` the counts of the datasets are added under canonical
        names, else the metric is averaged over them.
        """

        def tied(one: str, other: str) -> bool:
            drawn = [self._sums(dataset, one, other) for dataset in datasets]
            sums = [each for each, _ in drawn]
            together = [reduce(add, sums)] if pool else sums
            statistic = table_statistic(metric, len(self._labels))
            differences = np.mean([each.differences(statistic) for each in together], axis=0)
            low, high = percentile_interval(
                differences, LEVEL, Drawn.together([clusters for _, clusters in drawn]).clusters
            )
            return low <= 0 <= high

        return tied

    def _sums(self, dataset: str, one: str, other: str) -> tuple[Sums, int | None]:
        if (dataset, one, other) not in self._drawn:
            units = self._answered[dataset].units(one, other)
            self._drawn[dataset, one, other] = (
                units.drawn(self._resamples, zlib.crc32(dataset.encode())),
                units.clusters,
            )
        return self._drawn[dataset, one, other]


class _Answered:
    """The cell of truth x outcome of each question of one dataset, per model; `missing` without a row."""

    def __init__(self, models: Mapping[str, Mapping[str, QuestionOutcome]], labels: Sequence[str]) -> None:
        self._place = {label: index for index, label in enumerate(labels)}
        self._columns = len(labels) + len(UNNAMED)
        questions = {key: row.question for run in models.values() for key, row in run.items()}
        self._clusters = clusters_of(list(questions.values()))
        self._cells = {
            name: np.array([self._cell(question, run.get(key)) for key, question in questions.items()])
            for name, run in models.items()
        }

    def units(self, one: str, other: str) -> Units:
        return Units.of_cells(
            self._cells[one], self._cells[other], len(self._place) * self._columns, self._clusters
        )

    def _cell(self, question: Question, row: QuestionOutcome | None) -> int:
        outcome, label = ("missing", None) if row is None else (row.outcome, row.label)
        column = self._place[canonical(label)] if label else len(self._place) + UNNAMED.index(outcome)
        return self._place[canonical(str(question.true_label))] * self._columns + column
