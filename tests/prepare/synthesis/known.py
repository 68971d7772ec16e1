"""Faces with replies for the tests of synthesis: no pictures, no model."""

from __future__ import annotations

from pathlib import Path

from unifer.dialogue import prompts
from unifer.prepare.curation.filter import FilterSettings, Known
from unifer.prepare.synthesis.pool import PoolFace
from unifer.prepare.synthesis.quality import Candidate
from unifer.records import Prediction, Question, RewardRow

LABELS = ("happiness", "sadness", "fear")
FILTER = FilterSettings(min_words=3, repeats=None)


def face(key: str, label: str = "happiness", units: tuple[int, ...] | None = (6, 12)) -> PoolFace:
    row = RewardRow(f"{key}.png", "Which?", label, key, candidate_labels=LABELS, action_units=units)
    return PoolFace(row, Path("pool.json"), Known(label, LABELS, units))


def reply(
    of: PoolFace,
    sample: int | str,
    answer: str | None = None,
    units: str = "AU6 and AU12",
    error: str | None = None,
) -> Prediction:
    question = Question(
        of.row.image_path, of.label, "Which?", LABELS, f"{of.key}#{sample}", action_units=of.row.action_units
    )
    if error is not None:
        return Prediction(question, "", error=error)
    return Prediction(
        question, prompts.reply(f"I see {units} on this face.", answer or str(of.label)), finish_reason="stop"
    )


def candidate(
    of: PoolFace, sample: int | str = 0, reasoning: str | None = None, guided: bool = False
) -> Candidate:
    words = reasoning or f"The face {of.key} shows this in try {sample}."
    return Candidate(of, f"{of.key}#{sample}", words, words, frozenset(of.row.action_units or ()), guided)
