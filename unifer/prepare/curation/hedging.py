"""Does reasoning settle on several labels, or on which one? `hedging("It is a mix of fear and surprise.", "fear", labels)` ->
`"fear and surprise"`; `concluded("Together these suggest fear.", labels)` -> `"fear"`.

Knows how English weighs labels; not which is true, except that naming the known one is no alternative to itself.

The rules, in words:
- Shown at once is a hedge wherever it stands: `a mix of fear and surprise`, `suggests fear and surprise`.
- An open choice is one unless what follows settles it on one label: `either fear or surprise`, `could also be surprise`,
  `between fear and surprise`, `fear/surprise`. `It could be surprise, but AU20 points to fear` has decided, and passes.
- Contrast is none: `rather than fear or anger`, `no sign of fear or disgust`, `fear or surprise would show AU5`.
- Four labels or more in a row are the list that the question shows, or an enumeration, and none either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from unifer.emotions import spellings

_LIST_FROM = 4

_JOINT = r"(?: ?/ ?| ?, (?:and |or |even |maybe |perhaps |possibly |also )*| (?:and|or)(?: (?:also|even|maybe|perhaps|possibly|of|else))* )"
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
_NO_DENIAL = re.compile(r"\b(?:no (?:doubt|question|wonder)|not (?:only|just|merely)|without (?:a |any )?doubt)\b")
_CONTRAST = re.compile(
    r"\b(?:no|not|never|neither|nor|without|lack(?:s|ing)?|absence|absent|than|instead of|unlike|unlikely|against|exclud\w+|"
    r"rul\w+ out|distinguish\w*|differ\w*|separat\w*|mistaken|confus\w+|contrast\w*|compared|if|would|common to|"
    r"shared (?:by|with)|typical of both)\b|n't\b"
)
_AFTER = re.compile(
    r"(?: (?:both|alone|also|here|face|person|expression|look))*"
    r"(?: (?:is|are|was|were|seems?|do|does|can|could|would|will|has|have)\b| usually| typically| often| share)?"
    r"(?:(?: be| been| therefore| thus| both)* (?:not|unlikely|excluded|ruled out|rejected|absent|dismissed|less)\b"
    r"| ?n't\b| (?:would|usually|typically|often|share|raises?|involves?|requires?|shows?|includes?|have|has)\b)"
    r"| would\b| (?:is|are) not\b"
)
_CLAUSES = re.compile(
    r"(?<=[.!?;\n])\s*|\b(?=but\b|however\b|yet\b|although\b|though\b|while\b|whereas\b)|, (?=and (?:so|therefore|thus)\b)"
)
_SETTLES = re.compile(
    r"\b(?:suggest|indicat|point|confirm|conclu|therefore|thus|hence|so\b|decid|settl|choos|tip|favou?r|mak|mark|best|clear|most|fit|match|"
    r"character|typical|is\b|as\b|together|overall|rather than|mean|support|show|express|answer)\w*"
)


class _Run(NamedTuple):
    """Labels in a row, `fear, surprise or anger`: the candidates they name, and where they stand."""

    labels: tuple[str, ...]
    text: str
    start: int
    end: int


def hedging(
    reasoning: str,
    known: str,
    candidates: Sequence[str],
    aliases: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str | None:
    """The first words of `reasoning`, in lower case, in which it leaves several of `candidates` standing; None where none do."""
    named, pattern = _names(tuple(candidates), tuple((label, tuple(words)) for label, words in aliases.items()))
    clauses = _CLAUSES.split(_plain(reasoning))
    open_choice: str | None = None
    for clause in clauses:
        runs = _runs(clause, named, pattern)
        if any(_shown_at_once(clause, run) for run in runs):
            return next(run.text for run in runs if _shown_at_once(clause, run))
        left = next((run.text for run in runs if _left_open(clause, run, known)), None)
        if left is not None:
            open_choice = left
        elif open_choice is not None and _settled(clause, runs):
            open_choice = None
    return open_choice


def concluded(reasoning: str, candidates: Sequence[str], aliases: Mapping[str, Sequence[str]] = MappingProxyType({})) -> str | None:
    """The candidate on which `reasoning` settles last, in a clause that decides; None where no clause names one alone and decides."""
    named, pattern = _names(tuple(candidates), tuple((label, tuple(words)) for label, words in aliases.items()))
    for clause in reversed(_CLAUSES.split(_plain(reasoning))):
        runs = _runs(clause, named, pattern)
        if _settled(clause, runs):
            return next(label for run in runs if not _contrasted(clause, run) for label in run.labels)
    return None


def _plain(reasoning: str) -> str:
    """Lower case, quotes and marks of emphasis dropped."""
    return " ".join(re.sub(r"[*_\"'`\u2018\u2019\u201c\u201d]+(?!t\b)", "", reasoning.lower().replace("\u2019t", "'t")).split(" "))


@lru_cache(maxsize=256)
def _names(candidates: tuple[str, ...], aliases: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Mapping[str, str], re.Pattern[str]]:
    """Spelling -> candidate, and a pattern of labels in a row."""
    extra = dict(aliases)
    named = {word.lower(): label for label in candidates for word in (*extra.get(label, ()), *spellings(label))}
    one = "(?:" + "|".join(sorted(map(re.escape, named), key=len, reverse=True)) + ")"
    return named, re.compile(rf"(?<![\w-]){one}(?:{_JOINT}(?:an? |the )?{one})*(?![\w-])")


def _runs(clause: str, named: Mapping[str, str], pattern: re.Pattern[str]) -> list[_Run]:
    found = []
    for match in pattern.finditer(clause):
        words = sorted(named, key=len, reverse=True)
        labels = re.findall("|".join(map(re.escape, words)), match[0])
        found.append(_Run(tuple(dict.fromkeys(named[word] for word in labels)), match[0], match.start(), match.end()))
    return found


def _contrasted(clause: str, run: _Run) -> bool:
    before = _NO_DENIAL.sub("", clause[: run.start])
    return bool(_CONTRAST.search(" ".join(before.split(",")[-1].split()[-8:])) or _AFTER.match(clause, run.end))


def _several(run: _Run) -> bool:
    return 1 < len(run.labels) < _LIST_FROM


def _shown_at_once(clause: str, run: _Run) -> bool:
    """`a mix of fear and surprise`, `fear and surprise are both visible`."""
    if not _several(run) or " or " in run.text or "/" in run.text or _contrasted(clause, run):
        return False
    return bool(_MIX.search(clause[: run.start]) or _ALSO_SHOWN.match(clause, run.end))


def _left_open(clause: str, run: _Run, known: str) -> bool:
    """`either fear or surprise`, `fear/surprise`, `could also be surprise` where fear is known."""
    if _contrasted(clause, run):
        return False
    before = clause[: run.start]
    if _several(run):
        return " or " in run.text or "/" in run.text or bool(_BETWEEN.search(before))
    return run.labels != (known,) and len(run.labels) == 1 and bool(_OPEN.search(before))


def _settled(clause: str, runs: Sequence[_Run]) -> bool:
    """Whether the clause decides on one label: a word of deciding, and one label that is not contrasted."""
    left = {label for run in runs if not _contrasted(clause, run) for label in run.labels}
    return len(left) == 1 and bool(_SETTLES.search(clause))
