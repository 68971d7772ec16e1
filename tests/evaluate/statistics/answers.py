"""Graded answers to made-up questions, right or wrong as a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tests.evaluate.scored import ADJECTIVES
from unifer.dialogue.answers import grade
from unifer.evaluate.grading import Graded
from unifer.records import Prediction, Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RIGHT, WRONG = "happy", "sad"
"""Answers to a question whose truth is happiness."""


def graded(
    index: int,
    answer: str,
    text: str = "",
    units: tuple[int, ...] | None = None,
    truth: str = "happy",
    who: str | None = None,
) -> Graded:
    reply = f"<think>{text or 'So.'}</think><answer>{answer}</answer>"
    provenance = None if who is None else {"subject": who}
    question = Question(
        f"/{index}.png", truth, "Which?", ADJECTIVES, action_units=units, provenance=provenance
    )
    return Graded(Prediction(question, reply), grade(reply, ADJECTIVES))


def run(answers: Sequence[str]) -> list[Graded]:
    return [graded(index, answer) for index, answer in enumerate(answers)]
