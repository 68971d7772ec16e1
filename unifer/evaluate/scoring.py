"""Predictions -> verdicts -> scores, for one dataset and for several together.

Knows both protocols by name: `strict` grades with `dialogue/answers`, `unifer` with `dialogue/published`.
Prints nothing. Nothing is averaged in silence: what is missing or odd comes back as notes.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unifer import runs
from unifer.datasets import AnswerTag, DatasetSpec
from unifer.dialogue.published import UNKNOWN, published_label
from unifer.dialogue.wordings import PUBLISHED, Wording, wording_of
from unifer.emotions import canonical, in_order
from unifer.errors import InputError
from unifer.evaluate import metrics
from unifer.evaluate.au_metrics import ActionUnitScores, claim_on, score_action_units
from unifer.evaluate.folds import FoldScores, Values, fold_scores, unit_values
from unifer.evaluate.grading import Graded, grade_prediction, unread_notes
from unifer.evaluate.metrics import RESAMPLES, ConfusionTable, Scores
from unifer.evaluate.predictions import (
    NOTHING_MISSING,
    Missing,
    PredictionFile,
    find_missing,
    read_predictions,
)
from unifer.evaluate.published_metrics import published_metrics, published_pool
from unifer.evaluate.reasoning.marks import read_judged
from unifer.evaluate.reasoning.scores import ReasoningScores, score_reasoning
from unifer.evaluate.statistics.baselines import Baselines, baselines_of, mean_baselines
from unifer.evaluate.statistics.bootstrap import Drawn, cluster_notes, clusters_of, rare_notes
from unifer.records import OUTCOMES, Json, Question


@dataclass(frozen=True)
class DatasetScores:
    """Strict scores of one run on one dataset.

    `counts` speaks of all questions: asked, answered, off_list, no_answer, failed, missing, well_formed.
    `scores` is None where no question asks for a label, `action_units` where none has annotated AUs.
    """

    spec: DatasetSpec
    run: PredictionFile
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
        """What naming the commonest label would score, and how often people agree; None where no question
        asks for a label.
        """
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
    """Grade and score one run. Raises InputError for a file that is not this dataset's."""
    predictions, notes = read_predictions(run.path, spec)
    missing = find_missing(run.path, spec, predictions)
    graded = tuple(
        Graded(prediction, grade_prediction(prediction, spec), spec.action_units)
        for prediction in predictions
    )
    scores, units = figures(spec, graded, missing, resamples)
    if scores is not None:
        absent = [row.label for row in scores.per_class if not row.support]
        notes += (
            [f"no question shows {', '.join(absent)}: UAR and macro-F1 are means over the other labels"]
            if absent
            else []
        )
        unlabelled = sum(row.prediction.question.true_label is None for row in graded)
        notes += (
            [f"{unlabelled:,} questions ask for AUs alone: WAR, UAR and macro-F1 leave them out"]
            if unlabelled
            else []
        )
        notes += rare_notes("UAR and macro-F1", {row.label: row.support for row in scores.per_class})
    if units is not None:
        notes += rare_notes("means over AUs", {f"AU{row.action_unit}": row.support for row in units.per_unit})
    notes += unread_notes(graded)
    notes += cluster_notes([*(row.prediction.question for row in graded), *missing.questions])
    judged = read_judged(run.path)
    reasoning = score_reasoning(
        graded, missing.questions, units=units, judged=judged, resamples=resamples, seed=_seed(spec.name)
    )
    asked = wording_of(prediction.question for prediction in predictions)
    questions = [*(prediction.question for prediction in predictions), *missing.questions]
    folds, odd = fold_scores(run.path, questions, lambda fold: _of_fold(spec, graded, missing, fold))
    said = (*missing.notes, *notes, *odd)
    return DatasetScores(
        spec, run, graded, _counts(graded, missing), scores, units, said, reasoning, asked, folds
    )


def _of_fold(spec: DatasetSpec, graded: Sequence[Graded], missing: Missing, fold: str) -> Values:
    """Scores over the questions of one fold. Missing ones that nobody can place are in none."""
    rows = [row for row in graded if row.prediction.question.fold == fold]
    lost = Missing(tuple(question for question in missing.questions if question.fold == fold))
    scores, units = figures(spec, rows, lost, resamples=0)
    labelled: Values = {} if scores is None else {name: getattr(scores, name) for name in metrics.HEADLINE}
    return labelled | unit_values(units)


def figures(
    spec: DatasetSpec,
    graded: Sequence[Graded],
    missing: Missing = NOTHING_MISSING,
    resamples: int = RESAMPLES,
) -> tuple[Scores | None, ActionUnitScores | None]:
    """Scores of labels and of AUs over `graded` and what is missing; None where the set asks for no label,
    and where no face has AUs.
    """
    scores = (
        metrics.score(_table(spec, graded, missing), resamples=resamples, seed=_seed(spec.name))
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
        claims, units=spec.action_units, clusters=clusters, resamples=resamples, seed=_seed(spec.name)
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
    subjects = clusters_of([question for question, _, _ in rows])
    return metrics.tally(
        spec.labels, counted, unplaced=missing.unplaced, well_formed=well_formed, subjects=subjects
    )


def _seed(name: str) -> int:
    """A fixed seed for each name: datasets drawn with one seed would vary together, and the interval of their
    mean be wrong.
    """
    return zlib.crc32(name.encode())


@dataclass(frozen=True)
class Overall:
    """Several datasets together: `pooled` over all rows under canonical names, `mean` over datasets, each
    with intervals.
    """

    datasets: tuple[DatasetScores, ...]
    pooled: Scores
    mean: dict[str, float]
    mean_intervals: dict[str, tuple[float, float]]
    mean_drawn: Drawn

    @property
    def pooled_baselines(self) -> Baselines:
        """Always naming the label that is commonest in the pool."""
        return baselines_of(self.pooled.table)

    @property
    def mean_baselines(self) -> Baselines:
        """The mean over datasets of naming the commonest label of each."""
        return mean_baselines([baselines_of(part.labelled.table) for part in self.datasets])

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(f"{part.spec.title}: {note}" for part in self.datasets for note in part.notes)

    def to_json(self) -> Json:
        mean = metrics.intervals_json(
            self.mean_intervals, len(self.pooled.samples), self.pooled.seed, self.mean_drawn
        )
        return {
            "protocol": "strict",
            "run": self.datasets[0].run.name,
            "pooled": {**self.pooled.to_json(), "baselines": self.pooled_baselines.to_json()},
            "mean_of_datasets": {**self.mean, "intervals": mean, "baselines": self.mean_baselines.to_json()},
            "datasets": {part.spec.name: part.to_json() for part in self.datasets},
            "notes": list(self.notes),
        }


def overall(parts: Sequence[DatasetScores], resamples: int = RESAMPLES) -> Overall:
    """Put scores of datasets together. Pooled weighs every row alike, the mean every dataset; datasets are
    resampled apart.

    Raises InputError for a dataset without labels, which has no WAR to be pooled.
    """
    scored = [part.labelled for part in parts]
    labels = in_order(label for part in parts for label in part.spec.labels)
    tables = [
        each.table.relabelled(labels, {label: canonical(label) for label in each.table.labels})
        for each in scored
    ]
    mean = {name: float(np.mean([getattr(each, name) for each in scored])) for name in metrics.HEADLINE}
    samples = np.mean([each.samples for each in scored], axis=0)
    pooled = metrics.score_pooled(tables, resamples=resamples, seed=_seed("pooled"))
    drawn = Drawn.together([each.drawn.clusters for each in scored])
    return Overall(tuple(parts), pooled, mean, metrics.intervals_of(samples, drawn), drawn)


@dataclass(frozen=True)
class PublishedScores:
    """Scores of one run by the published rule; `pairs` are (truth, label read) of the rows that did not
    fail.
    """

    spec: DatasetSpec
    run: PredictionFile
    pairs: tuple[tuple[str, str], ...]
    metrics: Json
    notes: tuple[str, ...]
    wording: Wording


def score_published(
    spec: DatasetSpec, run: PredictionFile, answer_tag: AnswerTag | None = None
) -> PublishedScores:
    """Grade and score one run by the published rule; failed rows leave the denominators, as they do there,
    and are noted.

    `answer_tag` overrides the dataset's own: the published pooled script reads every dataset with `one_line`.
    """
    predictions, notes = read_predictions(run.path, spec)
    missing = find_missing(run.path, spec, predictions)
    rule = spec.published
    if not spec.labels:
        raise InputError(
            f"{spec.folder}: protocol unifer reads labels, and {spec.title} asks for AUs alone; "
            "choose --protocol strict or facial-r1"
        )
    pairs = tuple(
        (
            p.question.true_label,
            published_label(
                p.reply, p.question.candidate_labels, rule.aliases, answer_tag or rule.answer_tag
            ),
        )
        for p in predictions
        if not p.failed and p.question.true_label is not None
    )
    try:
        result = published_metrics(pairs, spec.labels)
    except ValueError as error:
        raise InputError(f"{run.path}: {error}; --protocol strict counts them as wrong") from None
    dropped = sum(prediction.failed for prediction in predictions)
    unknown = sum(predicted == UNKNOWN for _, predicted in pairs)
    notes += (
        [f"{dropped:,} failed rows left every denominator, as the published rule has it"] if dropped else []
    )
    notes += (
        [f"{unknown:,} replies read as {UNKNOWN!r}, which counts as a class in the macro means"]
        if unknown
        else []
    )
    lost = len(missing.questions) + missing.unplaced
    notes += [f"incomplete run: {lost:,} questions have no reply and are not counted"] if lost else []
    asked = wording_of(prediction.question for prediction in predictions)
    if spec.name in PUBLISHED.values() and asked.dataset != spec.name:
        notes.append(
            "asked with "
            f"{asked.text}, not the published prompt of {spec.name}: no figure to hold against "
            "published ones"
        )
    return PublishedScores(spec, run, pairs, result, tuple(notes), asked)


def pool_published(parts: Sequence[PublishedScores]) -> Json:
    """Metrics over the rows of all datasets, as the published pooled script computes them."""
    pairs, labels = published_pool([part.pairs for part in parts])
    return published_metrics(pairs, labels)
