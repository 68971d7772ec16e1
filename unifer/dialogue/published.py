"""What published work reads in a reply, faults included: protocols `unifer` and `facial-r1`, never a reward.

Both are written from descriptions in words of what the released code returns, to compare with its numbers.
`unifer` (`published_label`) is lenient: `unhappy` reads as happy, a reply without tags is searched for any
candidate in the order of the list, and the fallback words may name a label that was not offered.

`facial-r1`: AUs are the texts `AU<digits>`, in these letters, of the first think block alone, so `AU 12`,
`au12` and an AU that only the answer lists are not read, and a denied AU is. The label is the first word of
the first answer block, or of the whole reply where there is none; nothing but commas, semicolons and blanks
ends a word. The description does not say which of several answer blocks is read, nor how tags may be spelled:
here the first block, tags in any letter case, as its released AU reward reads the think block.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

UNKNOWN = "unknown"
"""What the published rule calls a reply in which it finds nothing."""

_BLANK = re.compile(r"\s*")

ANSWER = (re.compile("<answer>", re.IGNORECASE), re.compile("</answer>", re.IGNORECASE))
THINK = (re.compile("<think>", re.IGNORECASE), re.compile("</think>", re.IGNORECASE))
"""Opening and closing tag of the answer, and of the reasoning."""
_UNIT = re.compile(r"AU\d+")
_WORD = re.compile(r"[^,;\s]+")


def published_label(
    reply: str,
    candidates: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    answer_tag: Literal["one_line", "any_lines"] = "one_line",
) -> str:
    """The label that the published scripts read in `reply`: a candidate, a label of `aliases`, or `unknown`.

    1. In the answer block, the first candidate that the text holds. 2. Otherwise the first that the whole
       reply holds.
    3. Otherwise the first label of `aliases`, in its order, with a word that the whole reply holds. Letter
       case is ignored.
    """
    whole = reply.lower()
    answer = _answer_on_one_line(reply) if answer_tag == "one_line" else _answer_over_lines(reply)
    for text in (whole,) if answer is None else (answer.strip().lower(), whole):
        for candidate in candidates:
            if candidate.lower() in text:
                return candidate
    for label, words in aliases.items():
        if any(word in whole for word in words):
            return label
    return UNKNOWN


def _answer_over_lines(reply: str) -> str | None:
    """First `<answer>...</answer>` in exactly these letters, over any number of lines."""
    start = reply.find("<answer>")
    end = reply.find("</answer>", start)
    return reply[start + len("<answer>") : end] if 0 <= start < end else None


def _answer_on_one_line(reply: str) -> str | None:
    r"""First match of `<answer>\s*(.*?)\s*</answer>`, letter case ignored, its text on one line.

    Blanks around it may span lines.

    Not by that expression itself, which takes cubic time on a long run of blanks without a closing tag.
    """
    starts = [match.start() for match in ANSWER[1].finditer(reply)]
    last_break: dict[int, int] = {}
    for opening in ANSWER[0].finditer(reply):
        # The first closing tag decides: a later one has the same text, and more, before it.
        index = bisect.bisect_left(starts, opening.end())
        if index == len(starts):
            return None
        end = starts[index]
        if index not in last_break:
            last_break[index] = _last_break(reply, opening.end(), end)
        # No line end but among the blanks at the front.
        blank = _BLANK.match(reply, opening.end())
        if blank and blank.end() > last_break[index]:
            return reply[opening.end() : end].strip()
    return None


def _last_break(reply: str, start: int, end: int) -> int:
    """Where the last line end before the blanks at the end of `reply[start:end]` stands; -1: nowhere."""
    while end > start and reply[end - 1].isspace():
        end -= 1
    return reply.rfind("\n", start, end)


def facial_r1_units(reply: str) -> frozenset[str]:
    """The AUs that the released evaluation reads: `{"AU6", "AU12"}`; empty without a think block.

    They are texts, so `AU06` is not AU6.
    """
    return frozenset(_UNIT.findall(next(blocks(reply, THINK), "")))


def facial_r1_written(reply: str) -> frozenset[str]:
    """The AUs that the released synthesis code reads: the same texts, of the whole reply."""
    return frozenset(_UNIT.findall(reply))


def facial_r1_label(reply: str) -> str | None:
    """The first word of the first answer block, else of the reply, to the letter; None: there is no word.

    There the released code stops with an IndexError; here such a reply is wrong.
    """
    word = _WORD.search(next(blocks(reply, ANSWER), reply))
    return word[0] if word else None


def blocks(reply: str, tags: tuple[re.Pattern[str], re.Pattern[str]]) -> Iterator[str]:
    """Text between each opening tag and the first closing tag after it, in linear time, without overlap."""
    opening, closing = tags
    at = 0
    while (start := opening.search(reply, at)) and (end := closing.search(reply, start.end())):
        yield reply[start.end() : end.start()]
        at = end.end()
