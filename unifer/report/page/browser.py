"""Rows of the page's sample browser: every question once, with the reply of each model and the marks in it.

Knows graded predictions; not how they look. Replies stay text throughout: they are cut where they are
immense, and never interpreted. Marks are offsets into the text, found in several processes, for reading
22,000 replies again is most of the work of a page. They count UTF-16 units, as the page's language does.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from unifer.dialogue.answers import places
from unifer.dialogue.au_spans import Span, spans
from unifer.emotions import canonical
from unifer.evaluate.grading import Graded
from unifer.evaluate.scoring import DatasetScores
from unifer.parallel import in_chunks
from unifer.records import OUTCOMES, Json, Question

LONGEST = 20_000
"""Characters of a reply that the page holds at most."""
TEXT_BUDGET = 40_000_000
"""Characters of all replies together, so that a browser can hold the page; each is cut to keep to it."""
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
_NO_REPLY = (-1, -1, None, "", 0, None, None, None, 0, None, -1, -1)


@dataclass
class SampleRow:
    """One question of dataset number `dataset`, and the reply of each model, None where it has none."""

    dataset: int
    question: Question
    replies: list[Graded | None]

    @property
    def telling(self) -> int:
        """0 where the models disagree, 1 where one is wrong, 2 where all are right: what to look at first."""
        answers = {
            (reply.verdict.outcome, reply.verdict.label) for reply in self.replies if reply is not None
        }
        if len(answers) > 1:
            return 0
        return 2 if all(reply is None or reply.correct for reply in self.replies) else 1


def gather(
    results: Sequence[DatasetScores], models: Sequence[str], datasets: Sequence[str]
) -> list[SampleRow]:
    """Each question of each dataset once, in the order of the first run that has it.

    Questions of one key that differ stand apart.
    """
    rows: dict[tuple[object, ...], SampleRow] = {}
    for result in results:
        dataset, model = datasets.index(result.spec.name), models.index(result.run.name)
        for graded in result.graded:
            question = graded.prediction.question
            key = (dataset, question.key, question.true_label, question.action_units)
            rows.setdefault(key, SampleRow(dataset, question, [None] * len(models))).replies[model] = graded
    return sorted(rows.values(), key=lambda row: row.dataset)


@dataclass
class _Index:
    """Values numbered in the order in which they come; None is -1."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, value: str | None) -> int:
        return -1 if value is None else self.numbers.setdefault(value, len(self.numbers))


@dataclass
class _Columns:
    """What the columns of all models share: texts by number, and where replies are cut."""

    longest: int
    labels: _Index = field(default_factory=_Index)
    prompts: _Index = field(default_factory=_Index)
    finishes: _Index = field(default_factory=_Index)


def samples_json(rows: Sequence[SampleRow]) -> Json:
    """Columns for the page, a value per question; those of a model's replies under its number."""
    lengths = [len(reply.prediction.reply) for row in rows for reply in row.replies if reply is not None]
    shared = _Columns(cut_for(lengths))
    questions = [row.question for row in rows]
    columns: Json = {
        "dataset": [row.dataset for row in rows],
        "key": [question.key for question in questions],
        "image": [question.image_path for question in questions],
        "truth": [shared.labels.of(question.true_label) for question in questions],
        "prompt": [shared.prompts.of(question.prompt) for question in questions],
        "units": [
            None if question.action_units is None else list(question.action_units) for question in questions
        ],
        "coded": [None if question.coded is None else sorted(question.coded) for question in questions],
        "reference": [question.reference for question in questions],
    }
    replies = [_replies(rows, model, shared) for model in range(len(rows[0].replies) if rows else 0)]
    return {
        "outcomes": list(OUTCOMES),
        "questions": columns,
        "replies": [{name: [row[at] for row in each] for at, name in enumerate(_FIELDS)} for each in replies],
        "labels": list(shared.labels.numbers),
        "emotions": [canonical(label) for label in shared.labels.numbers],
        "prompts": list(shared.prompts.numbers),
        "finishes": list(shared.finishes.numbers),
        "longest": shared.longest,
    }


def _replies(rows: Sequence[SampleRow], model: int, shared: _Columns) -> list[tuple[object, ...]]:
    """Values of `_FIELDS` for one model's reply to each question."""
    replies = [
        MarkedReply(
            graded.prediction.reply,
            graded.verdict.action_units,
            in_answer=not graded.prediction.question.candidate_labels,
        )
        for row in rows
        if (graded := row.replies[model]) is not None
    ]
    marks = iter(mark_all(replies, shared.longest))
    return [
        _NO_REPLY
        if (graded := row.replies[model]) is None
        else _reply(row.question, graded, next(marks), shared)
        for row in rows
    ]


def _reply(question: Question, graded: Graded, marks: Marks, shared: _Columns) -> tuple[object, ...]:
    """`text` is the error where the request failed; `length` the whole length where `text` is cut, else 0."""
    prediction, verdict = graded.prediction, graded.verdict
    text = prediction.error if prediction.error is not None else prediction.reply
    # The prompt of this run is worth a mention only where another run was asked in other words.
    prompt = None if prediction.question.prompt == question.prompt else prediction.question.prompt
    return (
        OUTCOMES.index(verdict.outcome),
        shared.labels.of(verdict.label),
        int(graded.correct),
        text[: shared.longest],
        len(text) if len(text) > shared.longest else 0,
        marks.answer,
        marks.units,
        sorted(verdict.action_units),
        int(verdict.well_formed),
        prediction.completion_tokens,
        shared.finishes.of(prediction.finish_reason),
        shared.prompts.of(prompt),
    )


def cut_for(lengths: Sequence[int], budget: int = TEXT_BUDGET) -> int:
    """The length at which to cut replies of these lengths to keep to `budget` together; `LONGEST` at most."""
    longest = LONGEST
    while longest > 500 and sum(min(length, longest) for length in lengths) > budget:
        longest = longest * 3 // 4
    return longest


class MarkedReply(NamedTuple):
    """A reply, its AUs by the grader, and whether they stand in its answer (a question of AUs alone)."""

    text: str
    units: frozenset[int]
    in_answer: bool


class Marks(NamedTuple):
    """Offsets into the text of a reply.

    `answer` is [start, end], None without an answer or behind the cut. `units` is flat: start, end, number,
    affirmed (0 or 1) of each AU.
    """

    answer: list[int] | None
    units: list[int]


def mark_all(replies: Sequence[MarkedReply], longest: int, workers: int | None = None) -> list[Marks]:
    """Marks in the first `longest` characters of each reply, in order."""
    work = partial(_mark_chunk, longest=longest)
    return [each for chunk in in_chunks(work, replies, workers or os.cpu_count() or 1) for each in chunk]


def _mark_chunk(replies: Sequence[MarkedReply], longest: int) -> list[Marks]:
    return [mark(reply, longest) for reply in replies]


def mark(reply: MarkedReply, longest: int) -> Marks:
    """Marks of one reply.

    Its AUs are marked where the grader read them or, if the marks do not say what the grader read, nowhere.
    """
    parts = places(reply.text)
    pieces = [parts.answer] if reply.in_answer and parts.answer else parts.reasoning
    marked = [
        Span(at + span.start, at + span.end, span.number, span.active)
        for at, end in pieces
        for span in spans(reply.text[at:end])
    ]
    # The grader goes by the last word on an AU; other readings of the text would mark what it did not count.
    last = {span.number: span for span in marked}.values()
    if frozenset(span.number for span in last if span.active) != reply.units:
        marked = []
    unit = _Utf16(reply.text[:longest])
    answer = parts.answer if parts.answer is not None and parts.answer[1] <= longest else None
    return Marks(
        None if answer is None else [unit(place) for place in answer],
        [
            value
            for span in marked
            if span.end <= longest
            for value in (unit(span.start), unit(span.end), span.number, int(span.active))
        ],
    )


class _Utf16:
    """Character offset -> UTF-16 offset."""

    def __init__(self, text: str) -> None:
        self._wide = [] if text.isascii() else [at for at, char in enumerate(text) if char > "\uffff"]

    def __call__(self, at: int) -> int:
        return at + bisect_left(self._wide, at)
