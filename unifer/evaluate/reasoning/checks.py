"""Two checks of reasoning that need no judge: does the answer follow from the AUs claimed, and are the AUs
claimed the true ones?

Knows FACS prototypes and sets of AUs. Neither check reads how the reasoning gets from AUs to answer, nor
anything in it but AUs and answer.

The answer follows from the AUs claimed if no other candidate's prototype (`action_units.PROTOTYPES`) fits
them better. The fit of a prototype is the F1 of the two sets, 2 |both| / (|claimed| + |prototype|); the
prototype of neutral is empty, so it fits where no AU is claimed, and nothing else does. Ties follow: AU12
alone is happiness, AU4 alone fits sadness as well as anger. Where no prototype shares an AU with the claims,
no answer follows from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from unifer.action_units import PROTOTYPES, f1
from unifer.emotions import canonical
from unifer.evaluate.au_metrics import ActionUnitScores
from unifer.evaluate.grading import Graded
from unifer.evaluate.reasoning.shares import Draws, MeanShare
from unifer.records import Json


@lru_cache(maxsize=1 << 16)
def support(claimed: frozenset[int], answer: str, candidates: tuple[str, ...]) -> float | None:
    """How well the prototype of `answer` fits the AUs `claimed`, against the best fit of any candidate's: in
    [0, 1], 1 where it follows.

    0 where no prototype fits at all; None where `answer` has no prototype. Candidates without a prototype
    take no part.
    """
    fits = {
        label: f1(claimed, PROTOTYPES[canonical(label)])
        for label in candidates
        if canonical(label) in PROTOTYPES
    }
    if answer not in fits:
        return None
    best = max(fits.values())
    return fits[answer] / best if best else 0.0


@dataclass(frozen=True)
class Follows:
    """Over the answers whose emotion has a prototype: the share that follows from the AUs claimed, and the
    mean `support`.

    `silent` of them claim no AU at all: there only neutral follows. `without_prototype` are answers that
    could not be checked.
    """

    follows: MeanShare
    support: MeanShare
    silent: int
    without_prototype: int

    def to_json(self) -> Json:
        counts = {"silent": self.silent, "without_prototype": self.without_prototype}
        return {"follows": self.follows.to_json(), "support": self.support.to_json(), **counts}


def follows(graded: Sequence[Graded | None], draws: Draws) -> Follows | None:
    """The check over one run; None where no reply claims an AU and names an emotion with a prototype, so that
    nothing is there to check.

    `graded` has an entry for each question, None where there is no row. Replies without an answer, or off the
    list, name no emotion.
    """
    fits = [None if row is None or row.verdict.label is None else _support(row) for row in graded]
    answered = [row for row in graded if row is not None and row.verdict.label is not None]
    checked = [row for row, fit in zip(graded, fits, strict=True) if row is not None and fit is not None]
    silent = sum(not row.verdict.action_units for row in checked)
    if silent == len(checked):
        return None
    told = draws.share([None if fit is None else float(fit == 1) for fit in fits])
    return Follows(told, draws.share(fits), silent, len(answered) - len(checked))


def _support(row: Graded) -> float | None:
    return support(
        row.verdict.action_units, row.verdict.label or "", row.prediction.question.candidate_labels
    )


@dataclass(frozen=True)
class Truth:
    """Whether the AUs claimed are the true ones: of all claims the share that the face shows (`n` claims),
    the share of faces whose AUs are claimed exactly, and the mean F1 of a face (`n` annotated faces each)."""

    precision: MeanShare
    exact: MeanShare
    face_f1: MeanShare

    def to_json(self) -> Json:
        return {name: share.to_json() for name, share in vars(self).items()}


def truth_of(units: ActionUnitScores) -> Truth:
    """The check, out of the AU scores of the run."""

    def share(name: str, n: int) -> MeanShare:
        return MeanShare(getattr(units, name), n, units.intervals.get(name))

    return Truth(share("precision", units.claims), share("exact", units.n), share("face_f1", units.n))
