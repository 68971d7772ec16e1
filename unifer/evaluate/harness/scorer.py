"""Our grader and our figures as scorer and metrics of inspect_ai. Both are called here, not written again.

A score carries the verdict (outcome, label, AUs), so that figures over thousands of samples grade nothing
twice. An errored sample is graded too, as `failed`: it stays in every denominator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    Value,
    metric,
    scorer,
)
from inspect_ai.solver import TaskState

from unifer.datasets import DatasetSpec, PublishedRule
from unifer.evaluate import scoring
from unifer.evaluate.grading import Graded
from unifer.evaluate.harness.translation import lossless, prediction_of, printable, question_in, restore
from unifer.evaluate.scoring import grade_prediction
from unifer.records import Json, Prediction, Verdict

_REASONS = {"no_answer": "invalid_response_format", "off_list": "off_list", "failed": "no_response"}
"""Inspect's words for what is wrong with a reply."""


@metric(scores="unreduced")
def figures() -> Metric:
    """`figures_of` as a metric."""

    def of(scores: list[SampleScore]) -> Value:
        return dict(figures_of(scores))

    return of


def figures_of(scores: Sequence[SampleScore]) -> dict[str, float]:
    """WAR, UAR, macro-F1 of labels, F1 of AUs (per face, macro, micro), in [0, 1], as far as asked for."""
    rows = [_graded(score) for score in scores]
    labels = tuple(dict.fromkeys(label for row in rows for label in row.prediction.question.candidate_labels))
    emotion, units = scoring.figures(_spec(labels, units=rows[0].units if rows else ()), rows, resamples=0)
    values: dict[str, float | None] = {}
    if emotion is not None:
        values |= {"WAR": emotion.war, "UAR": emotion.uar, "macro_F1": emotion.macro_f1}
    if units is not None:
        values |= {"AU_F1": units.face_f1, "AU_macro_F1": units.macro_f1, "AU_micro_F1": units.micro_f1}
    return {name: value for name, value in values.items() if value is not None}


@scorer(metrics=[figures()])
def strict(aliases: Mapping[str, Sequence[str]] | None = None, action_units: Sequence[int] = ()) -> Scorer:
    """The strict protocol (docs/scoring.md) for a dataset with these scored AUs (none: all).

    `aliases` stands in earlier logs: always empty, as no dataset had any. Raises ValueError for others.
    """
    if aliases:
        raise ValueError(
            f"aliases {dict(aliases)!r}: strict accepts the spellings of emotions.SPELLINGS alone"
        )
    spec = _spec((), tuple(action_units))

    async def score(state: TaskState, target: Target) -> Score:
        prediction = prediction_of(question_in(state.metadata), state.output)
        return score_of(Graded(prediction, grade_prediction(prediction), spec.action_units))

    return score


def strict_for(spec: DatasetSpec) -> Scorer:
    """`strict` as the dataset wants it; the log has its arguments, so that it can be scored again."""
    return strict(action_units=list(spec.action_units))


def score_of(row: Graded) -> Score:
    """The score of a graded prediction."""
    verdict = row.verdict
    named = (
        _listed(verdict.action_units)
        if verdict.outcome == "answered" and verdict.label is None
        else verdict.label
    )
    return Score(
        value=CORRECT if row.correct else INCORRECT,
        answer=None if named is None else printable(named),
        explanation=printable(_explained(row)),
        reason=_REASONS.get(verdict.outcome),
        metadata=_verdict_json(row),
    )


def _verdict_json(row: Graded) -> Json:
    verdict = row.verdict
    values: Json = {
        "outcome": verdict.outcome,
        "label": lossless(verdict.label),
        "well_formed": verdict.well_formed,
        "AUs": sorted(verdict.action_units),
    }
    return values | {"scored_AUs": list(row.units)} if row.units else values


def _graded(score: SampleScore) -> Graded:
    """The graded prediction behind a score, as far as figures need it: no reply and no reasoning."""
    values = score.score.metadata or {}
    outcome, label, units = values["outcome"], restore(values["label"]), frozenset(values["AUs"])
    question = question_in(score.sample_metadata)
    return Graded(
        Prediction(question, "", error="failed" if outcome == "failed" else None),
        Verdict(outcome, label, "", values["well_formed"], units),
        tuple(values.get("scored_AUs", ())),
    )


def _explained(row: Graded) -> str:
    question, verdict = row.prediction.question, row.verdict
    lines = [f"{verdict.outcome}{'' if verdict.label is None else f': {verdict.label}'}"]
    lines += [] if question.true_label is None else [f"true label: {question.true_label}"]
    if row.claim is not None:
        lines += [
            f"AUs claimed: {_listed(row.claim.claimed)}",
            f"AUs shown: {_listed(row.claim.shown)}",
            f"F1: {row.claim.f1:.3f}",
        ]
    return "\n".join(lines)


def _listed(units: frozenset[int]) -> str:
    return ", ".join(f"AU{unit}" for unit in sorted(units)) or "no AU"


def _spec(labels: tuple[str, ...], units: tuple[int, ...] = ()) -> DatasetSpec:
    """As much of a dataset as grading and figures read."""
    rule = PublishedRule(MappingProxyType({}), "one_line")
    return DatasetSpec("", "", Path(), Path(), labels, rule, action_units=units)
