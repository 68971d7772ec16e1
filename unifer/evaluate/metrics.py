"""Scores of the strict protocol from (truth, outcome) pairs: WAR, UAR, macro-F1, per class, confusion, bootstrap intervals.

Knows counts and labels; no files and no replies. Everything follows from one table of counts, truth x outcome.

What counts as what:
- Every question that was asked is in the denominator. Off-list, no-answer, failed and missing rows are wrong, never a class.
- WAR (weighted average recall) is accuracy. UAR (unweighted average recall) and macro-F1 are means over the labels that have at
  least one question; a label without any has no recall and takes no part, whatever the model says.
- Rows that are missing and whose true label nobody knows count as wrong in WAR and cannot enter UAR and macro-F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.records import Json, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

UNNAMED = ("off_list", "no_answer", "failed", "missing")
"""The columns of a table after its labels: what happened where no label was named."""
LEVEL = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class Table:
    """Counts truth x outcome: a row for each of `labels`, a column for each of them and then for each of `UNNAMED`.

    `unplaced` are missing rows whose truth is unknown; `well_formed` counts the replies of exact form.
    """

    labels: tuple[str, ...]
    counts: Counts
    unplaced: int = 0
    well_formed: int = 0

    @property
    def asked(self) -> int:
        return int(self.counts.sum()) + self.unplaced

    def relabelled(self, labels: Sequence[str], rename: dict[str, str]) -> Table:
        """The same counts over `labels`, where this table's label `x` is called `rename[x]`. Lets tables of datasets be added."""
        place = [labels.index(rename[label]) for label in self.labels]
        columns = place + [len(labels) + index for index in range(len(UNNAMED))]
        counts = np.zeros((len(labels), len(labels) + len(UNNAMED)), dtype=np.int64)
        np.add.at(counts, np.ix_(place, columns), self.counts)
        return Table(tuple(labels), counts, self.unplaced, self.well_formed)

    def __add__(self, other: Table) -> Table:
        if other.labels != self.labels:
            raise ValueError(f"tables of different labels cannot be added: {self.labels} and {other.labels}")
        return Table(self.labels, self.counts + other.counts, self.unplaced + other.unplaced, self.well_formed + other.well_formed)


def tally(
    labels: Sequence[str], rows: Iterable[tuple[str, Outcome | str, str | None]], *, unplaced: int = 0, well_formed: int = 0
) -> Table:
    """Count (true label, outcome, label named) rows; the outcome is one of `records.OUTCOMES` or `missing`.

    Raises ValueError for a label outside `labels` and for an unknown outcome.
    """
    row_of = {label: index for index, label in enumerate(labels)}
    column_of = {name: len(labels) + index for index, name in enumerate(UNNAMED)}
    counts = np.zeros((len(labels), len(labels) + len(UNNAMED)), dtype=np.int64)
    for truth, outcome, named in rows:
        try:
            column = row_of[named or ""] if outcome == "answered" else column_of[outcome]
            counts[row_of[truth], column] += 1
        except KeyError as error:
            raise ValueError(f"{error.args[0]!r} is neither one of the labels {', '.join(labels)} nor an outcome") from None
    return Table(tuple(labels), counts, unplaced, well_formed)


@dataclass(frozen=True)
class ClassScore:
    """One label: recall is None without questions of it, precision None where it was never predicted, F1 None without either."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int


@dataclass(frozen=True)
class Scores:
    """All scores of one table. `intervals` holds a percentile bootstrap interval for each of `war`, `uar`, `macro_f1`.

    `samples` are the resampled values behind them, shape (resamples, 3), for whoever averages several scores.
    """

    table: Table
    war: float
    uar: float
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    intervals: dict[str, tuple[float, float]]
    samples: Floats
    seed: int

    @property
    def counts(self) -> dict[str, int]:
        """Every denominator: asked, answered, the four of `UNNAMED`, and how many replies were of exact form."""
        size = len(self.table.labels)
        unnamed = {name: int(self.table.counts[:, size + index].sum()) for index, name in enumerate(UNNAMED)}
        unnamed["missing"] += self.table.unplaced
        answered = int(self.table.counts[:, :size].sum())
        return {"asked": self.table.asked, "answered": answered, **unnamed, "well_formed": self.table.well_formed}

    def to_json(self) -> Json:
        labels = list(self.table.labels)
        return {
            "counts": self.counts,
            "war": self.war,
            "uar": self.uar,
            "macro_f1": self.macro_f1,
            "intervals": intervals_json(self.intervals, len(self.samples), self.seed),
            "per_class": [vars(row).copy() for row in self.per_class],
            "confusion": {"truth": labels, "outcome": [*labels, *UNNAMED], "counts": self.table.counts.tolist()},
        }


def intervals_json(intervals: dict[str, tuple[float, float]], resamples: int, seed: int) -> Json | None:
    """Intervals with what made them; None where nothing was resampled."""
    if not intervals:
        return None
    bounds = {name: list(bound) for name, bound in intervals.items()}
    return {**bounds, "method": "percentile bootstrap over rows", "level": LEVEL, "resamples": resamples, "seed": seed}


def score(table: Table, *, resamples: int = RESAMPLES, seed: int = 0) -> Scores:
    """Scores of `table`, with intervals from `resamples` bootstrap samples (0: none). Raises ValueError for an empty table."""
    if not table.counts.sum():
        raise ValueError("there is no row to score")
    war, uar, macro_f1 = (float(value) for value in _headline(table.counts[None], np.array([table.asked]))[0])
    samples = _resampled(table, resamples, seed)
    return Scores(table, war, uar, macro_f1, tuple(_per_class(table)), intervals_of(samples), samples, seed)


def intervals_of(samples: Floats) -> dict[str, tuple[float, float]]:
    """The middle 95 % of each column of `samples` (resamples, 3); empty without samples."""
    if not len(samples):
        return {}
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(samples, [tail, 100 - tail], axis=0)
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(("war", "uar", "macro_f1"))}


def _resampled(table: Table, resamples: int, seed: int) -> Floats:
    """Headline scores of bootstrap samples. Drawing n rows with replacement is one multinomial draw over the cells of the table."""
    if resamples == 0:
        return np.zeros((0, 3))
    cells = np.append(table.counts.ravel(), table.unplaced)
    drawn = np.random.default_rng(seed).multinomial(table.asked, cells / table.asked, size=resamples)
    return _headline(drawn[:, :-1].reshape(resamples, *table.counts.shape), np.full(resamples, table.asked))


def _headline(counts: Counts, asked: Counts) -> Floats:
    """(WAR, UAR, macro-F1) of each table in `counts` (tables, labels, outcomes); shape (tables, 3)."""
    size = counts.shape[1]
    hits = np.diagonal(counts, axis1=1, axis2=2)[:, :size]
    support, predicted = counts.sum(axis=2), counts[:, :, :size].sum(axis=1)
    present = support > 0
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    classes = np.maximum(present.sum(axis=1), 1)
    means = [(values * present).sum(axis=1) / classes for values in (recall, f1)]
    result: Floats = np.stack([hits.sum(axis=1) / asked, *means], axis=1)
    return result


def _per_class(table: Table) -> Iterable[ClassScore]:
    for index, label in enumerate(table.labels):
        hits = int(table.counts[index, index])
        support, predicted = int(table.counts[index].sum()), int(table.counts[:, index].sum())
        yield ClassScore(
            label,
            precision=hits / predicted if predicted else None,
            recall=hits / support if support else None,
            f1=2 * hits / (support + predicted) if support + predicted else None,
            support=support,
            predicted=predicted,
        )
