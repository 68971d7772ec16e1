"""Recall of each label: of one run with its interval; of two runs, and the labels won and lost.

Knows graded predictions and tables; no files. Holm's correction over the labels: without it one of eight
equal labels would be named in every third comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unifer.emotions import canonical
from unifer.evaluate.grading import Graded
from unifer.evaluate.metrics import LEVEL, RESAMPLES, Scores
from unifer.evaluate.statistics.bootstrap import percentile_interval
from unifer.evaluate.statistics.gains import gain_of, holm, pair_up
from unifer.evaluate.statistics.matching import match
from unifer.proportions import wilson
from unifer.records import Json

ALPHA = 0.05


@dataclass(frozen=True)
class LabelChange:
    """`n` faces of one label: how many each run names, the second alone (`fixed`), the first (`broken`).

    `ci95` is the paired 95 % interval of recall after minus before, in percentage points; None where nothing
    was drawn.
    """

    label: str
    n: int
    before: int
    after: int
    fixed: int
    broken: int
    p_holm: float
    ci95: tuple[float, float] | None = None

    @property
    def points(self) -> float:
        """Recall after minus before in percentage points; 0 without faces."""
        return 100 * (self.after - self.before) / max(self.n, 1)

    @property
    def verdict(self) -> str:
        """`won`, `lost`, or nothing where the counts could be chance."""
        if self.p_holm > ALPHA:
            return ""
        return "won" if self.fixed > self.broken else "lost"

    def to_json(self) -> Json:
        counts = {
            "n": self.n,
            "right_before": self.before,
            "right_after": self.after,
            "fixed": self.fixed,
            "broken": self.broken,
        }
        shares = (
            {"before": self.before / self.n, "after": self.after / self.n}
            if self.n
            else {"before": None, "after": None}
        )
        drawn = None if self.ci95 is None else list(self.ci95)
        return {**shares, **counts, "p_holm": self.p_holm, "points": self.points, "ci95": drawn}


def label_changes(
    before: Sequence[Graded], after: Sequence[Graded], labels: Sequence[str], resamples: int = RESAMPLES
) -> list[LabelChange]:
    """One for each of `labels`, over the questions of both runs.

    Raises InputError where they do not answer the same questions.
    """
    graded = match({"before": before, "after": after}).graded
    return changes_over([(graded["before"], graded["after"])], labels, resamples=resamples, seeds=[0])


def changes_over(
    runs: Sequence[tuple[Sequence[Graded], Sequence[Graded]]],
    labels: Sequence[str],
    *,
    resamples: int,
    seeds: Sequence[int],
) -> list[LabelChange]:
    """One per label over matched replies (before, after) to datasets, each drawn with its own seed.

    p is McNemar's exact test on the faces of a label, or the swap test over subjects where questions name
    them.
    """
    sides = [(_by_label(before), _by_label(after)) for before, after in runs]
    found = []
    for label in labels:
        name = canonical(label)
        told = [
            (before[name], after[name], seed)
            for (before, after), seed in zip(sides, seeds, strict=True)
            if name in before
        ]
        found.append(_change(label, told, resamples))
    corrected = holm([change.p_holm for change in found])
    return [replace(change, p_holm=p) for change, p in zip(found, corrected, strict=True)]


def _by_label(graded: Sequence[Graded]) -> dict[str, list[Graded]]:
    found: dict[str, list[Graded]] = {}
    for row in graded:
        truth = row.prediction.question.true_label
        if truth is not None:
            found.setdefault(canonical(truth), []).append(row)
    return found


def _change(
    label: str, told: Sequence[tuple[Sequence[Graded], Sequence[Graded], int]], resamples: int
) -> LabelChange:
    """Of one label, from its replies (before, after) to each dataset that shows it; p is uncorrected."""
    if not told:
        return LabelChange(label, 0, 0, 0, 0, 0, 1.0)
    befores, afters, seeds = zip(*told, strict=True)
    pairs = [pair_up(before, after, "war") for before, after in zip(befores, afters, strict=True)]
    gain = gain_of(pairs, resamples=max(resamples, 1), seeds=seeds, swap=None)
    first, second = (sum(row.correct for side in sides for row in side) for sides in (befores, afters))
    return LabelChange(
        label,
        gain.n,
        first,
        second,
        gain.fixed,
        gain.broken,
        gain.significance,
        gain.ci95 if resamples else None,
    )


def recall_intervals(scores: Scores) -> dict[str, tuple[float, float] | None]:
    """The 95 % interval of the recall of each label, in [0, 1]; None without questions or drawing.

    Wilson's, which is no point where all or none are right; over subjects, where questions name them, the
    bootstrap of the scores.
    """
    table = scores.table
    if not len(scores.samples):
        return dict.fromkeys(table.labels)
    supports = table.counts.sum(axis=1)
    if table.clusters is None:
        counted = zip(table.labels, np.diagonal(table.counts), supports, strict=True)
        return {label: wilson(int(hits), int(n)) if n else None for label, hits, n in counted}
    counts, _ = table.resampled(len(scores.samples), scores.seed)
    with np.errstate(invalid="ignore"):
        recalls = np.diagonal(counts, axis1=1, axis2=2) / counts.sum(axis=2)
    drawn = zip(table.labels, recalls.T, supports, strict=True)
    return {
        label: percentile_interval(samples, LEVEL, table.clusters) if n else None
        for label, samples, n in drawn
    }
