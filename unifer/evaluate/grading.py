"""One prediction with the verdict on it: the only place where evaluation calls the grader.

Knows the protocol `strict`; no files, no averages. The published rule is `scoring.score_published`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unifer.datasets import DatasetSpec
from unifer.dialogue.answers import grade
from unifer.dialogue.au_mentions import mentioned
from unifer.evaluate.au_metrics import Claim, claim_on
from unifer.records import Json, Prediction, Verdict


@dataclass(frozen=True)
class Graded:
    """One prediction and the verdict on it; `units` are the AUs that its dataset is scored over (empty:
    all).
    """

    prediction: Prediction
    verdict: Verdict
    units: tuple[int, ...] = ()

    @property
    def correct(self) -> bool:
        """The answer is the true label; where the question asks for AUs alone, it lists exactly those that
        the face shows.
        """
        truth = self.prediction.question.true_label
        if truth is not None:
            return self.verdict.label == truth
        return (
            self.verdict.outcome == "answered"
            and self.claim is not None
            and self.claim.claimed == self.claim.shown
        )

    @property
    def claim(self) -> Claim | None:
        """The AUs claimed beside those of the face, both kept to what counts there; None where the face is
        not annotated.
        """
        prediction = self.prediction
        return claim_on(
            prediction.question, self.verdict.action_units, replied=not prediction.failed, units=self.units
        )

    def to_json(self) -> Json:
        verdict = self.verdict
        units = [f"AU{number}" for number in sorted(verdict.action_units)]
        judged = {"outcome": verdict.outcome, "label": verdict.label, "correct": self.correct}
        return self.prediction.to_json() | {
            "verdict": judged | {"well_formed": verdict.well_formed, "AUs": units}
        }


def grade_prediction(prediction: Prediction, spec: DatasetSpec) -> Verdict:
    """The strict verdict on a prediction; `failed` where there is no reply."""
    if prediction.failed:
        return Verdict("failed", None, "", False, frozenset())
    return grade(prediction.reply, prediction.question.candidate_labels, spec.aliases)


def unread_notes(graded: Sequence[Graded]) -> list[str]:
    """How many replies on AUs name AUs in their reasoning and list none in their answer, which strict reads:
    a note, if any.
    """
    asked = [
        row for row in graded if not row.prediction.question.candidate_labels and not row.prediction.failed
    ]
    unread = sum(
        row.verdict.outcome != "answered" and bool(mentioned(row.verdict.reasoning)) for row in asked
    )
    if not unread:
        return []
    return [
        f"{unread:,} of {len(asked):,} replies name AUs in their reasoning and list none in their "
        "answer: strict reads the answer alone and counts their AUs as missed; --protocol facial-r1 "
        "reads the reasoning"
    ]
