"""What a reward looks at: one reply, its verdict, and the facts of its row. Also which labels a row lets a reply choose from.

Knows rows and the grader; not what any reward pays. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from unifer.dialogue.answers import grade
from unifer.emotions import EMOTIONS, SPELLINGS, canonical, spelled_in
from unifer.records import RewardRow, Verdict

_SPELLED = re.compile(rf"(?<!\w)({'|'.join(word for words in SPELLINGS.values() for word in words)})(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """One graded reply with what its row says. Make it with `judge`, so that every reward sees the same verdict."""

    reply: str
    verdict: Verdict
    label: str | None
    """The true label, as the row spells it; None where the row has AUs alone."""
    candidate_labels: tuple[str, ...]
    action_units: frozenset[int] | None
    """AUs of the face; None where it was not annotated, which is not the same as none active."""
    completion_tokens: int | None = None
    completion_limit: int | None = None
    """Most tokens a completion may have."""

    @property
    def correct(self) -> bool:
        """The reply's one answer is the row's label, by the protocol `strict`; False for a row without one."""
        if self.label is None:
            return False
        truth = self.label if self.label in self.candidate_labels else spelled_in(self.label, self.candidate_labels)
        return self.verdict.label is not None and self.verdict.label == truth


def judge(
    reply: str,
    label: str | None,
    candidate_labels: Sequence[str],
    action_units: Sequence[int] | None,
    completion_tokens: int | None = None,
    completion_limit: int | None = None,
) -> Case:
    """Grade `reply` against its own row's vocabulary, once for all rewards."""
    candidates = tuple(candidate_labels)
    units = None if action_units is None else frozenset(action_units)
    return Case(reply, grade(reply, candidates), label, candidates, units, completion_tokens, completion_limit)


def vocabulary(row: RewardRow) -> tuple[str, ...]:
    """The labels that `row` lets a reply choose from: its `candidate_labels`, else those that its `problem` offers.

    Offered is every spelling of an emotion that stands in the problem as a word of its own, one an emotion, lower-case, in order of
    appearance. Empty for a row of AUs alone that lists none: it asks for no label. Raises ValueError where there are fewer than two, or
    none of them means the row's label.
    """
    if row.label is None:
        return row.candidate_labels or ()
    if row.candidate_labels is not None:
        labels, source = row.candidate_labels, "'candidate_labels'"
    else:
        labels, source = _offered(row.problem), "'problem'"
    listed = ", ".join(labels) or "no label"
    remedy = "give the row 'candidate_labels'" if row.candidate_labels is None else "list every label that the problem offers"
    if len(labels) < 2:
        raise ValueError(f"{source} offers {listed}; a reply needs at least two labels to choose from: {remedy}")
    if row.label not in labels and spelled_in(row.label, labels) is None:
        known = "" if canonical(row.label) in EMOTIONS else f"; emotions known by name are {', '.join(EMOTIONS)}"
        raise ValueError(f"'solution' {row.label!r} is none of the labels that {source} offers, {listed}{known}; correct it, or {remedy}")
    return labels


def _offered(problem: str) -> tuple[str, ...]:
    by_emotion: dict[str, str] = {}
    for found in _SPELLED.finditer(problem):
        word = found[1].lower()
        by_emotion.setdefault(canonical(word), word)
    return tuple(by_emotion.values())
