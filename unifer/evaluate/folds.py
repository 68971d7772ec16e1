"""Scores per fold of a cross-validation, beside the scores over all rows: mean and range.

A fold's scores are those of its rows alone: macro F1 is a mean over the labels or AUs that its own faces
show. Knows questions and which fold each is in; what is scored on them is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from unifer.errors import InputError
from unifer.evaluate.au_metrics import ActionUnitScores
from unifer.records import OWN_FOLDS, Json, Question

Values = dict[str, float | None]
"""Metric -> score, None where nothing defines it."""


class FoldRange(NamedTuple):
    """A score over folds: mean, least and most."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class FoldScore:
    """One fold, such as `1/3`: how many questions and subjects it has, and its scores."""

    fold: str
    questions: int
    subjects: int
    values: Values

    def to_json(self) -> Json:
        return {"fold": self.fold, "questions": self.questions, "subjects": self.subjects} | self.values


@dataclass(frozen=True)
class FoldScores:
    """Scores by fold, in their order.

    `text` says whose folds they are; of a run on one fold alone there is one.
    """

    text: str
    each: tuple[FoldScore, ...]

    @property
    def own(self) -> bool:
        """Whether this project made the folds: then nobody else's figures are over them."""
        return self.text == OWN_FOLDS

    @property
    def metrics(self) -> tuple[str, ...]:
        """What every fold has a score of."""
        return tuple(
            name
            for name in self.each[0].values
            if all(fold.values.get(name) is not None for fold in self.each)
        )

    def spread(self, metric: str) -> FoldRange:
        """Of one of `metrics`."""
        found = [value for fold in self.each if (value := fold.values[metric]) is not None]
        return FoldRange(sum(found) / len(found), min(found), max(found))

    def to_json(self) -> Json:
        spreads = {name: self.spread(name)._asdict() for name in self.metrics}
        return {"folds": self.text, "each": [fold.to_json() for fold in self.each], "over_folds": spreads}


def fold_scores(
    path: Path, questions: Sequence[Question], score: Callable[[str], Values]
) -> tuple[FoldScores | None, list[str]]:
    """The values of `score` on each fold that `questions` name, and notes on what is odd about the folds.

    None unless every question names a fold, all of one assignment.

    Raises InputError, of `path`, where a subject is in two folds: scores of both would be of people the other
    fold was trained on.
    """
    named = [question for question in questions if question.fold is not None]
    if not named:
        return None, []
    assignments = dict.fromkeys(question.folds or "folds of nobody named" for question in named)
    if len(named) < len(questions) or len(assignments) > 1:
        lone = f"{len(questions) - len(named):,} of {len(questions):,} questions name no fold"
        odd = (
            lone
            if len(named) < len(questions)
            else f"questions are in folds of {len(assignments)} assignments ({'; '.join(assignments)})"
        )
        return None, [f"{odd}: there are no scores by fold; build the questions again, in one go"]
    _refuse_leaks(path, named)
    members: dict[str, list[Question]] = {}
    for question in named:
        members.setdefault(str(question.fold), []).append(question)
    each = [
        FoldScore(fold, len(rows), len({row.subject for row in rows}), score(fold))
        for fold, rows in sorted(members.items(), key=lambda item: (len(item[0]), item[0]))
    ]
    return FoldScores(next(iter(assignments)), tuple(each)), []


def folds_of(questions: Iterable[Question]) -> str | None:
    """Whose folds the subjects of `questions` are in; None where none names a fold."""
    named = dict.fromkeys(question.folds for question in questions if question.fold is not None)
    return ", ".join(each or "folds of nobody named" for each in named) or None


def _refuse_leaks(path: Path, questions: Sequence[Question]) -> None:
    first: dict[str, Question] = {}
    for question in questions:
        if question.subject is None:
            continue
        before = first.setdefault(question.subject, question)
        if before.fold != question.fold:
            raise InputError(
                f"{path}: subject {question.subject!r} is in fold {question.fold} ({question.key!r}) and "
                f"in fold {before.fold} ({before.key!r}): each fold would be scored on somebody whom the "
                "other was trained on; build the questions in one go"
            )


def unit_values(units: ActionUnitScores | None) -> Values:
    """The AU scores that are given by fold; empty without any."""
    return (
        {}
        if units is None
        else {f"au_{name}": getattr(units, name) for name in ("macro_f1", "micro_f1", "face_f1")}
    )
