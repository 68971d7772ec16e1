"""The published, lenient grading rule (protocol `unifer`), reproduced for comparison with published numbers.
Never a reward.

Written from the description in words of what the published scripts return, quirks included: `unhappy` reads
as happy, a reply without tags is searched for any candidate in the order of the list, and the fallback words
may name a label that was not offered.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping, Sequence
from typing import Literal

UNKNOWN = "unknown"
"""What the published rule calls a reply in which it finds nothing."""

_OPEN = re.compile("<answer>", re.IGNORECASE)
_CLOSE = re.compile("</answer>", re.IGNORECASE)
_BLANK = re.compile(r"\s*")


def published_label(
    reply: str,
    candidates: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    answer_tag: Literal["one_line", "any_lines"] = "one_line",
) -> str:
    """The label that the published scripts read in `reply`: a candidate, a label of the `aliases` table, or
    `unknown`.

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
    r"""First match of `<answer>\s*(.*?)\s*</answer>`, letter case ignored: blanks may span lines, the text
    between may not.

    Not by that expression itself, which takes cubic time on a long run of blanks without a closing tag.
    """
    starts = [match.start() for match in _CLOSE.finditer(reply)]
    last_break: dict[int, int] = {}
    for opening in _OPEN.finditer(reply):
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
    """Where the last line end before the blanks at the end of `reply[start:end]` stands; -1 if there is
    none.
    """
    while end > start and reply[end - 1].isspace():
        end -= 1
    return reply.rfind("\n", start, end)
