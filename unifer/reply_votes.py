"""One sampled reply of several to a question, as a prediction row keeps it, with JSON in and out.

Knows what is stored; which reply stands for the row, and how sure all are together, is `dialogue/votes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unifer import fields

OUTCOMES = ("answered", "off_list", "no_answer")
"""What the strict grader may say of a vote; one that failed makes its whole row a failure."""


@dataclass(frozen=True, slots=True)
class ReplyVote:
    """One vote: the reply as it came, and the strict verdict on it when it came."""

    reply: str
    label: str | None
    """The candidate that it names; None unless `outcome` is `answered`."""
    outcome: str
    action_units: tuple[int, ...] = ()
    """The AUs that its reasoning claims."""
    finish_reason: str | None = None
    completion_tokens: int | None = None

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {"label": self.label, "outcome": self.outcome}
        row |= {"AUs": [f"AU{number}" for number in self.action_units], "model_response": self.reply}
        measured = {"finish_reason": self.finish_reason, "completion_tokens": self.completion_tokens}
        return row | {name: value for name, value in measured.items() if value is not None}


def read_votes(row: Mapping[str, Any], candidates: Sequence[str]) -> tuple[ReplyVote, ...]:
    """The votes in the field `replies` of a prediction row; none where it has no such field.

    Raises ValueError: no list of two or more votes, or a label that is none of the `candidates`.
    """
    votes = row.get("replies")
    if votes is None:
        return ()
    if not isinstance(votes, list) or len(votes) < 2:
        raise ValueError(f"'replies' must be a list of two or more votes, not {fields.short(votes)}")
    return tuple(_vote(vote, f"'replies', vote {at}", candidates) for at, vote in enumerate(votes, 1))


def _vote(raw: Any, place: str, candidates: Sequence[str]) -> ReplyVote:
    try:
        fields.check(
            raw, ("label", "outcome", "AUs", "model_response"), ("finish_reason", "completion_tokens")
        )
        outcome = fields.one_of(raw, "outcome", OUTCOMES, "answered")
        label = fields.optional_text(raw, "label")
        if label is not None and label not in candidates:
            raise ValueError(
                f"'label' {label!r} is not among its candidate_labels {fields.named(candidates)}"
            )
        if (label is not None) != (outcome == "answered"):
            raise ValueError(
                f"'outcome' {outcome!r} beside the label {label!r}; only an answered vote has one"
            )
        if not isinstance(raw["model_response"], str):
            raise ValueError(f"'model_response' must be a string, not {fields.short(raw['model_response'])}")
        return ReplyVote(
            raw["model_response"],
            label,
            outcome,
            fields.action_units(raw["AUs"]) or (),
            fields.note(raw, "finish_reason"),
            fields.count(raw, "completion_tokens"),
        )
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
