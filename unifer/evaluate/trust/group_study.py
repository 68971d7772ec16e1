"""The groups of one column: their tables, bootstrap samples, UAR over the labels that all of them show.

Knows answers and the group of each; no files. UAR is compared over common labels, so that no group is behind
for a label that it lacks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unifer.errors import InputError
from unifer.evaluate.metrics import LEVEL, RESAMPLES, ConfusionTable, tally
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.bootstrap import (
    clusters_of,
    percentile_interval,
    resampled_sums,
    t_quantile,
)
from unifer.evaluate.statistics.extremes import Extremes, extremes
from unifer.records import Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 30
"""Smaller groups are listed and neither worst nor best: their scores are mostly chance."""
LEAST_FACES = 5
"""A label counts in the UAR of groups if each of them shows it on so many faces."""
Bounded = tuple[float, float | None, float | None]


class AnsweredQuestion(NamedTuple):
    """A labelled question and what became of it; `label` is None where no label was named."""

    question: Question
    outcome: str
    label: str | None


@dataclass(frozen=True)
class PeopleGroup:
    """One group: its table, and bootstrap samples of its counts (resamples, labels, outcomes).

    `clusters`: its subjects, where the dataset names them.
    """

    name: str
    table: ConfusionTable
    samples: NDArray[np.int64]
    clusters: int | None = None
    seed: int = 0

    @property
    def stretch(self) -> float:
        """What deviations of few subjects are multiplied by, as `bootstrap.percentile_interval` does."""
        if self.clusters is None:
            return 1.0
        return _t_over_z(self.clusters - 1) * math.sqrt(self.clusters / (self.clusters - 1))

    def moves(self, common: Sequence[int]) -> Floats:
        """Deviations of UAR over the labels `common` from its truth, as chance would have them: (resamples,).

        Of subjects those of the bootstrap. Of rows a parametric bootstrap given how often each label is
        shown: the recall of a label with few faces, all right by luck, would not vary under the plain one. So
        it is drawn about (hits + 1) / (n + 2), widened by n / (n - 1) and to Student's t with the degrees of
        freedom of Welch and Satterthwaite.
        """
        if self.clusters is not None:
            apart: Floats = recall_mean(self.samples, common) - recall_mean(self.table.counts[None], common)
            return self.stretch * apart
        places = list(common)
        faces = self.table.counts.sum(axis=1)[places]
        recall = (self.table.counts.diagonal()[places] + 1) / (faces + 2)
        drawn = np.random.default_rng(self.seed).binomial(faces, recall, (len(self.samples), len(places)))
        parts = recall * (1 - recall) / (faces - 1)
        freedom = parts.sum() ** 2 / (parts**2 / (faces - 1)).sum()
        moves: Floats = ((drawn / faces - recall) * np.sqrt(faces / (faces - 1))).mean(axis=1)
        return _t_over_z(max(1, int(freedom))) * moves

    def bounded(self, value: float, samples: Floats) -> Bounded:
        """The value with its percentile interval; without, where nothing was drawn."""
        if not len(samples):
            return value, None, None
        return (value, *percentile_interval(samples, LEVEL, self.clusters))


class PairGap(NamedTuple):
    """UAR of the group `higher` minus that of `lower`, in [0, 1], and its p, uncorrected."""

    higher: str
    lower: str
    gap: float
    p: float


@dataclass(frozen=True)
class GroupStudy:
    """One column of groups: those large enough, over the labels (places in the vocabulary) that all show."""

    column: str
    groups: tuple[PeopleGroup, ...]
    common: tuple[int, ...]
    small: Mapping[str, int]
    unknown: int

    @property
    def faces(self) -> int:
        return sum(group.table.total for group in self.groups)

    @property
    def scores(self) -> Floats:
        """UAR of each group: (groups,)."""
        return np.array([recall_mean(group.table.counts[None], self.common)[0] for group in self.groups])

    @property
    def samples(self) -> Floats:
        """Them as chance would have them, each about itself (`PeopleGroup.moves`): (resamples, groups)."""
        return self.scores + np.stack([group.moves(self.common) for group in self.groups], axis=1)

    @property
    def extremes(self) -> Extremes | None:
        """Worst group and gap; None where nothing was drawn."""
        samples = self.samples
        return extremes(self.scores, samples[~np.isnan(samples).any(axis=1)]) if len(samples) else None

    def pairs(self) -> list[PairGap]:
        """Every two groups, the better one first; z test on the deviations of the difference.

        None where nothing was drawn.
        """
        samples, scores, found = self.samples, self.scores, []
        if not len(samples):
            return []
        for one in range(len(scores)):
            for other in range(one + 1, len(scores)):
                high, low = (one, other) if scores[one] >= scores[other] else (other, one)
                gap = float(scores[high] - scores[low])
                error = float(np.nanstd(samples[:, high] - samples[:, low]))
                p = 2 * NormalDist().cdf(-gap / error) if error > 0 else 1.0
                found.append(PairGap(self.groups[high].name, self.groups[low].name, gap, p))
        return found


def _t_over_z(freedom: int) -> float:
    return t_quantile(LEVEL, freedom) / NormalDist().inv_cdf((1 + LEVEL) / 2)


def recall_mean(counts: NDArray[np.int64], labels: Sequence[int]) -> Floats:
    """UAR over `labels` of tables (tables, labels, outcomes); a label that a sample lacks takes no part."""
    places = list(labels)
    support = counts.sum(axis=2)[:, places]
    hits = np.diagonal(counts, axis1=1, axis2=2)[:, places]
    with np.errstate(invalid="ignore"):
        means: Floats = (hits / np.maximum(support, 1)).sum(axis=1) / (support > 0).sum(axis=1)
    return means


def answered(result: DatasetScores) -> list[AnsweredQuestion]:
    """Every labelled question of the run, those without a row as `missing`.

    Raises InputError where questions are missing that nobody can look up, and where none has a label.
    """
    missing = result.loaded.missing
    if missing.unplaced:
        raise InputError(
            f"{result.run.path}: {missing.unplaced:,} questions have no reply and their question file is not "
            "at hand, so nobody knows their group; run the inference again"
        )
    rows = [
        AnsweredQuestion(row.prediction.question, row.verdict.outcome, row.verdict.label)
        for row in result.graded
    ]
    rows += [AnsweredQuestion(question, "missing", None) for question in missing.questions]
    rows = [row for row in rows if row.question.true_label is not None]
    if not rows:
        raise InputError(f"{result.run.path}: no question asks for a label, so there is no UAR to compare")
    return rows


def study(
    labels: Sequence[str],
    rows: Sequence[AnsweredQuestion],
    column: str,
    names: Sequence[str | None],
    *,
    least: int = LEAST,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> GroupStudy:
    """Compare the groups of at least `least` faces (and two subjects, where there are any).

    `names`: the group of each row. Raises InputError for fewer than two such groups, naming all, and where
    they have fewer than two labels in common.
    """
    sizes = Counter(name for name in names if name is not None)
    subjects = clusters_of([row.question for row in rows])
    people = {
        name: len({s for s, each in zip(subjects or (), names, strict=False) if each == name})
        for name in sizes
    }
    large = sorted(
        name for name, size in sizes.items() if size >= least and (subjects is None or people[name] > 1)
    )
    small = {name: size for name, size in sorted(sizes.items()) if name not in large}
    if len(large) < 2:
        listed = ", ".join(f"{name} {size:,}" for name, size in sizes.most_common(12)) or "none"
        raise InputError(
            f"--group {column}: {len(large)} of {len(sizes)} groups has {least} faces or more ({listed}); "
            "two are needed for a gap: name another column, or fewer faces by --group-least N"
        )
    groups = _drawn(labels, rows, names, large, subjects, resamples, seed)
    supports = np.array([group.table.counts.sum(axis=1) for group in groups])
    common = tuple(int(place) for place in np.flatnonzero((supports >= LEAST_FACES).all(axis=0)))
    if len(common) < 2:
        raise InputError(
            f"--group {column}: fewer than two labels are shown {LEAST_FACES} times by each of "
            f"{', '.join(large)}; leave the smallest out by --group-least N"
        )
    return GroupStudy(column, groups, common, small, len(names) - sum(sizes.values()))


def _drawn(
    labels: Sequence[str],
    rows: Sequence[AnsweredQuestion],
    names: Sequence[str | None],
    large: Sequence[str],
    subjects: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> tuple[PeopleGroup, ...]:
    """The groups with samples: rows or subjects of each; subjects of several groups with all their rows."""
    members = {name: [at for at, each in enumerate(names) if each == name] for name in large}
    tables = {
        name: tally(
            labels,
            ((str(rows[at].question.true_label), rows[at].outcome, rows[at].label) for at in places),
            subjects=None if subjects is None else [subjects[at] for at in places],
        )
        for name, places in members.items()
    }
    clusters = (
        None
        if subjects is None
        else {name: {subjects[at] for at in places} for name, places in members.items()}
    )
    if clusters is None or sum(map(len, clusters.values())) == len(set.union(*clusters.values())):
        return tuple(
            PeopleGroup(
                name, table, table.resampled(resamples, seed + index)[0], table.clusters, seed + index
            )
            for index, (name, table) in enumerate(tables.items())
        )
    everyone = sorted(set.union(*clusters.values()))
    shape = next(iter(tables.values())).counts.shape
    joint = np.zeros((len(everyone), len(large), *shape))
    for index, (name, table) in enumerate(tables.items()):
        # `tally` counts subjects in the order of their first row.
        order = list(dict.fromkeys(subjects[at] for at in members[name])) if subjects else []
        joint[[everyone.index(subject) for subject in order], index] = table.subjects
    sums = resampled_sums(joint.reshape(len(everyone), -1), None, resamples, seed)[:, :-1]
    counts = sums.astype(np.int64).reshape(resamples, len(large), *shape)
    return tuple(
        PeopleGroup(name, tables[name], counts[:, index], len(clusters[name]))
        for index, name in enumerate(large)
    )
