"""Scores by protocol `facial-r1`: AU F1, accuracy, ROUGE-L and REGE as in Facial-R1's evaluation.

Reading a reply is `dialogue/published`. Known of that evaluation, from a description: F1 per AU, the mean
over the AUs that the gold of the test file (or of the chosen AU set) shows; a predicted AU outside them
vanishes, so a spurious AU costs nothing; exact match of the label; ROUGE-L F-measure with stems of the whole
reply against the description; REGE = S_re + S_ge. Not known: what it does with failed questions. Here they,
and missing ones, stay in every denominator and say nothing. Intervals are ours.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.dialogue.answers import grade
from unifer.dialogue.published import facial_r1_label, facial_r1_units
from unifer.errors import InputError
from unifer.evaluate.au_metrics import ActionUnitScores, Claim, score_action_units
from unifer.evaluate.folds import FoldScores, Values, fold_scores, unit_values
from unifer.evaluate.loading import LoadedRun, PredictionFile, open_run
from unifer.evaluate.metrics import RESAMPLES
from unifer.evaluate.reasoning.rege import Rege, rege_of_answers, rege_of_units, rouge_l
from unifer.evaluate.reasoning.shares import Draws, MeanShare
from unifer.evaluate.statistics.bootstrap import clusters_of
from unifer.records import Json, Prediction, Question

PROTOCOL = "facial-r1"


@dataclass(frozen=True)
class FacialR1Scores:
    """What the protocol says of one run; each figure is None where the questions do not allow it.

    `accuracy` is over questions with a label, `action_units` over annotated faces, `rouge` over questions
    with a reference. `rege` is by what its S_re recognises: `accuracy`, `macro_au_f1`. `counts` are asked,
    failed and missing.
    """

    spec: DatasetSpec
    run: PredictionFile
    counts: dict[str, int]
    accuracy: MeanShare | None
    action_units: ActionUnitScores | None
    rouge: MeanShare | None
    rege: dict[str, Rege]
    notes: tuple[str, ...]
    folds: FoldScores | None = None
    """The same scores by fold, where the questions name their subjects' folds."""

    def to_json(self) -> Json:
        parts = {"accuracy": self.accuracy, "action_units": self.action_units, "rouge_l": self.rouge}
        return {
            "protocol": PROTOCOL,
            "dataset": self.spec.name,
            "title": self.spec.title,
            "run": self.run.name,
            "predictions": runs.describe_file(self.run.path),
            "counts": self.counts,
            "au_set": self.spec.au_set,
            **{name: part.to_json() for name, part in parts.items() if part is not None},
            **({"rege": {name: part.to_json() for name, part in self.rege.items()}} if self.rege else {}),
            **({} if self.folds is None else {"by_fold": self.folds.to_json()}),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Asked:
    """One question with its reply, None where it failed or is missing."""

    question: Question
    reply: str | None


def score_facial_r1(spec: DatasetSpec, run: PredictionFile, resamples: int = RESAMPLES) -> FacialR1Scores:
    """Open and score one run (`facial_r1_scores`)."""
    return facial_r1_scores(open_run(spec, run), resamples)


def facial_r1_scores(loaded: LoadedRun, resamples: int = RESAMPLES) -> FacialR1Scores:
    """Score a run that is open over the AU set of its dataset (`with_au_set`). Raises InputError: no rows."""
    spec, run = loaded.spec, loaded.file
    predictions, missing, notes = loaded.predictions, loaded.missing, loaded.notes
    rows = [_Asked(each.question, None if each.failed else each.reply) for each in predictions]
    rows += [_Asked(question, None) for question in missing.questions]
    if not rows:
        raise InputError(f"{run.path}: holds no row; ask the questions with `unifer infer` first")
    found = _score(spec, rows, resamples)
    folds, odd = fold_scores(
        run.path, [row.question for row in rows], lambda fold: _of_fold(spec, rows, fold)
    )
    failed, lost = sum(each.failed for each in predictions), len(missing.questions) + missing.unplaced
    return FacialR1Scores(
        spec=spec,
        run=run,
        counts={"asked": len(predictions) + lost, "failed": failed, "missing": lost},
        **vars(found),
        notes=(*missing.notes, *notes, *_unit_notes(spec, found.action_units), *_unread(predictions), *odd),
        folds=folds,
    )


@dataclass(frozen=True)
class _Found:
    """The figures over some rows."""

    accuracy: MeanShare | None
    action_units: ActionUnitScores | None
    rouge: MeanShare | None
    rege: dict[str, Rege]


def _score(spec: DatasetSpec, rows: Sequence[_Asked], resamples: int) -> _Found:
    draws = Draws(clusters_of([row.question for row in rows]), resamples, zlib.crc32(spec.name.encode()))
    units = units_of(spec, [row.question for row in rows])
    claims = [_claim(row, units) for row in rows]
    correct = [None if row.question.true_label is None else _right(row) for row in rows]
    overlap = [_overlap(row) for row in rows]
    rege = {
        "accuracy": rege_of_answers(correct, overlap, draws),
        "macro_au_f1": rege_of_units(claims, overlap, units, draws) if units else None,
    }
    return _Found(
        accuracy=draws.share(correct) if any(each is not None for each in correct) else None,
        action_units=_action_units(rows, claims, units, draws),
        rouge=draws.share(overlap) if any(each is not None for each in overlap) else None,
        rege={name: part for name, part in rege.items() if part is not None},
    )


def _of_fold(spec: DatasetSpec, rows: Sequence[_Asked], fold: str) -> Values:
    """Scores over the rows of one fold, as of a test file of its own."""
    found = _score(spec, [row for row in rows if row.question.fold == fold], resamples=0)
    shares = {
        name: share.value
        for name, share in (("accuracy", found.accuracy), ("rouge_l", found.rouge))
        if share is not None
    }
    return shares | unit_values(found.action_units)


def units_of(spec: DatasetSpec, questions: Sequence[Question]) -> tuple[int, ...]:
    """The AUs of the AU set (of all, where none is named) that some face of the file shows.

    The mean runs over them.
    """
    shown = {unit for question in questions for unit in question.action_units or ()}
    return tuple(sorted(shown & set(spec.action_units) if spec.action_units else shown))


def _claim(row: _Asked, units: Sequence[int]) -> Claim | None:
    """The AUs that the reply claims and those of the face, both of `units`; None: not annotated."""
    if row.question.action_units is None:
        return None
    read = frozenset() if row.reply is None else facial_r1_units(row.reply)
    claimed = frozenset(unit for unit in units if f"AU{unit}" in read)
    shown, scored = frozenset(row.question.action_units), frozenset(units)
    return Claim(claimed, shown & scored, row.reply is not None, scored)


def _right(row: _Asked) -> bool:
    return row.reply is not None and facial_r1_label(row.reply) == row.question.true_label


def _overlap(row: _Asked) -> float | None:
    if row.question.reference is None:
        return None
    return 0.0 if row.reply is None else rouge_l(row.reply, row.question.reference)


def _action_units(
    rows: Sequence[_Asked], claims: Sequence[Claim | None], units: tuple[int, ...], draws: Draws
) -> ActionUnitScores | None:
    faces = [(row.question, claim) for row, claim in zip(rows, claims, strict=True) if claim is not None]
    if not faces or not units:
        return None
    clusters = clusters_of([question for question, _ in faces])
    found = [claim for _, claim in faces]
    return score_action_units(
        found, units=units, clusters=clusters, resamples=draws.resamples, seed=draws.seed
    )


def _unit_notes(spec: DatasetSpec, scores: ActionUnitScores | None) -> list[str]:
    absent = sorted(set(spec.action_units) - set(() if scores is None else scores.units))
    if scores is None or not absent:
        return []
    return [
        f"no face shows {', '.join(f'AU{unit}' for unit in absent)} of the AU set: the mean runs over "
        f"the other {len(scores.units)}"
    ]


def _unread(predictions: Sequence[Prediction]) -> list[str]:
    """How many replies name AUs that this protocol does not read, though `strict` does: a note, if any."""
    asked = [each for each in predictions if not each.failed and each.question.action_units is not None]
    silent = [each for each in asked if not facial_r1_units(each.reply)]
    other = sum(bool(grade(each.reply, each.question.candidate_labels).action_units) for each in silent)
    if not other:
        return []
    return [
        f"{other:,} of {len(asked):,} replies name AUs only outside the first think block, or in another "
        f"spelling than AU12: {PROTOCOL} reads none there and counts their AUs as missed; --protocol "
        "strict reads them"
    ]
