"""The sample browser's rows: every question once, with what each model replied to it, as columns of plain
values.

Knows graded predictions; not how they look. Replies stay text throughout: they are cut where they are
immense, and never interpreted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from unifer.emotions import canonical
from unifer.evaluate.grading import Graded
from unifer.evaluate.scoring import DatasetScores
from unifer.records import OUTCOMES, Json, Question
from unifer.report.page.marking import MarkedReply, Marks, mark_all

LONGEST = 20_000
"""Characters of a reply that the page holds at most."""
TEXT_BUDGET = 40_000_000
"""Characters of all replies together: where they are more, each is cut shorter, so that a browser can hold
the page.
"""


@dataclass
class SampleRow:
    """One question of dataset number `dataset`, and the reply of each model; None where its run has no
    row.
    """

    dataset: int
    question: Question
    replies: list[Graded | None]

    @property
    def telling(self) -> int:
        """0 where the models disagree, 1 where one is wrong, 2 where all are right: what a reader looks at
        first.
        """
        answers = {
            (reply.verdict.outcome, reply.verdict.label) for reply in self.replies if reply is not None
        }
        if len(answers) > 1:
            return 0
        return 2 if all(reply is None or reply.correct for reply in self.replies) else 1


def gather(
    results: Sequence[DatasetScores], models: Sequence[str], datasets: Sequence[str]
) -> list[SampleRow]:
    """Each question of each dataset once, in the order of the first run that has it. Questions of one key
    that differ stand apart.
    """
    found: dict[tuple[object, ...], SampleRow] = {}
    for result in results:
        dataset, model = datasets.index(result.spec.name), models.index(result.run.name)
        for graded in result.graded:
            question = graded.prediction.question
            key = (dataset, question.key, question.true_label, question.action_units)
            found.setdefault(key, SampleRow(dataset, question, [None] * len(models))).replies[model] = graded
    return sorted(found.values(), key=lambda asked: asked.dataset)


@dataclass
class _Index:
    """Values numbered in the order in which they come."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, value: str) -> int:
        return self.numbers.setdefault(value, len(self.numbers))

    def label(self, value: str | None) -> int:
        return -1 if value is None else self.of(value)


def samples_json(asked: Sequence[SampleRow]) -> Json:
    """Columns for the page, a value a question; those of a model's replies under its number."""
    labels, prompts, finishes = _Index(), _Index(), _Index()
    longest = cut_for(
        [len(reply.prediction.reply) for one in asked for reply in one.replies if reply is not None]
    )
    questions = [one.question for one in asked]
    columns: Json = {
        "dataset": [one.dataset for one in asked],
        "key": [question.key for question in questions],
        "image": [question.image_path for question in questions],
        "truth": [labels.label(question.true_label) for question in questions],
        "prompt": [prompts.of(question.prompt) for question in questions],
        "units": [
            None if question.action_units is None else list(question.action_units) for question in questions
        ],
        "coded": [None if question.coded is None else sorted(question.coded) for question in questions],
        "reference": [question.reference for question in questions],
    }
    models = len(asked[0].replies) if asked else 0
    replies = [_replies(asked, model, longest, (labels, prompts, finishes)) for model in range(models)]
    return {
        "outcomes": list(OUTCOMES),
        "questions": columns,
        "replies": [{name: [row[at] for row in rows] for at, name in enumerate(_FIELDS)} for rows in replies],
        "labels": list(labels.numbers),
        "emotions": [canonical(label) for label in labels.numbers],
        "prompts": list(prompts.numbers),
        "finishes": list(finishes.numbers),
        "longest": longest,
    }


_FIELDS = (
    "outcome",
    "label",
    "right",
    "text",
    "length",
    "answer",
    "marks",
    "claimed",
    "form",
    "tokens",
    "finish",
    "prompt",
)
_NOTHING = (-1, -1, None, "", 0, None, None, None, 0, None, -1, -1)


def _replies(
    asked: Sequence[SampleRow], model: int, longest: int, indices: tuple[_Index, _Index, _Index]
) -> list[tuple[object, ...]]:
    """Values of `_FIELDS` for one model's reply to each question."""
    given = [graded for one in asked if (graded := one.replies[model]) is not None]
    marks = iter(mark_all([_said(graded) for graded in given], longest))
    return [
        _NOTHING
        if (graded := one.replies[model]) is None
        else _row(one, graded, next(marks), longest, indices)
        for one in asked
    ]


def _said(graded: Graded) -> MarkedReply:
    prediction = graded.prediction
    return MarkedReply(
        prediction.reply, graded.verdict.action_units, in_answer=not prediction.question.candidate_labels
    )


def _row(
    one: SampleRow, graded: Graded, marks: Marks, longest: int, indices: tuple[_Index, _Index, _Index]
) -> tuple[object, ...]:
    """`text` is the error where the request failed; `length` the whole length where `text` is cut, else 0."""
    prediction, verdict = graded.prediction, graded.verdict
    labels, prompts, finishes = indices
    text = prediction.error if prediction.error is not None else prediction.reply
    # Only what another run was asked in other words is worth a mention.
    other = (
        -1 if prediction.question.prompt == one.question.prompt else prompts.of(prediction.question.prompt)
    )
    return (
        OUTCOMES.index(verdict.outcome),
        labels.label(verdict.label),
        int(graded.correct),
        text[:longest],
        len(text) if len(text) > longest else 0,
        marks.answer,
        marks.units,
        sorted(verdict.action_units),
        int(verdict.well_formed),
        prediction.completion_tokens,
        finishes.label(prediction.finish_reason),
        other,
    )


def cut_for(lengths: Sequence[int], budget: int = TEXT_BUDGET) -> int:
    """The length to which replies of these lengths are cut so that together they keep to `budget`; `LONGEST`
    at most.
    """
    longest = LONGEST
    while longest > 500 and sum(min(length, longest) for length in lengths) > budget:
        longest = longest * 3 // 4
    return longest
