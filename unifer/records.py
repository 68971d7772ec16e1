"""What flows between the stages: each record is a small frozen type with JSON in and out.

Knows fields, types and how a row is spelled on disk; not where files lie (`files`), nor what a good reply is
(`dialogue/answers`). `from_json` raises ValueError with the field, its value and what is allowed;
`files.read_records` adds file and row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from unifer import fields
from unifer.reply_votes import ReplyVote, read_votes

Json = dict[str, Any]
OWN_FOLDS = "own folds"
"""What rows say of folds that this project made, since no published assignment was given."""
_SAME = ("subject", "fold", "folds", "coded", "reply_start")
FACTS = {name: name for name in _SAME} | {"description": "reference"}
"""What a dataset knows of a question's face: name on disk -> attribute."""


@dataclass(frozen=True, slots=True)
class Question:
    """One benchmark row: which of `candidate_labels` does the face in `image_path` show?

    `key` is unique within a file. Where the dataset codes AUs and no emotion, it asks for the AUs:
    `true_label` is None (`null`), `candidate_labels` empty.
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
    subject: str | None = None
    """The person shown, where the dataset tells: faces of one person are no independent trials."""
    fold: str | None = None
    """The fold in which the subject is tested on, such as `1/3`, where subjects are in folds."""
    folds: str | None = None
    """Whose folds these are: `OWN_FOLDS`, or the file that assigns them."""
    reference: str | None = None
    """The dataset's own description of the face, which a reply's reasoning can be compared with."""
    coded: frozenset[int] | None = None
    """The AUs that coders looked for on this face, present or absent; None: every AU."""
    reply_start: str | None = None
    """What the reply begins with: the model goes on from there."""

    def __post_init__(self) -> None:
        """Rows written before these were fields hold them in `provenance`."""
        for name, value in facts_in(self.provenance or {}).items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @property
    def key(self) -> str:
        return self.id or self.image_path

    @classmethod
    def from_json(cls, row: Any) -> Self:
        fields.check(
            row,
            ("image_path", "true_label", "prompt", "candidate_labels"),
            ("id", "dataset", "AUs", "votes", *FACTS, "provenance"),
        )
        units = fields.action_units(row.get("AUs"))
        truth, labels = fields.question_labels(row, units)
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
            **facts_in(row),
        )
        uncoded = set(units or ()) - made.coded if made.coded is not None else set()
        if uncoded:
            raise ValueError(
                f"AU{min(uncoded)} is among 'AUs' but not among 'coded', the AUs that were looked for"
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
            **self._own_facts(),
            provenance=self.provenance,
        )

    def _own_facts(self) -> Json:
        """The facts that `provenance` does not hold, as JSON."""
        facts: Json = {name: getattr(self, attribute) for name, attribute in FACTS.items()}
        facts["coded"] = None if self.coded is None else [f"AU{number}" for number in sorted(self.coded)]
        return {name: value for name, value in facts.items() if name not in (self.provenance or {})}


def facts_in(row: Mapping[str, Any]) -> Json:
    """The facts of a question that `row`, or its provenance, holds, by attribute."""
    texts = {name: str(row[name]) for name in FACTS if isinstance(row.get(name), str | int)}
    facts: Json = {FACTS[name]: value for name, value in texts.items() if value.strip()}
    if row.get("coded") is not None:
        facts["coded"] = frozenset(fields.action_units(row["coded"]) or ())
    return facts


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
        path, question = fields.text(row, "image_path"), fields.text(row, "question")
        return cls(path, question, fields.text(row, "response"), **_training_extras(row))

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
        labels = made.candidate_labels
        if made.label is not None and labels is not None and made.label not in labels:
            raise ValueError(
                f"'solution' {made.label!r} is not among its candidate_labels {fields.named(labels)}"
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


_MEASURED = ("finish_reason", "prompt_tokens", "completion_tokens")
_PREDICTION_FIELDS = ("model_response", "error", "error_message", "replies", *_MEASURED)


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
    """Of all votes together."""
    votes: tuple[ReplyVote, ...] = ()
    """Every sampled reply, `reply` among them; empty where one reply was asked for."""

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
        if failed:
            return cls(question, "", message or reply or "failed", reason, *counts)
        votes = read_votes(own, question.candidate_labels) if "replies" in own else ()
        return cls(question, reply, None, reason, *counts, votes)

    def to_json(self) -> Json:
        row = self.question.to_json() | {"model_response": self.reply}
        if self.error is not None:
            return row | {"error": True, "error_message": self.error}
        counts = {name: getattr(self, name) for name in _MEASURED}
        row |= {name: value for name, value in counts.items() if value is not None}
        return row | {"replies": [vote.to_json() for vote in self.votes]} if self.votes else row
