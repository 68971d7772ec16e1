"""THE grader: reply -> Verdict, by protocol `strict`, the same for reward, CoT filter and metric.

Knows the form of a reply and the spellings of labels; not which label is true. The lenient published rule is
`published`.

The rules, in words (`docs/scoring.md` has examples):
- The reply holds exactly one `<answer>` and exactly one `</answer>`, in that order; letter case and blanks
  inside a tag do not matter. Otherwise, or with nothing between them, there is no answer: strict does not
  choose for the model.
- The text between, freed of blanks, surrounding punctuation, quotes and light markup, must equal a candidate
  or a listed spelling of one; letter case and Unicode compatibility forms do not matter. Anything else is off
  the list: `unhappy`, `happy or sad`, `Answer: happy`.
- A spelling that two candidates share names neither, unless it is one candidate's own.
- The AUs that a reply claims are those which its reasoning affirms. A question without candidates asks for
  the AUs themselves: then the answer must list them (`AU6, AU12`, `6, 12`, `none`), and it alone claims.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from unifer.dialogue.au_mentions import listed, mentioned
from unifer.emotions import spellings
from unifer.records import Outcome, Verdict

PROTOCOLS = ("strict", "unifer", "facial-r1")
"""Names of the grading protocols: this module's, that of `published`, and that of `facial_r1`."""

_NO_ALIASES: Mapping[str, Sequence[str]] = MappingProxyType({})
# Possessive, so that a megabyte of blanks after "<" costs one pass.
_TAG = re.compile(r"<\s*+(/?+)\s*+(think|answer)\s*+>", re.IGNORECASE | re.ASCII)
_EXACT = ("<think>", "</think>", "<answer>", "</answer>")
_BLANK = " \t\r\n\f\v\u00a0\u200b\u2060\ufeff"
_QUOTES = "\"'`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
_MARKUP = "*_~#$-\u2013\u2014\u2022\u00b7"
_BEFORE = _BLANK + _QUOTES + _MARKUP + "([{<.,:"
_AFTER = _BLANK + _QUOTES + _MARKUP + ")]}>.,:;!?\u2026\u3001\u3002"
_BOXES = ("\\boxed{", "\\text{")
_LONGEST = 200
_LONGEST_LIST = 4000


class _Tag(NamedTuple):
    name: str
    closes: bool
    start: int
    end: int


def tagged(text: str) -> bool:
    """Whether `text` holds a tag of a reply, `<think>` say, so that it is no bare reasoning."""
    return _TAG.search(text) is not None


def nested(reply: str) -> str | None:
    """The first block that opens within another: `<answer> within <think>`; None: no such block."""
    opened: str | None = None
    for tag in _TAG.finditer(reply):
        if tag[1]:
            opened = None if tag[2].lower() == opened else opened
        elif opened is not None:
            return f"<{tag[2].lower()}> within <{opened}>"
        else:
            opened = tag[2].lower()
    return None


def grade(
    reply: str, candidates: Sequence[str], aliases: Mapping[str, Sequence[str]] = _NO_ALIASES
) -> Verdict:
    """The verdict on one reply to a question with these `candidates`; never `failed`, never raises.

    It takes time linear in the reply's length. `aliases` maps a label to spellings accepted beside those of
    `emotions.SPELLINGS`; labels that are no candidate are ignored.
    """
    tags = [_Tag(m[2].lower(), bool(m[1]), m.start(), m.end()) for m in _TAG.finditer(reply)]
    reasoning = _reasoning(reply, tags)
    answer = _answer(reply, tags)
    if not candidates:
        named = listed(answer) if answer and len(answer) <= _LONGEST_LIST else None
        outcome: Outcome = "answered" if named is not None else "off_list" if answer else "no_answer"
        return Verdict(
            outcome, None, reasoning, bool(answer) and _well_formed(reply, tags), named or frozenset()
        )
    units = mentioned(reasoning)
    if not answer:
        return Verdict("no_answer", None, reasoning, False, units)
    known = _spelled(tuple(candidates), tuple((label, tuple(words)) for label, words in aliases.items()))
    label = known.get(_folded(answer)) if len(answer) <= _LONGEST else None
    return Verdict(
        "off_list" if label is None else "answered", label, reasoning, _well_formed(reply, tags), units
    )


def is_correct(verdict: Verdict, label: str | None) -> bool:
    """Whether a reply names the true `label`, spelled as a candidate of its question; False without a label.

    Reward, CoT filter, synthesis and metric all decide here.
    """
    return label is not None and verdict.outcome == "answered" and verdict.label == label


def _answer(reply: str, tags: list[_Tag]) -> str:
    """Trimmed text of the one answer block; empty where there is not exactly one, or nothing in it."""
    block = [tag for tag in tags if tag.name == "answer"]
    if len(block) != 2 or block[0].closes or not block[1].closes:
        return ""
    return _trimmed(reply[block[0].end : block[1].start])


def _trimmed(text: str) -> str:
    text = text.lstrip(_BEFORE)
    for box in _BOXES:
        text = text.removeprefix(box).lstrip(_BEFORE)
    return text.rstrip(_AFTER)


def _folded(text: str) -> str:
    """The form in which two spellings are compared."""
    if not text.isascii():
        text = _trimmed(unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


@lru_cache(maxsize=1024)
def _spelled(
    candidates: tuple[str, ...], aliases: tuple[tuple[str, tuple[str, ...]], ...]
) -> Mapping[str, str]:
    """Folded spelling -> the candidate that it names, as the question spells it."""
    named: dict[str, set[str]] = {}
    extra = dict(aliases)
    for candidate in candidates:
        for word in (*spellings(candidate), *extra.get(candidate, ())):
            named.setdefault(_folded(_trimmed(word)), set()).add(candidate)
    own: dict[str, set[str]] = {}
    for candidate in candidates:
        own.setdefault(_folded(_trimmed(candidate)), set()).add(candidate)
    return {word: min(labels) for word, labels in (named | own).items() if word and len(labels) == 1}


def _reasoning(reply: str, tags: list[_Tag]) -> str:
    """Text of the think blocks; where there is none, everything outside answer blocks, tags removed."""
    thoughts = _thoughts(tags)
    if thoughts:
        return "\n".join(reply[start:end].strip() for start, end in thoughts)
    return " ".join(reply[start:end] for start, end in _outside(reply, tags)).strip()


def _thoughts(tags: list[_Tag]) -> list[tuple[int, int]]:
    return [(start.end, end.start) for start, end in _blocks(tags, "think")]


def _outside(reply: str, tags: list[_Tag]) -> list[tuple[int, int]]:
    kept, at = [], 0
    holes = [(start.start, end.end) for start, end in _blocks(tags, "answer")] + [
        (tag.start, tag.end) for tag in tags
    ]
    for start, end in sorted(holes):
        kept.append((at, max(at, start)))
        at = max(at, end)
    return [*kept, (at, len(reply))]


class Places(NamedTuple):
    """Where the parts of a reply stand in it: the pieces of its reasoning, and its answer block, if one."""

    reasoning: list[tuple[int, int]]
    answer: tuple[int, int] | None


def places(reply: str) -> Places:
    """The parts of `reply` that `grade` reads, for pages that show them as they were written."""
    tags = [_Tag(m[2].lower(), bool(m[1]), m.start(), m.end()) for m in _TAG.finditer(reply)]
    block = [tag for tag in tags if tag.name == "answer"]
    one = len(block) == 2 and not block[0].closes and block[1].closes
    pieces = _thoughts(tags) or _outside(reply, tags)
    return Places(
        [piece for piece in pieces if piece[0] < piece[1]], (block[0].end, block[1].start) if one else None
    )


def _blocks(tags: list[_Tag], name: str) -> list[tuple[_Tag, _Tag]]:
    """Every opening tag with the first closing tag after it; one inside an open block opens nothing."""
    blocks, opened = [], None
    for tag in tags:
        if tag.name == name:
            if not tag.closes:
                opened = opened or tag
            elif opened is not None:
                blocks.append((opened, tag))
                opened = None
    return blocks


def _well_formed(reply: str, tags: list[_Tag]) -> bool:
    """One think block with something in it, then one answer block, nothing around them.

    Tags are spelled as the prompt spells them.
    """
    if tuple(reply[tag.start : tag.end] for tag in tags) != _EXACT:
        return False
    outside = (reply[: tags[0].start], reply[tags[1].end : tags[2].start], reply[tags[3].end :])
    return not any(text.strip() for text in outside) and bool(_trimmed(reply[tags[0].end : tags[1].start]))
