"""One prediction with the strict verdict on it: whether it is correct, and which AUs it claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unifer.dialogue.answers import is_correct
from unifer.dialogue.au_mentions import mentioned
from unifer.evaluate.au_metrics import Claim, claim_on
from unifer.records import Json, Prediction, Verdict


@dataclass(frozen=True)
class Graded:
    """One prediction and the verdict on it; `units`: the AUs that its dataset is scored over (empty: all)."""

    prediction: Prediction
    verdict: Verdict
    units: tuple[int, ...] = ()

    @property
    def correct(self) -> bool:
        """The answer is the true label; of a question on AUs alone, it lists exactly those of the face."""
        claim, truth = self.claim, self.prediction.question.true_label
        if truth is not None or claim is None:
            return is_correct(self.verdict, truth)
        return self.verdict.outcome == "answered" and claim.claimed == claim.shown

    @property
    def claim(self) -> Claim | None:
        """The AUs claimed beside those of the face, of those that count there; None: not annotated."""
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


def unread_notes(graded: Sequence[Graded]) -> list[str]:
    """How many replies to questions on AUs name AUs in their reasoning alone, where strict reads none."""
    rows = [
        row for row in graded if not row.prediction.question.candidate_labels and not row.prediction.failed
    ]
    unread = sum(row.verdict.outcome != "answered" and bool(mentioned(row.verdict.reasoning)) for row in rows)
    if not unread:
        return []
    return [
        f"{unread:,} of {len(rows):,} replies name AUs in their reasoning and list none in their answer: "
        "strict reads the answer alone and counts their AUs as missed; --protocol facial-r1 reads the reasoning"
    ]
