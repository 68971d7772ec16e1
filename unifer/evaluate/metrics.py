"""Scores of the strict protocol from (truth, outcome) pairs: WAR, UAR, macro-F1, per class, confusion,
bootstrap intervals.

Knows counts and labels; no files and no replies. Everything follows from one table of counts, truth x
outcome; where questions name their subject, from one such table for each subject, and intervals are over
subjects (`bootstrap` says why).

What counts as what:
- Every question that was asked is in the denominator. Off-list, no-answer, failed and missing rows are wrong,
  never a class.
- WAR (weighted average recall) is accuracy. UAR (unweighted average recall) and macro-F1 are means over the
  labels that have at least one question; a label without any has no recall and takes no part, whatever the
  model says.
- Rows that are missing and whose true label nobody knows count as wrong in WAR and cannot enter UAR and
  macro-F1.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.statistics.bootstrap import ROWS, Drawn, percentile_interval, resampled_sums
from unifer.records import Json, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

HEADLINE = ("war", "uar", "macro_f1")
UNNAMED = ("off_list", "no_answer", "failed", "missing")
"""The columns of a table after its labels: what happened where no label was named."""
LEVEL = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class ConfusionTable:
    """Counts truth x outcome: a row per label, a column per label and then per entry of `UNNAMED`.

    `unplaced` are missing rows whose truth is unknown; `well_formed` counts the replies of exact form.
    `subjects` holds the counts of each subject apart, shape (subjects, labels, outcomes); None where rows are
    their own subjects. Unplaced rows are nobody's: they are in every sample.
    """

    labels: tuple[str, ...]
    counts: Counts
    unplaced: int = 0
    well_formed: int = 0
    subjects: Counts | None = None

    @property
    def asked(self) -> int:
        return int(self.counts.sum()) + self.unplaced

    @property
    def clusters(self) -> int | None:
        """How many subjects there are; None where rows are drawn."""
        return None if self.subjects is None else len(self.subjects)

    def relabelled(self, labels: Sequence[str], rename: dict[str, str]) -> ConfusionTable:
        """The same counts over `labels`, where this table's label `x` is called `rename[x]`.

        Lets tables of datasets be added.
        """
        place = [labels.index(rename[label]) for label in self.labels]
        columns = place + [len(labels) + index for index in range(len(UNNAMED))]

        def moved(counts: Counts) -> Counts:
            wide = np.zeros((len(counts), len(labels), len(labels) + len(UNNAMED)), dtype=np.int64)
            np.add.at(wide, np.ix_(range(len(counts)), place, columns), counts)
            return wide

        subjects = None if self.subjects is None else moved(self.subjects)
        return ConfusionTable(
            tuple(labels), moved(self.counts[None])[0], self.unplaced, self.well_formed, subjects
        )

    def __add__(self, other: ConfusionTable) -> ConfusionTable:
        """The counts of both; whose they are is lost (`score_pooled` draws each dataset's subjects apart)."""
        if other.labels != self.labels:
            raise ValueError(f"tables of different labels cannot be added: {self.labels} and {other.labels}")
        return ConfusionTable(
            self.labels,
            self.counts + other.counts,
            self.unplaced + other.unplaced,
            self.well_formed + other.well_formed,
        )

    def resampled(self, resamples: int, seed: int) -> tuple[Counts, Counts]:
        """Bootstrap samples: counts (resamples, labels, outcomes) and questions asked (resamples,).

        Drawing n rows with replacement is one multinomial draw over the cells of the table. Subjects are
        drawn with all their rows.
        """
        if self.subjects is not None:
            sums = resampled_sums(
                self.subjects.reshape(len(self.subjects), -1).astype(np.float64), None, resamples, seed
            )
            counts = sums[:, :-1].astype(np.int64).reshape(resamples, *self.counts.shape)
            return counts, counts.sum(axis=(1, 2)) + self.unplaced
        cells = np.append(self.counts.ravel(), self.unplaced)
        drawn = np.random.default_rng(seed).multinomial(self.asked, cells / self.asked, size=resamples)
        return drawn[:, :-1].reshape(resamples, *self.counts.shape), np.full(resamples, self.asked)


def tally(
    labels: Sequence[str],
    rows: Iterable[tuple[str, Outcome | str, str | None]],
    *,
    unplaced: int = 0,
    well_formed: int = 0,
    subjects: Sequence[str] | None = None,
) -> ConfusionTable:
    """Count (true label, outcome, label named) rows; the outcome is one of `records.OUTCOMES` or `missing`.

    `subjects` names the subject of each row (`bootstrap.clusters_of`). Raises ValueError for a label outside
    `labels`, for an unknown outcome, and for another number of subjects than rows.
    """
    row_of = {label: index for index, label in enumerate(labels)}
    column_of = {name: len(labels) + index for index, name in enumerate(UNNAMED)}
    shape = (len(labels), len(labels) + len(UNNAMED))
    cells = []
    for truth, outcome, named in rows:
        try:
            column = row_of[named or ""] if outcome == "answered" else column_of[outcome]
            cells.append(row_of[truth] * shape[1] + column)
        except KeyError as error:
            raise ValueError(
                f"{error.args[0]!r} is neither one of the labels {', '.join(labels)} nor an outcome"
            ) from None
    counts = np.bincount(np.array(cells, dtype=np.int64), minlength=shape[0] * shape[1]).reshape(shape)
    each = None if subjects is None else _by_subject(cells, subjects, shape)
    return ConfusionTable(tuple(labels), counts, unplaced, well_formed, each)


def _by_subject(cells: Sequence[int], subjects: Sequence[str], shape: tuple[int, int]) -> Counts | None:
    """Counts of each subject: (subjects, *shape); None for a single one, of whom no other can be drawn."""
    if len(cells) != len(subjects):
        raise ValueError(f"{len(subjects)} subjects were given for {len(cells)} rows")
    place = {subject: index for index, subject in enumerate(dict.fromkeys(subjects))}
    size = shape[0] * shape[1]
    at = [place[subject] * size + cell for subject, cell in zip(subjects, cells, strict=True)]
    return np.bincount(at, minlength=len(place) * size).reshape(-1, *shape) if len(place) > 1 else None


@dataclass(frozen=True)
class ClassScore:
    """One label: recall is None without questions of it, precision None where it was never predicted."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int


@dataclass(frozen=True)
class Scores:
    """All scores of one table. `intervals` holds a percentile bootstrap interval for each of `HEADLINE`.

    `samples` are the resampled values behind them, shape (resamples, 3), for whoever averages several scores.
    `drawn` says what was drawn for them.
    """

    table: ConfusionTable
    war: float
    uar: float
    macro_f1: float
    per_class: tuple[ClassScore, ...]
    intervals: dict[str, tuple[float, float]]
    samples: Floats
    seed: int
    drawn: Drawn

    @property
    def counts(self) -> dict[str, int]:
        """Every denominator: asked, answered, the four of `UNNAMED`, well_formed."""
        size = len(self.table.labels)
        unnamed = {name: int(self.table.counts[:, size + index].sum()) for index, name in enumerate(UNNAMED)}
        unnamed["missing"] += self.table.unplaced
        answered = int(self.table.counts[:, :size].sum())
        return {
            "asked": self.table.asked,
            "answered": answered,
            **unnamed,
            "well_formed": self.table.well_formed,
        }

    def to_json(self) -> Json:
        labels = list(self.table.labels)
        return {
            "counts": self.counts,
            "war": self.war,
            "uar": self.uar,
            "macro_f1": self.macro_f1,
            "intervals": intervals_json(self.intervals, len(self.samples), self.seed, self.drawn),
            "per_class": [vars(row).copy() for row in self.per_class],
            "confusion": {
                "truth": labels,
                "outcome": [*labels, *UNNAMED],
                "counts": self.table.counts.tolist(),
            },
        }


def intervals_json(
    intervals: dict[str, tuple[float, float]], resamples: int, seed: int, drawn: Drawn = ROWS
) -> Json | None:
    """Intervals with what made them; None where nothing was resampled."""
    if not intervals:
        return None
    bounds = {name: list(bound) for name, bound in intervals.items()}
    return {**bounds, **drawn.to_json(), "level": LEVEL, "resamples": resamples, "seed": seed}


def score(table: ConfusionTable, *, resamples: int = RESAMPLES, seed: int = 0) -> Scores:
    """Scores of `table`, with intervals from `resamples` bootstrap samples (0: none).

    Raises ValueError for an empty table.
    """
    if not table.counts.sum():
        raise ValueError("there is no row to score")
    return _scores(table, *table.resampled(resamples, seed), seed, Drawn(table.clusters))


def score_pooled(tables: Sequence[ConfusionTable], *, resamples: int = RESAMPLES, seed: int = 0) -> Scores:
    """Scores of several datasets' rows together, tables over the same labels.

    Rows are drawn from the pool, as from one large set. Where a dataset names subjects, each dataset is drawn
    on its own instead: people of one set do not stand for rows of another. Raises ValueError for tables of
    different labels and for empty ones.
    """
    table = functools.reduce(operator.add, tables)
    drawn = Drawn.together([each.clusters for each in tables])
    if drawn.clusters is None:
        return score(table, resamples=resamples, seed=seed)
    parts = [each.resampled(resamples, seed + index) for index, each in enumerate(tables)]
    counts, asked = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
    return _scores(table, counts, asked, seed, drawn)


def _scores(table: ConfusionTable, counts: Counts, asked: Counts, seed: int, drawn: Drawn) -> Scores:
    """Scores of `table`; intervals from `counts` (resamples, labels, outcomes) over `asked` (resamples,)."""
    war, uar, macro_f1 = (
        float(value) for value in headline_of(table.counts[None], np.array([table.asked]))[0]
    )
    samples = headline_of(counts, asked)
    return Scores(
        table,
        war,
        uar,
        macro_f1,
        tuple(_per_class(table)),
        intervals_of(samples, drawn),
        samples,
        seed,
        drawn,
    )


def intervals_of(samples: Floats, drawn: Drawn = ROWS) -> dict[str, tuple[float, float]]:
    """The middle 95 % of each column of `samples` (resamples, 3); empty without samples."""
    if not len(samples):
        return {}
    return {
        name: percentile_interval(samples[:, index], LEVEL, drawn.clusters)
        for index, name in enumerate(HEADLINE)
    }


def headline_of(counts: Counts | Floats, asked: Counts | Floats) -> Floats:
    """The scores `HEADLINE` of each table; shape (tables, 3).

    `counts` (tables, labels, outcomes) over `asked` (tables,) questions.
    """
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


def _per_class(table: ConfusionTable) -> Iterable[ClassScore]:
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
