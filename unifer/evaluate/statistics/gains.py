"""Two runs on the same questions: the gain of the second, with a paired bootstrap and tests.

Knows graded predictions; no files. Drawing and swapping is `paired`, matching questions `matching`, many runs
at once `comparison`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.metrics import HEADLINE, LEVEL, RESAMPLES, UNNAMED, headline_of
from unifer.evaluate.statistics.bootstrap import ROWS, Drawn, clusters_of, percentile_interval
from unifer.evaluate.statistics.matching import match
from unifer.evaluate.statistics.paired import SWAPS, Statistic, Sums, Units, mean, p_of, swap_test
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

Measure = Callable[[Graded], float | None]
"""The worth of one reply in [0, 1]; None where its question does not tell."""


@dataclass(frozen=True)
class Gain:
    """After minus before in percentage points over `n` questions, with its 95 % bootstrap interval.

    `fixed` and `broken` count the questions that got better and worse, `p` is the two-sided exact sign test
    on them: for right against wrong answers McNemar's exact test. It takes questions for independent, and
    looks at directions only. `swap_p` is the swap test of this very score, over subjects (`drawn` says how
    many) where there are any; None where the sign test is that same test.
    """

    points: float
    ci95: tuple[float, float]
    n: int
    fixed: int
    broken: int
    p: float
    resamples: int
    seed: int
    swap_p: float | None = None
    drawn: Drawn = ROWS

    @property
    def significance(self) -> float:
        """The p to report: that of the swap test where there is one."""
        return self.p if self.swap_p is None else self.swap_p

    def to_json(self) -> Json:
        drawn = self.drawn.to_json()
        method = "paired " + str(drawn.pop("method")).replace("over rows", "over questions")
        plain = {key: value for key, value in vars(self).items() if key not in ("drawn", "swap_p")}
        swapped = {} if self.swap_p is None else {"swap_p": self.swap_p}
        return plain | swapped | {"ci95": list(self.ci95), "method": method, **drawn, "level": LEVEL}


def correct(graded: Graded) -> float:
    """1 for the right answer, else 0: its mean is WAR."""
    return float(graded.correct)


def face_f1(graded: Graded) -> float | None:
    """F1 of the AUs that the reply claims against those of the face; None where the face is not annotated."""
    return None if graded.claim is None else graded.claim.f1


MEASURES = (*HEADLINE, "au_f1")
"""By name: WAR, UAR, macro-F1, and AU F1 per face."""


@dataclass(frozen=True)
class PairedReplies:
    """The replies of two runs to one dataset's questions by one measure: `n` questions tell."""

    units: Units
    statistic: Statistic
    n: int
    fixed: int
    broken: int


def pair_up(
    before: Sequence[Graded], after: Sequence[Graded], measure: str, labels: Sequence[str] = ()
) -> PairedReplies:
    """A pair from matched verdicts by one of `MEASURES`; UAR and macro-F1 need the canonical `labels`.

    Raises InputError where no question tells.
    """
    if measure in ("uar", "macro_f1"):
        return _of_tables(before, after, measure, labels)
    return _of_means(before, after, face_f1 if measure == "au_f1" else correct)


def _of_means(before: Sequence[Graded], after: Sequence[Graded], measure: Measure) -> PairedReplies:
    worth = [(row, measure(row), measure(other)) for row, other in zip(before, after, strict=True)]
    told = [(row, second - first) for row, first, second in worth if first is not None and second is not None]
    if not told:
        raise InputError(
            f"none of the {len(worth):,} questions tells: there is nothing to compare (are their AUs "
            "annotated?)"
        )
    differences = np.array([difference for _, difference in told])
    clusters = clusters_of([row.prediction.question for row, _ in told])
    units = Units.of_rows(np.zeros((len(told), 1)), differences[:, None], clusters)
    return PairedReplies(units, mean, len(told), int((differences > 0).sum()), int((differences < 0).sum()))


def _of_tables(
    before: Sequence[Graded], after: Sequence[Graded], measure: str, labels: Sequence[str]
) -> PairedReplies:
    pairs = [
        (row, other)
        for row, other in zip(before, after, strict=True)
        if row.prediction.question.true_label is not None
    ]
    if not pairs:
        raise InputError(
            f"none of the {len(before):,} questions asks for a label: there is no {measure} to compare; "
            "try --measure au_f1"
        )
    width = len(labels) + len(UNNAMED)
    clusters = clusters_of([row.prediction.question for row, _ in pairs])
    first, second = (
        np.array([_cell(row, labels, width) for row in side]) for side in zip(*pairs, strict=True)
    )
    units = Units.of_cells(first, second, len(labels) * width, clusters)
    moved = [other.correct - row.correct for row, other in pairs]
    return PairedReplies(
        units, table_statistic(measure, len(labels)), len(pairs), moved.count(1), moved.count(-1)
    )


def table_statistic(measure: str, labels: int) -> Statistic:
    """The score `measure` of tables truth x outcome over so many labels, their cells in one row."""

    def statistic(sums: Floats, rows: Floats) -> Floats:
        return headline_of(sums.reshape(len(sums), labels, labels + len(UNNAMED)), rows)[
            :, HEADLINE.index(measure)
        ]

    return statistic


def _cell(row: Graded, labels: Sequence[str], width: int) -> int:
    """The cell of truth x outcome into which the reply falls."""
    verdict = row.verdict
    column = (
        labels.index(canonical(verdict.label))
        if verdict.label
        else len(labels) + UNNAMED.index(verdict.outcome)
    )
    return labels.index(canonical(str(row.prediction.question.true_label))) * width + column


def gain_of(
    pairs: Sequence[PairedReplies],
    *,
    resamples: int,
    seeds: Sequence[int],
    average: bool = False,
    swap: bool | None = True,
) -> Gain:
    """The gain over one dataset, or over several, each drawn and swapped on its own with its seed.

    Several are pooled, all rows alike (their statistic must be one and the same), or with `average` each
    dataset weighs alike. `swap`: make the swap test always, never, or (None) where questions name subjects.
    """

    def differences(sums: Sequence[Sums]) -> Floats:
        if average:
            apart = [each.differences(pair.statistic) for each, pair in zip(sums, pairs, strict=True)]
            return np.asarray(np.mean(apart, axis=0))
        together = sums[0]
        for more in sums[1:]:
            together = together + more
        return together.differences(pairs[0].statistic)

    units = [pair.units for pair in pairs]
    drawn = Drawn.together([each.clusters for each in units])
    samples = differences([each.drawn(resamples, seed) for each, seed in zip(units, seeds, strict=True)])
    observed = float(differences([each.whole for each in units])[0])
    low, high = percentile_interval(100 * samples, LEVEL, drawn.clusters)
    swap_p = None
    if swap or (swap is None and drawn.clusters is not None):
        moved = (
            [each.swapped(SWAPS, seed) for each, seed in zip(units, seeds, strict=True)]
            if len(units) > 1
            else []
        )
        swap_p = (
            p_of(differences(moved), observed) if moved else swap_test(units[0], pairs[0].statistic, seeds[0])
        )
    n, fixed, broken = (sum(getattr(pair, name) for pair in pairs) for name in ("n", "fixed", "broken"))
    return Gain(
        100 * observed,
        (low, high),
        n,
        fixed,
        broken,
        sign_test(fixed, broken),
        resamples,
        seeds[0],
        swap_p,
        drawn,
    )


def paired_gain(
    before: Sequence[Graded],
    after: Sequence[Graded],
    measure: Measure = correct,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Gain:
    """What `after` gained over `before` by `measure`, over the questions that tell, matched by their keys.

    Raises InputError where the two do not answer the same questions, naming them, and where no question
    tells.
    """
    graded = match({"before": before, "after": after}).graded
    pair = _of_means(graded["before"], graded["after"], measure)
    return gain_of([pair], resamples=resamples, seeds=[seed], swap=None if measure is correct else True)


def score_alone(
    runs: Sequence[Sequence[Graded]], *, resamples: int, seeds: Sequence[int], average: bool
) -> tuple[float, tuple[float, float]]:
    """AU F1 per face over several datasets, and its interval: the gain over a run that is worth nothing."""
    pairs = []
    for graded in runs:
        told = [(row.prediction.question, worth) for row in graded if (worth := face_f1(row)) is not None]
        worths = np.array([[worth] for _, worth in told])
        units = Units.of_rows(np.zeros(worths.shape), worths, clusters_of([question for question, _ in told]))
        pairs.append(PairedReplies(units, mean, len(told), 0, 0))
    found = gain_of(pairs, resamples=resamples, seeds=seeds, average=average, swap=False)
    return found.points / 100, (found.ci95[0] / 100, found.ci95[1] / 100)


def sign_test(fixed: int, broken: int) -> float:
    """Two-sided exact p of `fixed` against `broken` under even odds; 1 where there is neither.

    Source: McNemar 1947, exact form.
    """
    discordant = fixed + broken
    term, tail = 1, 0
    for index in range(min(fixed, broken) + 1):
        tail += term
        term = term * (discordant - index) // (index + 1)
    # Whole numbers to the last step: 2 ** discordant is beyond any float from 1,024 on.
    p: float = 2 * tail / 2**discordant
    return min(1.0, p)


def holm(found: Sequence[float]) -> list[float]:
    """p values adjusted for how many there are, so that any false rejection has a chance of at most alpha.

    Step-down (Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
    Statistics 6, 1979): the smallest of m times m, the next times m - 1, ...; none less than one before it,
    none above 1. Holds however the tests depend on each other.
    """
    adjusted, least = [0.0] * len(found), 0.0
    for rank, index in enumerate(sorted(range(len(found)), key=lambda index: found[index])):
        least = max(least, min(1.0, (len(found) - rank) * found[index]))
        adjusted[index] = least
    return adjusted
