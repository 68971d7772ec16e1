"""Which labels a text names, sets aside, and settles on: "Together these suggest fear." -> `"fear"`.

Knows how English weighs labels; not which is true, nor what a good reply is. `prepare/curation/hedging` reads
the same clauses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from unifer.emotions import spellings

_JOINT = (
    r"(?: ?/ ?| ?, (?:and |or |even |maybe |perhaps |possibly |also )*|"
    r" (?:and|or)(?: (?:also|even|maybe|perhaps|possibly|of|else))* )"
)
_NO_DENIAL = re.compile(
    r"\b(?:no (?:doubt|question|wonder)|not (?:only|just|merely)|without (?:a |any )?doubt)\b"
)
_CONTRAST = re.compile(
    r"\b(?:no|not|never|neither|nor|without|lack(?:s|ing)?|absence|absent|than|instead of|unlike|unlikely|"
    r"against|exclud\w+|"
    r"rul\w+ out|distinguish\w*|differ\w*|separat\w*|mistaken|confus\w+|contrast\w*|compared|if|would|"
    r"common to|"
    r"shared (?:by|with)|typical of both)\b|n't\b"
)
_AFTER = re.compile(
    r"(?: (?:both|alone|also|here|face|person|expression|look))*"
    r"(?: (?:is|are|was|were|seems?|do|does|can|could|would|will|has|have)\b| usually| typically| often| "
    r"share)?"
    r"(?:(?: be| been| therefore| thus| both)* (?:not|unlikely|excluded|ruled out|rejected|absent|"
    r"dismissed|less)\b"
    r"| ?n't\b| (?:would|usually|typically|often|share|raises?|involves?|requires?|shows?|includes?|have|"
    r"has)\b)"
    r"| would\b| (?:is|are) not\b"
)
_CLAUSES = re.compile(
    r"(?<=[.!?;\n])\s*|\b(?=but\b|however\b|yet\b|although\b|though\b|while\b|whereas\b)|, (?=and (?:so|"
    r"therefore|thus)\b)"
)
_SETTLES = re.compile(
    r"\b(?:suggest|indicat|point|confirm|conclu|therefore|thus|hence|so\b|decid|settl|choos|tip|favou?r|"
    r"mak|mark|best|clear|most|fit|match|"
    r"character|typical|is\b|as\b|together|overall|rather than|mean|support|show|express|answer)\w*"
)


_NEAR = 160
"""Characters before a label in which what sets it aside may stand."""


class LabelSequence(NamedTuple):
    """Labels in a row, `fear, surprise or anger`: the candidates they name, and where they stand."""

    labels: tuple[str, ...]
    text: str
    start: int
    end: int


class Vocabulary(NamedTuple):
    """Spelling -> candidate, and a pattern of labels in a row."""

    named: Mapping[str, str]
    pattern: re.Pattern[str]

    def runs(self, clause: str) -> list[LabelSequence]:
        """The labels in a row that stand in `clause`, from its start."""
        sequences = []
        words = sorted(self.named, key=len, reverse=True)
        for match in self.pattern.finditer(clause):
            labels = re.findall("|".join(map(re.escape, words)), match[0])
            sequences.append(
                LabelSequence(
                    tuple(dict.fromkeys(self.named[word] for word in labels)),
                    match[0],
                    match.start(),
                    match.end(),
                )
            )
        return sequences


def concluded(
    reasoning: str, candidates: Sequence[str], aliases: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> str | None:
    """The candidate on which `reasoning` settles last; None where no clause names one alone and decides."""
    vocabulary = vocabulary_of(candidates, aliases)
    for clause in reversed(clauses(reasoning)):
        runs = vocabulary.runs(clause)
        if settled(clause, runs):
            return next(label for run in runs if not contrasted(clause, run) for label in run.labels)
    return None


def vocabulary_of(
    candidates: Sequence[str], aliases: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> Vocabulary:
    """How `candidates` may be spelled in a text: as the grader takes them, `aliases` included."""
    return _vocabulary(tuple(candidates), tuple((label, tuple(words)) for label, words in aliases.items()))


@lru_cache(maxsize=256)
def _vocabulary(candidates: tuple[str, ...], aliases: tuple[tuple[str, tuple[str, ...]], ...]) -> Vocabulary:
    extra = dict(aliases)
    named = {
        word.lower(): label for label in candidates for word in (*extra.get(label, ()), *spellings(label))
    }
    one = "(?:" + "|".join(sorted(map(re.escape, named), key=len, reverse=True)) + ")"
    return Vocabulary(named, re.compile(rf"(?<![\w-]){one}(?:{_JOINT}(?:an? |the )?{one})*(?![\w-])"))


def clauses(text: str) -> list[str]:
    """The clauses of `text` in lower case, quotes and marks of emphasis dropped."""
    bare = re.sub(r"[*_\"'`\u2018\u2019\u201c\u201d]+(?!t\b)", "", text.lower().replace("\u2019t", "'t"))
    return _CLAUSES.split(" ".join(bare.split(" ")))


def contrasted(clause: str, run: LabelSequence) -> bool:
    """Whether the clause sets aside the labels of `run`: `rather than fear`, `fear would show AU5`."""
    before = _NO_DENIAL.sub("", clause[max(0, run.start - _NEAR) : run.start])
    return bool(
        _CONTRAST.search(" ".join(before.split(",")[-1].split()[-8:])) or _AFTER.match(clause, run.end)
    )


def settled(clause: str, runs: Sequence[LabelSequence]) -> bool:
    """Whether the clause decides on one label: a word of deciding, and one label that is not contrasted."""
    left = {label for run in runs if not contrasted(clause, run) for label in run.labels}
    return len(left) == 1 and bool(_SETTLES.search(clause))
