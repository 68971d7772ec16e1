"""What Facial-R1's released evaluation reads in a reply (protocol `facial-r1`), for comparison with its
numbers. Never a reward of ours.

Written from a description of what that code returns, faults included: AUs are the texts `AU<digits>`, in
these letters, of the first think block alone, so `AU 12`, `au12` and an AU that only the answer lists are not
read, and a denied AU is. The label is the first word of the first answer block, or of the whole reply where
there is none; nothing but commas, semicolons and blanks ends a word. The description does not say which of
several answer blocks is read, nor how tags may be spelled: here the first block, tags in any letter case, as
its released AU reward reads the think block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ANSWER = (re.compile("<answer>", re.IGNORECASE), re.compile("</answer>", re.IGNORECASE))
THINK = (re.compile("<think>", re.IGNORECASE), re.compile("</think>", re.IGNORECASE))
"""Opening and closing tag of the answer, and of the reasoning."""
_UNIT = re.compile(r"AU\d+")
_WORD = re.compile(r"[^,;\s]+")


def facial_r1_units(reply: str) -> frozenset[str]:
    """The AUs that the released evaluation reads: `{"AU6", "AU12"}`, as texts, so that `AU06` is not AU6;
    empty without a think block.
    """
    return frozenset(_UNIT.findall(next(blocks(reply, THINK), "")))


def facial_r1_written(reply: str) -> frozenset[str]:
    """The AUs that the released synthesis code reads: the same texts, of the whole reply."""
    return frozenset(_UNIT.findall(reply))


def facial_r1_label(reply: str) -> str | None:
    """The first word of the first answer block, else of the reply, to the letter; None where there is no
    word.

    There the released code stops with an IndexError; here such a reply is wrong.
    """
    word = _WORD.search(next(blocks(reply, ANSWER), reply))
    return word[0] if word else None


def blocks(reply: str, tags: tuple[re.Pattern[str], re.Pattern[str]]) -> Iterator[str]:
    """Text between each opening tag and the first closing tag after it, blocks not overlapping; in linear
    time.
    """
    opening, closing = tags
    at = 0
    while (start := opening.search(reply, at)) and (end := closing.search(reply, start.end())):
        yield reply[start.end() : end.start()]
        at = end.end()
