"""Predictions -> verdicts -> strict scores of one run: here alone evaluation calls the grader.

Prints nothing. Nothing is averaged in silence: what is missing or odd comes back as notes. The protocols
`unifer` and `facial-r1` are `published` and `facial_r1`; several datasets together are `overall`.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.dialogue.answers import OUTCOMES, Verdict, grade
from unifer.dialogue.wordings import Wording, wording_of
from unifer.errors import InputError
from unifer.evaluate import metrics
from unifer.evaluate.au_metrics import ActionUnitScores, claim_on, score_action_units
from unifer.evaluate.folds import FoldScores, Values, fold_scores, unit_values
from unifer.evaluate.grading import Graded, unread_notes
from unifer.evaluate.loading import LoadedRun, Missing, PredictionFile, open_run
from unifer.evaluate.metrics import RESAMPLES, ConfusionTable, Scores
from unifer.evaluate.reasoning.marks import read_judged
from unifer.evaluate.reasoning.scores import ReasoningScores, score_reasoning
from unifer.evaluate.statistics.baselines import Baselines, baselines_of
from unifer.evaluate.statistics.bootstrap import cluster_notes, clusters_of, rare_notes
from unifer.parallel import in_chunks
from unifer.records import Json, Prediction, Question

if TYPE_CHECKING:
    from unifer.evaluate.run_files import Selected

NOTHING_MISSING = Missing()


@dataclass(frozen=True)
class DatasetScores:
    """Strict scores of one run on one dataset.

    `counts` speaks of all questions: asked, answered, off_list, no_answer, failed, missing, well_formed.
    `scores` is None where no question asks for a label, `action_units` where none has annotated AUs.
    """

    loaded: LoadedRun
    graded: tuple[Graded, ...]
    counts: dict[str, int]
    scores: Scores | None
    action_units: ActionUnitScores | None
    notes: tuple[str, ...]
    reasoning: ReasoningScores | None = None
    """None where there is no reference, no annotated AU, and no reply that claims an AU beside its answer."""
    wording: Wording | None = None
    """In whose words its questions ask."""
    folds: FoldScores | None = None
    """The same scores by fold, where its questions name their subjects' folds."""

    @property
    def spec(self) -> DatasetSpec:
        return self.loaded.spec

    @property
    def run(self) -> PredictionFile:
        return self.loaded.file

    @property
    def labelled(self) -> Scores:
        """`scores`. Raises InputError where there are none."""
        if self.scores is None:
            raise InputError(
                f"{self.spec.folder}: {self.spec.title} asks for AUs alone, so it has no WAR; leave "
                "it out here"
            )
        return self.scores

    @property
    def baselines(self) -> Baselines | None:
        """What naming the commonest label would score, and how often people agree; None without labels."""
        return None if self.scores is None else baselines_of(self.scores.table, self.spec)

    def to_json(self) -> Json:
        labelled = {"counts": self.counts} if self.scores is None else self.scores.to_json()
        lines = {} if self.baselines is None else {"baselines": self.baselines.to_json()}
        units = self.action_units
        annotated = {} if units is None else {"au_set": self.spec.au_set, "action_units": units.to_json()}
        reasoned = {} if self.reasoning is None else {"reasoning": self.reasoning.to_json()}
        return {
            "protocol": "strict",
            "dataset": self.spec.name,
            "title": self.spec.title,
            "run": self.run.name,
            "predictions": runs.describe_file(self.run.path),
            "wording": None if self.wording is None else self.wording.to_json(),
            **labelled,
            **lines,
            **annotated,
            **reasoned,
            **({} if self.folds is None else {"by_fold": self.folds.to_json()}),
            "notes": list(self.notes),
        }


def score_strict(spec: DatasetSpec, run: PredictionFile, resamples: int = RESAMPLES) -> DatasetScores:
    """Open, grade and score one run. Raises InputError for a file that is not this dataset's."""
    return score_run(open_run(spec, run), resamples)


def score_run(loaded: LoadedRun, resamples: int = RESAMPLES) -> DatasetScores:
    """Grade and score a run that is open."""
    spec, missing, questions = loaded.spec, loaded.missing, loaded.questions
    graded = tuple(Graded(row, grade_prediction(row), spec.action_units) for row in loaded.predictions)
    scores, units = figures(spec, graded, missing, resamples)
    judged = read_judged(loaded.file.path)
    reasoning = score_reasoning(
        graded, missing.questions, units=units, judged=judged, resamples=resamples, seed=seed_of(spec.name)
    )
    folds, fold_notes = fold_scores(
        loaded.file.path, questions, lambda fold: _of_fold(spec, graded, missing, fold)
    )
    notes = (
        *(*missing.notes, *loaded.notes),
        *_rare_notes(graded, scores, units),
        *(*unread_notes(graded), *cluster_notes(questions), *fold_notes),
    )
    wording = wording_of(row.question for row in loaded.predictions)
    return DatasetScores(
        loaded, graded, _counts(graded, missing), scores, units, notes, reasoning, wording, folds
    )


def _rare_notes(graded: Sequence[Graded], scores: Scores | None, units: ActionUnitScores | None) -> list[str]:
    """Which labels and AUs the means lack, or have few examples of."""
    notes = []
    if scores is not None:
        absent = [row.label for row in scores.per_class if not row.support]
        if absent:
            notes.append(
                f"no question shows {', '.join(absent)}: UAR and macro-F1 are means over the other labels"
            )
        unlabelled = sum(row.prediction.question.true_label is None for row in graded)
        if unlabelled:
            notes.append(f"{unlabelled:,} questions ask for AUs alone: WAR, UAR and macro-F1 leave them out")
        notes += rare_notes("UAR and macro-F1", {row.label: row.support for row in scores.per_class})
    if units is not None:
        support = {f"AU{row.action_unit}": row.support for row in units.per_unit}
        notes += rare_notes("means over AUs", support)
    return notes


def _of_fold(spec: DatasetSpec, graded: Sequence[Graded], missing: Missing, fold: str) -> Values:
    """Scores over the questions of one fold. Missing ones that nobody can place are in none."""
    rows = [row for row in graded if row.prediction.question.fold == fold]
    lost = Missing(tuple(question for question in missing.questions if question.fold == fold))
    scores, units = figures(spec, rows, lost, resamples=0)
    labelled: Values = {} if scores is None else {name: getattr(scores, name) for name in metrics.HEADLINE}
    return labelled | unit_values(units)


def grade_prediction(prediction: Prediction) -> Verdict:
    """The strict verdict on a prediction; `failed` where there is no reply."""
    if prediction.failed:
        return Verdict("failed", None, "", False, frozenset())
    return grade(prediction.reply, prediction.question.candidate_labels)


def figures(
    spec: DatasetSpec,
    graded: Sequence[Graded],
    missing: Missing = NOTHING_MISSING,
    resamples: int = RESAMPLES,
) -> tuple[Scores | None, ActionUnitScores | None]:
    """Scores of labels and of AUs over `graded` and what is missing.

    None where the set asks for no label, and where no face has AUs.
    """
    scores = (
        metrics.score(_table(spec, graded, missing), resamples=resamples, seed=seed_of(spec.name))
        if spec.labels
        else None
    )
    return scores, _action_units(spec, graded, missing, resamples)


def _counts(graded: Sequence[Graded], missing: Missing) -> dict[str, int]:
    """Every denominator, over all questions that were asked."""
    outcomes: Counter[str] = Counter(row.verdict.outcome for row in graded)
    lost = len(missing.questions) + missing.unplaced
    named = {str(name): outcomes[name] for name in OUTCOMES}
    return {
        "asked": len(graded) + lost,
        **named,
        "missing": lost,
        "well_formed": sum(row.verdict.well_formed for row in graded),
    }


def _action_units(
    spec: DatasetSpec, graded: Sequence[Graded], missing: Missing, resamples: int
) -> ActionUnitScores | None:
    """Scores over every annotated question, those without a row among them; None without any."""
    pairs = [(row.prediction.question, row.claim) for row in graded]
    pairs += [
        (question, claim_on(question, frozenset(), replied=False, units=spec.action_units))
        for question in missing.questions
    ]
    faces = [(question, claim) for question, claim in pairs if claim is not None]
    if not faces:
        return None
    clusters = clusters_of([question for question, _ in faces])
    claims = [claim for _, claim in faces]
    return score_action_units(
        claims, units=spec.action_units, clusters=clusters, resamples=resamples, seed=seed_of(spec.name)
    )


def _table(spec: DatasetSpec, graded: Sequence[Graded], missing: Missing) -> ConfusionTable:
    rows: list[tuple[Question, str, str | None]] = [
        (row.prediction.question, row.verdict.outcome, row.verdict.label) for row in graded
    ]
    rows += [(question, "missing", None) for question in missing.questions]
    rows = [row for row in rows if row[0].true_label is not None]
    counted = ((str(question.true_label), outcome, named) for question, outcome, named in rows)
    well_formed = sum(
        row.verdict.well_formed for row in graded if row.prediction.question.true_label is not None
    )
    questions = [question for question, _, _ in rows]
    subjects = clusters_of(questions) if any(question.subject for question in questions) else None
    return metrics.tally(
        spec.labels, counted, unplaced=missing.unplaced, well_formed=well_formed, subjects=subjects
    )


def seed_of(name: str) -> int:
    """A fixed seed per name: datasets drawn with one seed would vary together, their mean too widely."""
    return zlib.crc32(name.encode())


# --- many runs ----------------------------------------------------------------------------------------------


def score_all(
    selected: Sequence[Selected],
    resamples: int,
    advance: Callable[[int], None] | None = None,
    workers: int | None = None,
) -> list[DatasetScores]:
    """What `score_strict` gives for each of `selected`, in order, each run in one of several processes.

    Raises InputError as `score_strict` does; `advance` hears of runs that are done.
    """
    work = partial(_score_chunk, resamples=resamples)
    # The largest first, so that no process is left alone with it at the end.
    order = sorted(range(len(selected)), key=lambda at: -selected[at].run.path.stat().st_size)
    chunks = in_chunks(work, [selected[at] for at in order], workers or os.cpu_count() or 1, advance, size=1)
    scored = dict(zip(order, (each for chunk in chunks for each in chunk), strict=True))
    return [scored[at] for at in range(len(selected))]


def _score_chunk(selected: Sequence[Selected], resamples: int) -> list[DatasetScores]:
    return [score_strict(each.spec, each.run, resamples) for each in selected]
