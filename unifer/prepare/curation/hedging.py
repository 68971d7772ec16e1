"""Does reasoning settle on several labels? `hedging("It is a mix of fear and surprise.", "fear", labels)` ->
`"fear and surprise"`.

Knows how alternatives are left standing (`dialogue/label_mentions` finds the labels); naming the known label
is no alternative to itself.

The rules, in words:
- Shown at once is a hedge wherever it stands: `a mix of fear and surprise`, `suggests fear and surprise`.
- An open choice is one unless what follows settles it on one label: `either fear or surprise`, `could also be
  surprise`, `between fear and surprise`, `fear/surprise`. `It could be surprise, but AU20 points to fear` has
  decided, and passes.
- Contrast is none: `rather than fear or anger`, `no sign of fear or disgust`, `fear or surprise would show
  AU5`.
- Four labels or more in a row are the list that the question shows, or an enumeration, and none either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from unifer.dialogue.label_mentions import LabelSequence, clauses, contrasted, settled, vocabulary_of

_LIST_FROM = 4

_MIX = re.compile(
    r"(?:(?:mix(?:ture|ed)?|blend(?:s|ed|ing)?|combination|combines?|combining|fusion|coexist\w*|simultaneous\w*)(?: (?:of|between))?"
    r"|(?:suggest|indicat|show|express|convey|reflect|display|communicat|signal|reveal|point)\w*(?: to| towards?)?)"
    r"(?: both)?(?: feelings of)? $"
)
_ALSO_SHOWN = re.compile(
    r" (?:are|is) (?:both )?(?:present|visible|shown|expressed|displayed|possible|plausible|likely|apparent)\b(?! in\b)"
)
_BETWEEN = re.compile(r"\b(?:between|either|whether)(?: \w+){0,2} $")
_OPEN = re.compile(
    r"\b(?:(?:could|may|might|can) (?:also |equally |instead |possibly |perhaps |even |well |alternatively )*"
    r"(?:be|suggest|indicate|mean|reflect|signal|point to)"
    r"|(?:possibly|perhaps|maybe|potentially|alternatively)|also (?:suggests?|indicates?|shows?|points? to|resembles?|fits?)"
    r"|(?:is|seems?|looks?) also|(?:hints?|touch|traces?|tinges?|elements?|undertones?|shades?) of|tinged with)"
    r"(?: (?:a|an|the|some|of|read as|seen as|interpreted as|slight|mild|subtle))* $"
)


def hedging(
    reasoning: str,
    known: str,
    candidates: Sequence[str],
    aliases: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str | None:
    """The first words of `reasoning`, in lower case, in which it leaves several of `candidates` standing;
    None where none do.
    """
    vocabulary = vocabulary_of(candidates, aliases)
    open_choice: str | None = None
    for clause in clauses(reasoning):
        runs = vocabulary.runs(clause)
        if any(_shown_at_once(clause, run) for run in runs):
            return next(run.text for run in runs if _shown_at_once(clause, run))
        left = next((run.text for run in runs if _left_open(clause, run, known)), None)
        if left is not None:
            open_choice = left
        elif open_choice is not None and settled(clause, runs):
            open_choice = None
    return open_choice


def _several(run: LabelSequence) -> bool:
    return 1 < len(run.labels) < _LIST_FROM


def _shown_at_once(clause: str, run: LabelSequence) -> bool:
    """`a mix of fear and surprise`, `fear and surprise are both visible`."""
    if not _several(run) or " or " in run.text or "/" in run.text or contrasted(clause, run):
        return False
    return bool(_MIX.search(clause[: run.start]) or _ALSO_SHOWN.match(clause, run.end))


def _left_open(clause: str, run: LabelSequence, known: str) -> bool:
    """`either fear or surprise`, `fear/surprise`, `could also be surprise` where fear is known."""
    if contrasted(clause, run):
        return False
    before = clause[: run.start]
    if _several(run):
        return " or " in run.text or "/" in run.text or bool(_BETWEEN.search(before))
    return run.labels != (known,) and len(run.labels) == 1 and bool(_OPEN.search(before))
