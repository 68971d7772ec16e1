"""What a reward looks at: one reply, its verdict, and the facts of its row.

Knows rows and the grader; not what any reward pays. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unifer.dialogue.answers import grade
from unifer.emotions import spelled_in
from unifer.records import Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One graded reply with what its row says. Make it with `judge`, so that every reward sees the same
    verdict.
    """

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
        """The reply's one answer is the row's label, by the protocol `strict`; False for a row without
        one.
        """
        if self.label is None:
            return False
        truth = (
            self.label
            if self.label in self.candidate_labels
            else spelled_in(self.label, self.candidate_labels)
        )
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
    return Case(
        reply, grade(reply, candidates), label, candidates, units, completion_tokens, completion_limit
    )
