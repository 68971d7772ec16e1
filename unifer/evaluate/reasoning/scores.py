"""Scores of the reasoning of one run, each with what it is over. Says which text is compared with which.

ROUGE-L compares the whole reply, tags and all, with the reference, as Facial-R1 does. A question whose reply
failed or is missing stays: it has nothing in common with the reference. Knows no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from unifer.action_units import PROTOTYPES, f1
from unifer.emotions import canonical
from unifer.evaluate.au_metrics import ActionUnitScores, claim_on
from unifer.evaluate.grading import Graded
from unifer.evaluate.metrics import LEVEL, RESAMPLES
from unifer.evaluate.reasoning.marks import JudgedRun, JudgeScores, score_judged
from unifer.evaluate.reasoning.rege import Rege, rege_of_answers, rege_of_units, rouge_l
from unifer.evaluate.reasoning.shares import Draws, MeanShare
from unifer.evaluate.statistics.bootstrap import clusters_of
from unifer.records import Json, Question


@dataclass(frozen=True)
class ReasoningScores:
    """What can be said of the reasoning of one run; each part is None where the questions do not allow it.

    `rouge` is over questions with a reference, `unanswered` of them without a reply. `rege` is by what S_re
    recognises: `accuracy` of emotions, `macro_au_f1`.
    """

    rouge: MeanShare | None
    unanswered: int
    rege: dict[str, Rege]
    follows: Follows | None
    truth: Truth | None
    judge: JudgeScores | None
    resamples: int
    seed: int

    def to_json(self) -> Json:
        checks = {"answer_follows_from_claims": self.follows, "claims_are_true": self.truth}
        parts = {"rouge_l": self.rouge, **checks, "judge": self.judge}
        made: Json = {name: part.to_json() for name, part in parts.items() if part is not None}
        if self.rouge is not None:
            made["rouge_l"]["unanswered"] = self.unanswered
        if self.rege:
            made["rege"] = {name: part.to_json() for name, part in self.rege.items()}
        return made | {"bootstrap": {"level": LEVEL, "resamples": self.resamples, "seed": self.seed}}


def score_reasoning(
    graded: Sequence[Graded],
    missing: Sequence[Question] = (),
    *,
    units: ActionUnitScores | None = None,
    judged: JudgedRun | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ReasoningScores | None:
    """Scores of a run: its rows, its questions without one, its AU scores, and its judge's marks.

    None where no question has a reference or annotated AUs and no reply claims an AU beside its answer.
    """
    questions = [*(row.prediction.question for row in graded), *missing]
    rows: list[Graded | None] = [*graded, *(None for _ in missing)]
    draws = Draws(clusters_of(questions), resamples, seed)
    overlap = [_overlap(question, row) for question, row in zip(questions, rows, strict=True)]
    referenced = [row for row, value in zip(rows, overlap, strict=True) if value is not None]
    checked = follows(rows, draws)
    if not referenced and units is None and checked is None:
        return None
    return ReasoningScores(
        rouge=draws.share(overlap) if referenced else None,
        unanswered=sum(row is None or row.prediction.failed for row in referenced),
        rege=_rege(questions, rows, overlap, units, draws) if referenced else {},
        follows=checked,
        truth=None if units is None else truth_of(units),
        judge=score_judged(judged, questions, rows, draws) if judged is not None and referenced else None,
        resamples=resamples,
        seed=seed,
    )


def _overlap(question: Question, row: Graded | None) -> float | None:
    """ROUGE-L of the reply; None without a reference."""
    if question.reference is None:
        return None
    return 0.0 if row is None or row.prediction.failed else rouge_l(row.prediction.reply, question.reference)


def _rege(
    questions: Sequence[Question],
    rows: Sequence[Graded | None],
    overlap: Sequence[float | None],
    units: ActionUnitScores | None,
    draws: Draws,
) -> dict[str, Rege]:
    """REGE by what its S_re recognises, for what the questions ask."""
    correct = [
        None if question.true_label is None else row is not None and row.correct
        for question, row in zip(questions, rows, strict=True)
    ]
    found = {"accuracy": rege_of_answers(correct, overlap, draws)}
    if units is not None:
        claims = [
            claim_on(question, frozenset(), replied=False, units=units.units) if row is None else row.claim
            for question, row in zip(questions, rows, strict=True)
        ]
        found["macro_au_f1"] = rege_of_units(
            claims, overlap, [unit.action_unit for unit in units.per_unit], draws
        )
    return {name: rege for name, rege in found.items() if rege is not None}


@lru_cache(maxsize=1 << 16)
def support(claimed: frozenset[int], answer: str, candidates: tuple[str, ...]) -> float | None:
    """The fit of the prototype of `answer` to the AUs `claimed`, against the best fit: 1 where it follows.

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
    """Over answers whose emotion has a prototype: the share that follows, and the mean `support`.

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
    """The check over one run; None where no reply claims an AU and names an emotion with a prototype.

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
    """Whether the AUs claimed are the true ones.

    `precision`: of all claims the share that the face shows (`n` claims). `exact`: the share of faces whose
    AUs are claimed exactly, `face_f1`: the mean F1 per face (`n` annotated faces each).
    """

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
