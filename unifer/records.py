"""What flows between the stages: each record is a small frozen type with JSON in and out.

Knows fields, types and how a row is spelled on disk; not where files lie (`files`), nor what a good reply is
(`dialogue/answers`). `from_json` raises ValueError with the field, its value and what is allowed;
`files.read_records` adds file and row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from unifer import fields

Json = dict[str, Any]
Outcome = Literal["answered", "off_list", "no_answer", "failed"]
OWN_FOLDS = "own folds"
"""What rows say of folds that this project made, since no published assignment was given."""
OUTCOMES: tuple[Outcome, ...] = ("answered", "off_list", "no_answer", "failed")


@dataclass(frozen=True, slots=True)
class Question:
    """One benchmark row: which of `candidate_labels` does the face in `image_path` show?

    `key` is unique within a file.

    Where the dataset codes AUs and no emotion, it asks for the AUs: `true_label` is None (`null`),
    `candidate_labels` empty.
    """

    image_path: str
    true_label: str | None
    prompt: str
    candidate_labels: tuple[str, ...]
    id: str | None = None
    dataset: str | None = None
    action_units: tuple[int, ...] | None = None
    provenance: Json | None = None
    votes: dict[str, int] | None = None
    """How many people named which emotion (or nothing, `unknown` and `NF`), where the dataset says so."""

    @property
    def key(self) -> str:
        return self.id or self.image_path

    @property
    def subject(self) -> str | None:
        """The person shown, where the dataset tells: faces of one person are no independent trials."""
        found = (self.provenance or {}).get("subject")
        return None if found is None else str(found)

    @property
    def fold(self) -> str | None:
        """The fold in which the subject is tested on, such as `1/3`, where subjects are in folds."""
        found = (self.provenance or {}).get("fold")
        return None if found is None else str(found)

    @property
    def folds(self) -> str | None:
        """Whose folds these are: `OWN_FOLDS`, or the file that assigns them."""
        found = (self.provenance or {}).get("folds")
        return None if found is None else str(found)

    @property
    def reference(self) -> str | None:
        """The dataset's own description of the face, which a reply's reasoning can be compared with."""
        found = (self.provenance or {}).get("description")
        return found if isinstance(found, str) and found.strip() else None

    @property
    def coded(self) -> frozenset[int] | None:
        """The AUs that coders looked for on this face, present or absent; None: every AU."""
        found = (self.provenance or {}).get("coded")
        return None if found is None else frozenset(fields.action_units(found) or ())

    @classmethod
    def from_json(cls, row: Any) -> Self:
        fields.check(
            row,
            ("image_path", "true_label", "prompt", "candidate_labels"),
            ("id", "dataset", "AUs", "votes", "provenance"),
        )
        units = fields.action_units(row.get("AUs"))
        truth = None if row["true_label"] is None else fields.text(row, "true_label")
        if truth is None and units is None:
            raise ValueError(
                "'true_label' is null and the row has no 'AUs': nothing could be scored; give it a "
                "label, or its AUs"
            )
        labels = (
            () if truth is None and row["candidate_labels"] == [] else fields.labels(row["candidate_labels"])
        )
        if truth is None and labels:
            raise ValueError(
                "'true_label' is null beside the candidate_labels "
                f"{fields.named(labels)}; a question of AUs has none: []"
            )
        if truth is not None and truth not in labels:
            raise ValueError(
                f"'true_label' {truth!r} is not among its candidate_labels {fields.named(labels)}"
            )
        made = cls(
            image_path=fields.text(row, "image_path"),
            true_label=truth,
            prompt=fields.text(row, "prompt"),
            candidate_labels=labels,
            id=fields.optional_text(row, "id"),
            dataset=fields.optional_text(row, "dataset"),
            action_units=units,
            provenance=fields.provenance(row),
            votes=fields.votes(row),
        )
        uncoded = set(units or ()) - made.coded if made.coded is not None else set()
        if uncoded:
            raise ValueError(
                f"AU{min(uncoded)} is among 'AUs' but not among provenance.coded, the AUs that were "
                "looked for"
            )
        return made

    def to_json(self) -> Json:
        row: Json = {
            "image_path": self.image_path,
            "true_label": self.true_label,
            "prompt": self.prompt,
            "candidate_labels": list(self.candidate_labels),
        }
        return fields.compact(
            row,
            self.action_units,
            id=self.id,
            dataset=self.dataset,
            votes=self.votes,
            provenance=self.provenance,
        )


_TRAINING_FIELDS = ("id", "dataset", "candidate_labels", "AUs", "provenance")
_TAGGED = re.compile(r"\s*<answer>(.*?)</answer>\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class CoTRow:
    """One supervised row: the reply, reasoning and answer, that the model learns to give to `question`."""

    image_path: str
    question: str
    response: str
    id: str | None = None
    dataset: str | None = None
    candidate_labels: tuple[str, ...] | None = None
    action_units: tuple[int, ...] | None = None
    provenance: Json | None = None

    @classmethod
    def from_json(cls, row: Any) -> Self:
        fields.check(row, ("image_path", "question", "response"), _TRAINING_FIELDS)
        return cls(
            fields.text(row, "image_path"),
            fields.text(row, "question"),
            fields.text(row, "response"),
            **_training_extras(row),
        )

    def to_json(self) -> Json:
        row: Json = {"image_path": self.image_path, "question": self.question, "response": self.response}
        return _with_training_extras(row, self)


@dataclass(frozen=True, slots=True)
class RewardRow:
    """One reward row: `solution` is the label that a rollout of `problem` must reach, bare or tagged.

    None (`null` on disk) where the dataset codes AUs and no emotion: then the AUs alone are verifiable, and
    must be there.
    """

    image_path: str
    problem: str
    solution: str | None
    id: str | None = None
    dataset: str | None = None
    candidate_labels: tuple[str, ...] | None = None
    action_units: tuple[int, ...] | None = None
    provenance: Json | None = None

    @property
    def key(self) -> str:
        return self.id or self.image_path

    @property
    def label(self) -> str | None:
        """The bare label: `<answer>happy</answer>` -> `happy`."""
        if self.solution is None:
            return None
        match = _TAGGED.fullmatch(self.solution)
        return (match[1] if match else self.solution).strip()

    @classmethod
    def from_json(cls, row: Any) -> Self:
        fields.check(row, ("image_path", "problem", "solution"), _TRAINING_FIELDS)
        solution = None if row["solution"] is None else fields.text(row, "solution")
        made = cls(
            fields.text(row, "image_path"), fields.text(row, "problem"), solution, **_training_extras(row)
        )
        if solution is None and made.action_units is None:
            raise ValueError(
                "'solution' is null and the row has no 'AUs': nothing in it can be verified; give it "
                "a label, or its AUs"
            )
        if made.label == "":
            raise ValueError(f"'solution' {fields.short(solution)} holds no label")
        if (
            made.label is not None
            and made.candidate_labels is not None
            and made.label not in made.candidate_labels
        ):
            raise ValueError(
                "'solution' "
                f"{made.label!r} is not among its candidate_labels "
                f"{fields.named(made.candidate_labels)}"
            )
        return made

    def to_json(self) -> Json:
        row: Json = {"image_path": self.image_path, "problem": self.problem, "solution": self.solution}
        return _with_training_extras(row, self)


def _training_extras(row: Mapping[str, Any]) -> Json:
    labels = row.get("candidate_labels")
    return {
        "id": fields.optional_text(row, "id"),
        "dataset": fields.optional_text(row, "dataset"),
        "candidate_labels": None if labels is None else fields.labels(labels),
        "action_units": fields.action_units(row.get("AUs")),
        "provenance": fields.provenance(row),
    }


def _with_training_extras(row: Json, record: CoTRow | RewardRow) -> Json:
    if record.candidate_labels is not None:
        row["candidate_labels"] = list(record.candidate_labels)
    return fields.compact(
        row, record.action_units, id=record.id, dataset=record.dataset, provenance=record.provenance
    )


@dataclass(frozen=True, slots=True)
class Prediction:
    """The reply of one model to one question, with finish reason and token counts, or its error.

    On disk a question's own fields plus `model_response`, and on failure `error: true` with `error_message`:
    a superset of the published results rows, so either reads the other's.
    """

    question: Question
    reply: str
    error: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None

    @classmethod
    def from_json(cls, row: Any) -> Self:
        if not isinstance(row, Mapping):
            raise ValueError(f"a row must be a JSON object, not {type(row).__name__} ({fields.short(row)})")
        own = {k: row[k] for k in row if k in _PREDICTION_FIELDS}
        question = Question.from_json({k: v for k, v in row.items() if k not in own})
        failed = own.get("error", False)
        if not isinstance(failed, bool):
            raise ValueError(f"'error' must be true or false, not {fields.short(failed)}")
        reply = own.get("model_response", "" if failed else None)
        if not isinstance(reply, str):
            raise ValueError(
                "'model_response' must be a string, not "
                f"{fields.short(reply)} (a row without a reply needs 'error': true)"
            )
        message, reason = fields.note(own, "error_message"), fields.note(own, "finish_reason")
        counts = fields.count(own, "prompt_tokens"), fields.count(own, "completion_tokens")
        return cls(
            question,
            "" if failed else reply,
            (message or reply or "failed") if failed else None,
            reason,
            *counts,
        )

    def to_json(self) -> Json:
        row = self.question.to_json() | {"model_response": self.reply}
        if self.error is not None:
            return row | {"error": True, "error_message": self.error}
        counts = {
            "finish_reason": self.finish_reason,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }
        return row | {key: value for key, value in counts.items() if value is not None}


_PREDICTION_FIELDS = (
    "model_response",
    "error",
    "error_message",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of grading one reply: the candidate it names, its form, the AUs its reasoning claims."""

    outcome: Outcome
    label: str | None
    """The candidate as the question spells it; None unless `outcome` is `answered`."""
    reasoning: str
    """Text of the think block, or of everything outside the answer block where there is no think block."""
    well_formed: bool
    """The whole reply is one non-empty think block followed by one non-empty answer block."""
    action_units: frozenset[int]
    """AUs that the reasoning affirms; a negated mention does not count."""
