"""One run on one dataset as a cell of a leaderboard: scores by a protocol, and whether they are ranked.

Scores come from `evaluate`; nothing is computed here but which question file a run answered, whole or in
part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from unifer.dialogue.wordings import Wording, wording_of
from unifer.evaluate.au_metrics import ActionUnitScores
from unifer.evaluate.facial_r1 import PROTOCOL as FACIAL_R1
from unifer.evaluate.facial_r1 import facial_r1_scores
from unifer.evaluate.folds import folds_of
from unifer.evaluate.grading import Graded
from unifer.evaluate.loading import LoadedRun
from unifer.evaluate.metrics import LEVEL, ConfusionTable, tally
from unifer.evaluate.published import PublishedScores, published_scores
from unifer.evaluate.reasoning.rege import Rege
from unifer.evaluate.reasoning.shares import MeanShare
from unifer.evaluate.scoring import DatasetScores, score_run
from unifer.evaluate.statistics.bootstrap import percentile_interval
from unifer.records import Question

METRICS = {
    "war": "WAR",
    "uar": "UAR",
    "macro_f1": "macro-F1",
    "au_macro_f1": "AU macro-F1",
    "au_micro_f1": "AU micro-F1",
    "au_face_f1": "AU F1 per face",
    "rouge_l": "ROUGE-L",
    "rege": "REGE",
    "judge": "judge, 1 to 10",
}
"""Everything that is ranked, in the order of its tables. Shares are in [0, 1]; REGE is at most 200."""
LABELLED = ("war", "uar", "macro_f1")


@dataclass(frozen=True)
class Value:
    """One score with its 95 % interval, where something was resampled."""

    score: float
    interval: tuple[float, float] | None = None


class QuestionOutcome(NamedTuple):
    """One question, the outcome of its reply, and the label that the reply names."""

    question: Question
    outcome: str
    label: str | None


@dataclass(frozen=True)
class BoardCell:
    """One model on one dataset.

    `counts` holds every denominator, `whole` how many questions the question file has (None: unknown).
    `comparable`: every question of that file was asked, and none besides, so the score may be ranked beside
    others.
    """

    values: Mapping[str, Value]
    counts: Mapping[str, int]
    whole: int | None = None
    comparable: bool = True
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scored: DatasetScores | None = None
    """Strict scores, without the replies."""
    outcomes: Mapping[str, QuestionOutcome] = field(default_factory=dict)
    """Outcomes of strict grading by the key of their question; what pairs the cell with another model's."""
    published: PublishedScores | None = None
    """Scores of the published rule."""
    table: ConfusionTable | None = None
    """How often each label is true."""
    judge: str | None = None
    """Who gave the judge's scores, and how."""
    au_set: str | None = None
    """Over which of the dataset's AU sets its AUs are scored."""
    profile: str | None = None
    """The inference profile, where the manifest states it."""
    wording: Wording | None = None
    """In whose words its questions ask."""
    folds: str | None = None
    """Whose folds its subjects are in."""


def strict_cell(loaded: LoadedRun, resamples: int) -> BoardCell:
    """The cell of a run by strict grading."""
    result = score_run(loaded, resamples)
    values = {}
    if result.scores is not None:
        values = {
            name: Value(getattr(result.scores, name), result.scores.intervals.get(name)) for name in LABELLED
        }
    values |= _unit_values(result.action_units, ("macro_f1", "micro_f1", "face_f1"))
    if (reasoning := result.reasoning) is not None:
        judge = None if reasoning.judge is None else reasoning.judge.mean
        values |= _share_values(rouge_l=reasoning.rouge, judge=judge) | _rege_value(reasoning.rege)
    return replace(
        _cell(values, loaded, result.counts),
        notes=result.notes,
        # Without replies: those of 24 models over FERBench would fill gigabytes.
        scored=replace(result, graded=()),
        outcomes=outcomes_of(result.graded, loaded.source.questions),
        table=None if result.scores is None else result.scores.table,
        judge=_judge(result),
        wording=result.wording,
    )


def published_cell(loaded: LoadedRun, resamples: int) -> BoardCell:
    """The cell by the published rule: accuracy stands where WAR does, macro recall where UAR does.

    Only accuracy has an interval.
    """
    result, spec, rows, manifest = (
        published_scores(loaded),
        loaded.spec,
        loaded.predictions,
        loaded.manifest,
    )
    overall, scored = result.metrics["overall"], len(result.pairs)
    total = len(rows) if manifest is None or manifest.total is None else manifest.total
    failed = sum(row.failed for row in rows)
    counts = {"asked": total, "scored": scored, "failed": failed, "missing": total - len(rows)}
    interval = accuracy_interval(overall["accuracy"], scored, resamples)
    return replace(
        _cell(published_values(overall, interval), loaded, counts),
        notes=result.notes,
        # The published pooled script reads every dataset with the one-line expression.
        published=result if spec.published.answer_tag == "one_line" else published_scores(loaded, "one_line"),
        table=tally(spec.labels, ((truth, "answered", truth) for truth, _ in result.pairs)),
        wording=result.wording,
    )


def published_values(overall: Mapping[str, float], interval: tuple[float, float] | None) -> dict[str, Value]:
    """The published rule's figures under our names of them."""
    return {
        "war": Value(overall["accuracy"], interval),
        "uar": Value(overall["recall"]),
        "macro_f1": Value(overall["f1"]),
    }


def facial_r1_cell(loaded: LoadedRun, resamples: int) -> BoardCell:
    """The cell by Facial-R1's rule: accuracy stands where WAR does."""
    result = facial_r1_scores(loaded, resamples)
    values = _share_values(war=result.accuracy, rouge_l=result.rouge) | _rege_value(result.rege)
    values |= _unit_values(result.action_units, ("macro_f1", "micro_f1"))
    wording = wording_of(row.question for row in loaded.predictions)
    return replace(_cell(values, loaded, result.counts), notes=result.notes, wording=wording)


CELLS = {"strict": strict_cell, "unifer": published_cell, FACIAL_R1: facial_r1_cell}
"""How a run is scored, by protocol."""


def outcomes_of(graded: Sequence[Graded], questions: Sequence[Question] = ()) -> dict[str, QuestionOutcome]:
    """The outcome of each question that asks for a label, by its key.

    A question that is at hand in `questions` is taken from there, so that all models share one copy of it.
    """
    known = {question.key: question for question in questions}
    rows = [
        (row.prediction.question, row.verdict)
        for row in graded
        if row.prediction.question.true_label is not None
    ]
    return {
        question.key: QuestionOutcome(known.get(question.key, question), verdict.outcome, verdict.label)
        for question, verdict in rows
    }


def accuracy_interval(accuracy: float, scored: int, resamples: int) -> tuple[float, float] | None:
    """Percentile bootstrap over rows: a sample of n right and wrong answers is one binomial draw."""
    if not resamples:
        return None
    samples = np.random.default_rng(0).binomial(scored, accuracy, size=resamples) / scored
    return percentile_interval(samples, LEVEL)


def _unit_values(units: ActionUnitScores | None, names: Sequence[str]) -> dict[str, Value]:
    if units is None:
        return {}
    scores = {name: getattr(units, name) for name in names}
    return {
        f"au_{name}": Value(score, units.intervals.get(name))
        for name, score in scores.items()
        if score is not None
    }


def _share_values(**shares: MeanShare | None) -> dict[str, Value]:
    return {
        name: Value(share.value, share.interval)
        for name, share in shares.items()
        if share is not None and share.value is not None
    }


def _rege_value(rege: Mapping[str, Rege]) -> dict[str, Value]:
    """REGE of emotions where the dataset has labels, else of AUs, as it is published for each set."""
    chosen = rege.get("accuracy") or rege.get("macro_au_f1")
    return {} if chosen is None else {"rege": Value(chosen.total, chosen.interval)}


def _judge(result: DatasetScores) -> str | None:
    """Who judged, by which rubric: means of different judges are not compared."""
    judge = None if result.reasoning is None else result.reasoning.judge
    if judge is None:
        return None
    return f"judged by {judge.judge}, {judge.rubric}" + (", shown the picture" if judge.pictured else "")


def _cell(values: Mapping[str, Value], loaded: LoadedRun, counts: Mapping[str, int]) -> BoardCell:
    """A cell with the size of its question file, whether exactly those were asked, and what to mark."""
    flags = [f"incomplete: {counts['missing']:,} without a reply"] if counts["missing"] else []
    flags += [f"{counts['failed']:,} failed"] if counts["failed"] else []
    manifest, rows = loaded.manifest, loaded.predictions
    damage = None if manifest is None else manifest.damage
    flags += [] if damage is None else [f"damaged pictures: {damage}"]
    cell = BoardCell(
        values,
        counts,
        comparable=damage is None,
        au_set=loaded.spec.au_set,
        profile=None if manifest is None else manifest.profile,
        folds=folds_of(row.question for row in rows),
    )
    if loaded.source.path is None:
        return replace(cell, flags=tuple(flags))
    keys = {question.key for question in loaded.source.questions}
    strangers = sum(row.question.key not in keys for row in rows)
    total = counts["asked"] - strangers
    flags = [f"partial: {total:,} of {len(keys):,} questions", *flags] if total < len(keys) else flags
    flags = [f"{strangers:,} other questions", *flags] if strangers else flags
    comparable = total == len(keys) and not strangers and damage is None
    return replace(cell, whole=len(keys), comparable=comparable, flags=tuple(flags))
