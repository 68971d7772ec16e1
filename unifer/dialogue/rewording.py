"""A reply with one AU of its reasoning changed, cut where the model is to go on from there.

Edits are made where the AUs stand, and kept only where the text then claims exactly the AUs meant. Knows
texts and AUs; which answer comes of them is `continuations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from unifer.action_units import ACTION_UNITS, PROTOTYPES
from unifer.au_reader import read_units
from unifer.dialogue.answers import places
from unifer.dialogue.au_mentions import mentioned
from unifer.dialogue.au_spans import Span, spans
from unifer.dialogue.label_mentions import vocabulary_of

EditKind = Literal["none", "deleted", "changed", "added"]
EDITS: tuple[EditKind, ...] = ("none", "deleted", "changed", "added")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_JOINTS = (re.compile(r"^(?:\s*,\s*(?:and\s+)?|\s+and\s+)"), re.compile(r"(?:\s*,\s*(?:and\s+)?|\s+and\s+)$"))
_EMPTY_FIELD = re.compile(r":\s*$")
_KNOWN = tuple(sorted({number for units in PROTOTYPES.values() for number in units}))


class Edit(NamedTuple):
    """One change of a reply's reasoning: `start` is the reply up to where the model goes on."""

    kind: EditKind
    unit: int | None
    """The AU deleted, changed into another, or added; None for no edit."""
    start: str
    reading: str
    """What the rule-based reader makes of the AUs then claimed."""
    core: bool
    """The reader read the reply's own claims otherwise."""


def edits_of(reply: str, candidates: Sequence[str]) -> list[Edit]:
    """At most one edit of each kind, core and not core, and the reply unedited; empty where none is possible.

    None is possible where the reasoning is no single block, claims no AU, or names a label before its last
    AU: what follows would depend on that word and not on the AU.
    """
    at = places(reply)
    if len(at.reasoning) != 1 or at.answer is None or at.answer[0] < at.reasoning[0][1]:
        return []
    begin, end = at.reasoning[0]
    thought = reply[begin:end]
    marks = spans(thought)
    if not any(mark.active for mark in marks):
        return []
    last = _named_end(thought, marks[-1])
    stop = _SENTENCE_END.search(thought, last)
    cut = stop.end() if stop else last
    seen = thought[:cut]
    if vocabulary_of(tuple(candidates)).pattern.search(seen.lower()):
        return []
    own = mentioned(seen)
    before = read_units(own)
    chosen = {("none", False): Edit("none", None, reply[:begin] + seen, before.emotion, False)}
    for kind, unit, text, wanted in _changes(seen, marks, own):
        after = read_units(wanted)
        core = after.emotion != before.emotion
        if (kind, core) not in chosen and mentioned(text) == wanted and (after.clear or not core):
            chosen[kind, core] = Edit(kind, unit, reply[:begin] + text, after.emotion, core)
    return list(chosen.values())


def _changes(
    text: str, marks: Sequence[Span], own: frozenset[int]
) -> Iterator[tuple[EditKind, int, str, frozenset[int]]]:
    """(kind, AU, the text then, the AUs it should claim): core AUs of emotions come first."""
    once = [mark for mark in marks if mark.active and sum(each.number == mark.number for each in marks) == 1]
    for mark in once:
        start, end = mark.start, _named_end(text, mark)
        yield "deleted", mark.number, _without(text, start, end), own - {mark.number}
        for other in _neighbours(mark.number, own):
            named = f"AU{other} {ACTION_UNITS[other].name}"
            yield "changed", mark.number, text[:start] + named + text[end:], own - {mark.number} | {other}
            yield "added", other, f"{text[:end]}, {named}{text[end:]}", own | {other}


def _neighbours(number: int, own: frozenset[int]) -> list[int]:
    """AUs of the same facial region that the text does not claim."""
    unit = ACTION_UNITS.get(number)
    same = [n for n in _KNOWN if unit is not None and ACTION_UNITS[n].region == unit.region]
    return [n for n in same if n not in own]


def _named_end(text: str, mark: Span) -> int:
    """Where a mention ends, the AU's name behind it included: all of `AU12 lip corner puller`."""
    unit = ACTION_UNITS.get(mark.number)
    behind = re.compile(rf"\s+{unit.name}", re.IGNORECASE).match(text, mark.end) if unit else None
    return behind.end() if behind else mark.end


def _without(text: str, start: int, end: int) -> str:
    """`text` without a mention and one joint of its list; a field left empty is at rest."""
    before, after = text[:start], text[end:]
    if joint := _JOINTS[0].match(after):
        return before + after[joint.end() :]
    if joint := _JOINTS[1].search(before):
        return before[: joint.start()] + after
    return before.rstrip() + " at rest" + after if _EMPTY_FIELD.search(before) else before + after.lstrip()
