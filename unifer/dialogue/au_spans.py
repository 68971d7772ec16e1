"""Where a text speaks of Action Units: what `au_mentions` reads, with places in the text as it was written.

For pages that mark mentions; no score depends on it. It rewrites the text as `au_mentions.readable` does,
step by step, and remembers what moved. Should the two ever differ, nothing is marked: a reader is better off
without a mark than with a wrong one.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from unifer.dialogue.au_mentions import SIDE_ALONE, named_side, readable, statements

_BEYOND_ASCII = re.compile(r"[\s\S]?[^\x00-\x7f]+")
_LONGER_IN_LOWER_CASE = re.compile("\u0130")
_EMPHASIS = re.compile(r"[*`]")
_BLANKS = re.compile(r"\s{2,}|\A\s|\s\Z|[^\S \n]")
_CONTRACTED = re.compile(r"n't|cannot")


class Span(NamedTuple):
    """`text[start:end]` speaks of AU `number`; `active` where it affirms it, else it denies it."""

    start: int
    end: int
    number: int
    active: bool


def spans(text: str) -> tuple[Span, ...]:
    """Every mention of an AU in `text`, in order and without overlap.

    The last one of a number is what `au_mentions.affirmations` reports.
    """
    plain = readable(text)
    if not plain:
        return ()
    traced = _traced(text)
    if traced.text != plain:
        return ()
    marks: list[Span] = []
    for mention, active in statements(plain):
        start, end = traced.origin(mention.start)[0], traced.origin(mention.end - 1)[1]
        start = max(start, marks[-1].end if marks else 0)
        if start < end:
            marks.append(Span(start, end, mention.number, active))
    return tuple(marks)


class _Traced:
    """A text under rewriting; each step keeps where the new piece stands, and where the old one stood."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps: list[list[tuple[int, int, int, int]]] = []

    def sub(self, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]) -> None:
        pieces, edits, at, size = [], [], 0, 0
        for match in pattern.finditer(self.text):
            new = replacement(match)
            if new != match[0]:
                pieces += [self.text[at : match.start()], new]
                start = size + match.start() - at
                size, at = start + len(new), match.end()
                edits.append((start, size, match.start(), at))
        if edits:
            self.text = "".join((*pieces, self.text[at:]))
            self._steps.append(edits)

    def origin(self, at: int) -> tuple[int, int]:
        """Start and end, in the first text, of what became the character at `at`."""
        low = high = at
        for edits in reversed(self._steps):
            low, high = _before(edits, low)[0], _before(edits, high)[1]
        return low, high + 1


def _before(edits: list[tuple[int, int, int, int]], at: int) -> tuple[int, int]:
    """First and last character from which one step made the character at `at`."""
    index = bisect_right(edits, at, key=lambda edit: edit[0]) - 1
    if index < 0:
        return at, at
    _, new_end, old_start, old_end = edits[index]
    if at < new_end:
        return old_start, max(old_start, old_end - 1)
    return at + old_end - new_end, at + old_end - new_end


def _traced(text: str) -> _Traced:
    """The steps of `au_mentions.readable`, one by one."""
    traced = _Traced(text)
    if not text.isascii():
        # A run with the character before it: nothing composes across its ends.
        traced.sub(_BEYOND_ASCII, lambda run: unicodedata.normalize("NFKC", run[0]))
        traced.text = traced.text.replace("\u2019", "'")
    traced.sub(SIDE_ALONE, named_side)
    traced.sub(_LONGER_IN_LOWER_CASE, lambda char: char[0].lower())
    traced.text = traced.text.lower()
    traced.sub(_EMPHASIS, lambda _: "")
    size = len(traced.text)
    traced.sub(_BLANKS, lambda run: _blank(run, size))
    traced.sub(_CONTRACTED, lambda word: " not" if word[0] == "n't" else "can not")
    return traced


def _blank(run: re.Match[str], size: int) -> str:
    if run.start() == 0 or run.end() == size:
        return ""
    return "\n" if "\n" in run[0] else " "
