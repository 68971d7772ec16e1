"""Action Units claimed against those of the face: per AU, macro, micro, per face, intervals.

Knows sets of FACS numbers; no files and no replies. Everything follows from one row of counts a face.

What counts as what:
- Every annotated question is a face here. A reply that failed or is missing claims no AU: it stays, and its
  AUs were missed.
- On a face count the AUs that the dataset is scored over (all, where it names none) and that somebody coded
  on it: a claim of an AU that nobody looked for is neither right nor wrong. Such claims are counted in
  `outside` and nowhere else.
- Macro F1 is the mean over the AUs that at least one face shows. A spurious AU, claimed though no face shows
  it, has no F1 of its own but lowers micro F1, which counts claims of all faces together, and the F1 of its
  face.
- Face F1 is the mean over faces of 2 |both| / (|claimed| + |shown|), 1 where both are empty: what the reward
  `au_f1` pays, where every AU counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.action_units import f1
from unifer.evaluate.metrics import LEVEL, RESAMPLES, intervals_json
from unifer.evaluate.statistics.bootstrap import Drawn, percentile_interval, resampled_sums
from unifer.records import Json, Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HEADLINE = ("face_f1", "exact", "micro_f1", "precision", "recall", "macro_f1")
_FACE = 2
"""Columns before those of AUs: face F1, and whether claims and face agree entirely."""
_KINDS = 3
"""Counts an AU: hits, claims, faces that show it."""


@dataclass(frozen=True)
class Claim:
    """One annotated face: the AUs that the reply affirms and those that the face shows.

    Without a reply, `claimed` is empty.
    """

    claimed: frozenset[int]
    present: frozenset[int]
    replied: bool = True
    scored: frozenset[int] | None = None
    """The AUs that count on this face, to which both sets keep; None: every AU."""
    outside: frozenset[int] = frozenset()
    """The AUs that the reply affirms and that do not count here."""

    @property
    def f1(self) -> float:
        """2 |both| / (|claimed| + |shown|), in [0, 1]; 1 where both are empty."""
        return f1(self.claimed, self.present)


def claim_on(
    question: Question, affirmed: frozenset[int], *, replied: bool = True, units: Collection[int] = ()
) -> Claim | None:
    """The AUs that a reply to `question` claims beside those of the face; None: not annotated.

    `affirmed` are the AUs that the reply affirms.

    `units` are the AUs that the dataset is scored over (empty: all); `question.coded` narrows them to those
    that were looked for.
    """
    if question.action_units is None:
        return None
    shown, coded = frozenset(question.action_units), question.coded
    if coded is None and not units:
        return Claim(affirmed, shown, replied)
    scored = frozenset(units) if coded is None else coded & frozenset(units) if units else coded
    return Claim(affirmed & scored, shown & scored, replied, scored, affirmed - scored)


@dataclass(frozen=True)
class UnitScore:
    """One AU on the `faces` on which it counts.

    Recall is None where no face shows it, precision None where no reply claims it.

    F1 is None without faces that show it, accuracy (right to claim it, or not to) without faces on which it
    counts.
    """

    action_unit: int
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None
    support: int
    predicted: int
    faces: int

    def to_json(self) -> Json:
        return vars(self) | {"action_unit": f"AU{self.action_unit}"}


@dataclass(frozen=True)
class ActionUnitScores:
    """Scores over `n` annotated faces, `unanswered` of them without a reply.

    Those of `HEADLINE` are None where nothing defines them.

    `exact` is the share of faces whose AUs are claimed exactly, `precision` and `recall` are those of all
    claims together. `outside` are claims that count nowhere, and `units` the AUs to which the dataset's
    scores keep (empty: all). `intervals` holds a percentile bootstrap interval for each of `HEADLINE` that
    has a value, over faces, or over subjects where `subjects` says how many there are.
    """

    n: int
    unanswered: int
    outside: int
    units: tuple[int, ...]
    face_f1: float
    exact: float
    micro_f1: float | None
    precision: float | None
    recall: float | None
    macro_f1: float | None
    per_unit: tuple[UnitScore, ...]
    intervals: dict[str, tuple[float, float]]
    resamples: int
    seed: int
    subjects: int | None = None

    @property
    def claims(self) -> int:
        """AUs claimed, over all faces: the denominator of `precision`."""
        return sum(unit.predicted for unit in self.per_unit)

    @property
    def showings(self) -> int:
        """AUs shown, over all faces: the denominator of `recall`."""
        return sum(unit.support for unit in self.per_unit)

    def to_json(self) -> Json:
        counts = {name: getattr(self, name) for name in ("n", "unanswered", "claims", "showings", "outside")}
        scored = [f"AU{unit}" for unit in self.units] or "all"
        headline = {name: getattr(self, name) for name in HEADLINE}
        intervals = intervals_json(self.intervals, self.resamples, self.seed, Drawn(self.subjects))
        return (
            counts
            | {"scored": scored}
            | headline
            | {"intervals": intervals, "per_unit": [unit.to_json() for unit in self.per_unit]}
        )


def score_action_units(
    claims: Sequence[Claim],
    *,
    units: Collection[int] = (),
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ActionUnitScores:
    """Scores of `claims`, made for a dataset that is scored over `units` (empty: every AU).

    Intervals come from `resamples` bootstrap samples (0: none), of faces or, with one of `clusters` for each
    claim, of whole clusters. Raises ValueError without any claim, and for a claim that was not kept to
    `units` (`claim_on` does).
    """
    if not claims:
        raise ValueError("there is no annotated face to score")
    found = frozenset().union(*(claim.claimed | claim.present for claim in claims))
    if units and not found <= frozenset(units):
        raise ValueError(
            f"claims speak of AU{min(found - frozenset(units))}, which is none of the AUs scored"
        )
    listed = sorted(frozenset(units) or found)
    rows = unit_rows(claims, listed)
    sums = rows.sum(axis=0)
    values = headline_of(sums[None], np.array([len(claims)]))[0]
    face, exact, *others = values.tolist()
    micro, precision, recall, macro = (None if np.isnan(value) else value for value in others)
    return ActionUnitScores(
        n=len(claims),
        unanswered=sum(not claim.replied for claim in claims),
        outside=sum(len(claim.outside) for claim in claims),
        units=tuple(sorted(units)),
        face_f1=face,
        exact=exact,
        micro_f1=micro,
        precision=precision,
        recall=recall,
        macro_f1=macro,
        per_unit=tuple(_per_unit(claims, sums, listed)),
        intervals=_intervals(rows, values, clusters, resamples, seed),
        resamples=resamples,
        seed=seed,
        subjects=None if clusters is None else len(set(clusters)),
    )


def unit_rows(claims: Sequence[Claim], units: Sequence[int]) -> Floats:
    """Face F1 and exactness, then hits, claims and showings of each unit: shape (faces, 2 + 3 units).

    Their sums define all scores.
    """
    claimed, shown = (
        _indicators(sets, units)
        for sets in zip(*((claim.claimed, claim.present) for claim in claims), strict=True)
    )
    face = np.array([[claim.f1, claim.claimed == claim.present] for claim in claims], dtype=float)
    return np.concatenate([face, claimed * shown, claimed, shown], axis=1)


def _indicators(sets: Sequence[Collection[int]], units: Sequence[int]) -> Floats:
    """1 where the set holds the unit: shape (sets, units)."""
    return np.array([[unit in units_of for unit in units] for units_of in sets], dtype=float)


def headline_of(sums: Floats, faces: Floats) -> Floats:
    """The scores `HEADLINE` of each sample.

    `sums` adds up rows of `unit_rows`, shape (samples, 2 + 3 units), over that many `faces` (samples,).

    NaN where undefined; shape (samples, 6).
    """
    hits, claimed, shown = np.moveaxis(sums[:, _FACE:].reshape(len(sums), _KINDS, -1), 1, 0)
    present = shown > 0
    with np.errstate(invalid="ignore"):
        both, said, true = (counts.sum(axis=1) for counts in (hits, claimed, shown))
        each = np.where(present, 2 * hits / np.maximum(claimed + shown, 1), 0.0)
        macro = each.sum(axis=1) / present.sum(axis=1)
        means = sums[:, :_FACE] / faces[:, None]
        result: Floats = np.column_stack([means, 2 * both / (said + true), both / said, both / true, macro])
    return result


def _intervals(
    rows: Floats, values: Floats, clusters: Sequence[Hashable] | None, resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The middle 95 % of each headline score that has a value; empty without `resamples`."""
    if not resamples:
        return {}
    drawn = resampled_sums(rows, clusters, resamples, seed)
    columns = zip(HEADLINE, values, headline_of(drawn[:, :-1], drawn[:, -1]).T, strict=True)
    distinct = None if clusters is None else len(set(clusters))
    defined = (
        (name, column) for name, value, column in columns if not (np.isnan(value) or np.isnan(column).all())
    )
    return {name: percentile_interval(column, LEVEL, distinct) for name, column in defined}


def _per_unit(claims: Sequence[Claim], sums: Floats, units: Sequence[int]) -> list[UnitScore]:
    table = sums[_FACE:].reshape(_KINDS, -1).astype(int).T.tolist()
    everywhere = sum(claim.scored is None for claim in claims)
    coded = Counter(unit for claim in claims for unit in claim.scored or ())
    faces = {unit: everywhere + coded[unit] for unit in units}
    return [
        UnitScore(
            unit,
            precision=hits / claimed if claimed else None,
            recall=hits / shown if shown else None,
            f1=2 * hits / (claimed + shown) if shown else None,
            accuracy=(faces[unit] - claimed - shown + 2 * hits) / faces[unit] if faces[unit] else None,
            support=shown,
            predicted=claimed,
            faces=faces[unit],
        )
        for unit, (hits, claimed, shown) in zip(units, table, strict=True)
    ]
