"""Graded replies for the tests of reasoning."""

from __future__ import annotations

from typing import Any

from unifer.dialogue.answers import Verdict, grade
from unifer.evaluate.grading import Graded
from unifer.evaluate.reasoning.shares import Draws
from unifer.records import Prediction, Question

LABELS = ("happiness", "sadness", "anger", "neutral", "surprise")
REFERENCE = "The lip corners are pulled up: a smile."
DRAWS = Draws(None, resamples=50, seed=0)


def question(
    truth: str | None, units: tuple[int, ...] | None = None, index: int = 0, **provenance: Any
) -> Question:
    return Question(
        f"{index}.png",
        truth,
        "Which?",
        LABELS if truth else (),
        action_units=units,
        provenance=provenance or None,
    )


def graded(
    truth: str | None,
    reply: str | None,
    units: tuple[int, ...] | None = None,
    index: int = 0,
    **provenance: Any,
) -> Graded:
    """A reply to a face of `truth`, None for a failed one."""
    asked = question(truth, units, index, **provenance)
    if reply is None:
        return Graded(
            Prediction(asked, "", error="no image"), Verdict("failed", None, "", False, frozenset())
        )
    return Graded(Prediction(asked, reply), grade(reply, asked.candidate_labels))
