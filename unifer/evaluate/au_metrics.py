"""Action Units claimed against Action Units shown: per AU, macro, micro and per face, with bootstrap intervals.

Knows sets of FACS numbers; no files and no replies. Everything follows from one row of counts a face.

What counts as what:
- Every annotated question is a face here. A reply that failed or is missing claims no AU: it stays, and its AUs were missed.
- Macro F1 is the mean over the AUs that at least one face shows. A spurious AU, claimed though no face shows it, has no F1 of its own
  but lowers micro F1, which counts claims of all faces together, and the F1 of its face.
- Face F1 is the mean over faces of 2 |both| / (|claimed| + |shown|), 1 where both are empty: the reward `au_f1` pays the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer.action_units import f1
from unifer.evaluate.metrics import LEVEL, RESAMPLES, intervals_json
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HEADLINE = ("face_f1", "micro_f1", "macro_f1")
_KINDS = 3
"""Counts an AU: hits, claims, faces that show it."""


@dataclass(frozen=True)
class Claim:
    """One annotated face: the AUs that the reply affirms and those that the face shows. Without a reply, `claimed` is empty."""

    claimed: frozenset[int]
    shown: frozenset[int]
    replied: bool = True

    @property
    def f1(self) -> float:
        """2 |both| / (|claimed| + |shown|), in [0, 1]; 1 where both are empty."""
        return f1(self.claimed, self.shown)


@dataclass(frozen=True)
class UnitScore:
    """One AU: recall is None where no face shows it, precision None where no reply claims it, F1 None without the first."""

    action_unit: int
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int

    def to_json(self) -> Json:
        return vars(self) | {"action_unit": f"AU{self.action_unit}"}


@dataclass(frozen=True)
class ActionUnitScores:
    """Scores over `n` annotated faces, `unanswered` of them without a reply. Macro and micro F1 are None where nothing defines them.

    `intervals` holds a percentile bootstrap interval over faces for each of `HEADLINE` that has a value.
    """

    n: int
    unanswered: int
    face_f1: float
    micro_f1: float | None
    macro_f1: float | None
    per_unit: tuple[UnitScore, ...]
    intervals: dict[str, tuple[float, float]]
    resamples: int
    seed: int

    def to_json(self) -> Json:
        headline = {name: getattr(self, name) for name in HEADLINE}
        intervals = intervals_json(self.intervals, self.resamples, self.seed)
        units = [unit.to_json() for unit in self.per_unit]
        return {"n": self.n, "unanswered": self.unanswered, **headline, "intervals": intervals, "per_unit": units}


def score_action_units(claims: Sequence[Claim], *, resamples: int = RESAMPLES, seed: int = 0) -> ActionUnitScores:
    """Scores of `claims`, with intervals from `resamples` bootstrap samples (0: none). Raises ValueError without any claim."""
    if not claims:
        raise ValueError("there is no annotated face to score")
    units = sorted(set().union(*(claim.claimed | claim.shown for claim in claims)))
    rows = _rows(claims, units)
    sums = rows.sum(axis=0)
    values = _headline(sums[None], len(claims))[0]
    micro, macro = (None if np.isnan(value) else float(value) for value in values[1:])
    return ActionUnitScores(
        n=len(claims),
        unanswered=sum(not claim.replied for claim in claims),
        face_f1=float(values[0]),
        micro_f1=micro,
        macro_f1=macro,
        per_unit=_per_unit(sums, units),
        intervals=_intervals(rows, values, resamples, seed),
        resamples=resamples,
        seed=seed,
    )


def _rows(claims: Sequence[Claim], units: Sequence[int]) -> Floats:
    """Face F1, then hits, claims and showings of each unit: shape (faces, 1 + 3 units)."""
    claimed, shown = (_indicators(sets, units) for sets in zip(*((claim.claimed, claim.shown) for claim in claims), strict=True))
    face = np.array([[claim.f1] for claim in claims])
    return np.concatenate([face, claimed * shown, claimed, shown], axis=1)


def _indicators(sets: Sequence[Collection[int]], units: Sequence[int]) -> Floats:
    """1 where the set holds the unit: shape (sets, units)."""
    return np.array([[unit in units_of for unit in units] for units_of in sets], dtype=float)


def _headline(sums: Floats, faces: int) -> Floats:
    """The scores `HEADLINE` of each sample in `sums` (samples, 1 + 3 units), NaN where undefined; shape (samples, 3)."""
    hits, claimed, shown = np.moveaxis(sums[:, 1:].reshape(len(sums), _KINDS, -1), 1, 0)
    present = shown > 0
    with np.errstate(invalid="ignore"):
        micro = 2 * hits.sum(axis=1) / (claimed.sum(axis=1) + shown.sum(axis=1))
        each = np.where(present, 2 * hits / np.maximum(claimed + shown, 1), 0.0)
        macro = each.sum(axis=1) / present.sum(axis=1)
    result: Floats = np.stack([sums[:, 0] / faces, micro, macro], axis=1)
    return result


def _intervals(rows: Floats, values: Floats, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """The middle 95 % of each headline score over samples of faces, drawn with replacement.

    Faces with the same counts are one cell, so a sample is one multinomial draw. Samples in which a score is undefined say nothing of it.
    """
    if not resamples:
        return {}
    cells, count = np.unique(rows, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(rows), count / len(rows), size=resamples)
    samples = _headline(drawn @ cells, len(rows))
    tail = 100 * (1 - LEVEL) / 2
    bounds = {}
    for name, value, column in zip(HEADLINE, values, samples.T, strict=True):
        if not np.isnan(value):
            low, high = np.nanpercentile(column, [tail, 100 - tail])
            bounds[name] = (float(low), float(high))
    return bounds


def _per_unit(sums: Floats, units: Sequence[int]) -> tuple[UnitScore, ...]:
    table = sums[1:].reshape(_KINDS, -1).astype(int).T.tolist()
    return tuple(
        UnitScore(
            unit,
            precision=hits / claimed if claimed else None,
            recall=hits / shown if shown else None,
            f1=2 * hits / (claimed + shown) if shown else None,
            support=shown,
            predicted=claimed,
        )
        for unit, (hits, claimed, shown) in zip(units, table, strict=True)
    )
