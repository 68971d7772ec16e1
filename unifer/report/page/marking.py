"""Where replies hold their answer and speak of Action Units, as offsets into the text that the page shows.

Knows replies and what the grader found in them; in several processes, for reading 22,000 replies again is
most of the work of a page. Offsets count UTF-16 units, as the page's language does.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from unifer.dialogue.answers import places
from unifer.dialogue.au_spans import Span, spans
from unifer.parallel import in_chunks


class MarkedReply(NamedTuple):
    """A reply, the AUs that the grader says it claims, and whether its answer is where they stand (a question
    of AUs alone).
    """

    reply: str
    units: frozenset[int]
    in_answer: bool


class Marks(NamedTuple):
    """[start, end] of the answer, None without one or behind the cut; start, end, number, affirmed (0 or 1)
    of each AU, flat.
    """

    answer: list[int] | None
    units: list[int]


def mark_all(replies: Sequence[MarkedReply], longest: int, workers: int | None = None) -> list[Marks]:
    """Marks in the first `longest` characters of each reply, in order."""
    work = partial(_marked, longest=longest)
    return [each for chunk in in_chunks(work, replies, workers or os.cpu_count() or 1) for each in chunk]


def _marked(replies: Sequence[MarkedReply], longest: int) -> list[Marks]:
    return [mark(said, longest) for said in replies]


def mark(said: MarkedReply, longest: int) -> Marks:
    """Marks of one reply. Its AUs are marked where the grader read them or, if the marks do not say what it
    read, nowhere.
    """
    reply = said.reply
    parts = places(reply)
    pieces = [parts.answer] if said.in_answer and parts.answer else parts.reasoning
    found = [
        Span(at + span.start, at + span.end, span.number, span.active)
        for at, end in pieces
        for span in spans(reply[at:end])
    ]
    if frozenset(span.number for span in _last_words(found) if span.active) != said.units:
        found = []
    unit = _Utf16(reply[:longest])
    answer = (
        None if parts.answer is None or parts.answer[1] > longest else [unit(place) for place in parts.answer]
    )
    kept = [span for span in found if span.end <= longest]
    return Marks(
        answer,
        [
            value
            for span in kept
            for value in (unit(span.start), unit(span.end), span.number, int(span.active))
        ],
    )


def _last_words(found: Iterable[Span]) -> Iterable[Span]:
    return {span.number: span for span in found}.values()


class _Utf16:
    """Character offset -> UTF-16 offset."""

    def __init__(self, text: str) -> None:
        self._wide = [] if text.isascii() else [at for at, char in enumerate(text) if char > "\uffff"]

    def __call__(self, at: int) -> int:
        return at + bisect_left(self._wide, at)
