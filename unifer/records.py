"""What flows between the stages: each record is a small frozen type with JSON in and out.

Knows fields, types and how a row is spelled on disk; not where files lie (`files`), nor what a good reply is (`dialogue/answers`).
`from_json` raises ValueError with the field, its value and what is allowed; `files.read_records` adds file and row.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from unifer.action_units import FACS_NUMBERS

Json = dict[str, Any]
Outcome = Literal["answered", "off_list", "no_answer", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "off_list", "no_answer", "failed")


def _check_fields(row: Any, required: Sequence[str], optional: Sequence[str]) -> None:
    if not isinstance(row, Mapping):
        raise ValueError(f"a row must be a JSON object, not {type(row).__name__} ({_short(row)})")
    missing = [field for field in required if field not in row]
    if missing:
        raise ValueError(f"missing {_fields(missing)}; a row needs {_fields(required)} and may have {_fields(optional)}")
    known = [*required, *optional]
    extra = [field for field in row if field not in known]
    if extra:
        near = difflib.get_close_matches(str(extra[0]), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown {_fields(extra)}{hint}; allowed are {_fields(known)} (put anything else inside 'provenance')")


def _fields(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row[field]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{field!r} must be a non-empty string, not {_short(value)}")
    return value


def _optional_text(row: Mapping[str, Any], field: str) -> str | None:
    return None if row.get(field) is None else _text(row, field)


def _note(row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{field!r} must be a string or null, not {_short(value)}")
    return value


def _count(row: Mapping[str, Any], field: str) -> int | None:
    value = row.get(field)
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{field!r} must be a whole number from 0 or null, not {_short(value)}")
    return value


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(label, str) and label.strip() for label in value):
        raise ValueError(f"'candidate_labels' must be a non-empty list of strings, not {_short(value)}")
    folded = [label.strip().lower() for label in value]
    if len(set(folded)) != len(folded):
        raise ValueError(f"'candidate_labels' names a label twice: {_short(value)}")
    return tuple(value)


def _action_units(value: Any) -> tuple[int, ...] | None:
    """`["AU12", 6]` -> `(6, 12)`; None stays None: not annotated is not the same as none active."""
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise ValueError(f'\'AUs\' must be a list such as ["AU6", "AU12"] or null, not {_short(value)}')
    numbers = set()
    for item in value:
        match = re.fullmatch(r"(?:AU)?\s*(\d{1,2})", str(item).strip(), re.IGNORECASE) if not isinstance(item, bool) else None
        if match is None or int(match[1]) not in FACS_NUMBERS:
            raise ValueError(f"'AUs' holds {_short(item)}, which is no FACS action unit; write \"AU12\" or 12")
        numbers.add(int(match[1]))
    return tuple(sorted(numbers))


def _provenance(row: Mapping[str, Any]) -> Json | None:
    value = row.get("provenance")
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"'provenance' must be an object, not {_short(value)}")
    return value


def _compact(row: Json, action_units: tuple[int, ...] | None, **optional: Any) -> Json:
    """`row` plus the optional fields that have a value, AUs spelled `AU12`."""
    if action_units is not None:
        row["AUs"] = [f"AU{number}" for number in action_units]
    return row | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Question:
    """One FERBench row: which of `candidate_labels` does the face in `image_path` show? `key` is unique within a file."""

    image_path: str
    true_label: str
    prompt: str
    candidate_labels: tuple[str, ...]
    id: str | None = None
    dataset: str | None = None
    action_units: tuple[int, ...] | None = None
    provenance: Json | None = None

    @property
    def key(self) -> str:
        return self.id or self.image_path

    @classmethod
    def from_json(cls, row: Any) -> Self:
        _check_fields(row, ("image_path", "true_label", "prompt", "candidate_labels"), ("id", "dataset", "AUs", "provenance"))
        labels, truth = _labels(row["candidate_labels"]), _text(row, "true_label")
        if truth not in labels:
            raise ValueError(f"'true_label' {truth!r} is not among its candidate_labels {_fields(labels)}")
        return cls(
            image_path=_text(row, "image_path"),
            true_label=truth,
            prompt=_text(row, "prompt"),
            candidate_labels=labels,
            id=_optional_text(row, "id"),
            dataset=_optional_text(row, "dataset"),
            action_units=_action_units(row.get("AUs")),
            provenance=_provenance(row),
        )

    def to_json(self) -> Json:
        row: Json = {
            "image_path": self.image_path,
            "true_label": self.true_label,
            "prompt": self.prompt,
            "candidate_labels": list(self.candidate_labels),
        }
        return _compact(row, self.action_units, id=self.id, dataset=self.dataset, provenance=self.provenance)


_TRAINING_FIELDS = ("id", "dataset", "candidate_labels", "AUs", "provenance")
_TAGGED = re.compile(r"\s*<answer>(.*?)</answer>\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class CoTRow:
    """One supervised row: the reasoning reply that the model should give to `question` about the face in `image_path`."""

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
        _check_fields(row, ("image_path", "question", "response"), _TRAINING_FIELDS)
        return cls(_text(row, "image_path"), _text(row, "question"), _text(row, "response"), **_training_extras(row))

    def to_json(self) -> Json:
        row: Json = {"image_path": self.image_path, "question": self.question, "response": self.response}
        return _with_training_extras(row, self)


@dataclass(frozen=True, slots=True)
class RewardRow:
    """One verifiable row: `solution` is the label that a rollout of `problem` must reach, bare or inside `<answer>`.

    None (`null` on disk) where the dataset codes AUs and no emotion: then the AUs alone are verifiable, and must be there.
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
        _check_fields(row, ("image_path", "problem", "solution"), _TRAINING_FIELDS)
        solution = None if row["solution"] is None else _text(row, "solution")
        made = cls(_text(row, "image_path"), _text(row, "problem"), solution, **_training_extras(row))
        if solution is None and made.action_units is None:
            raise ValueError("'solution' is null and the row has no 'AUs': nothing in it can be verified; give it a label, or its AUs")
        if made.label == "":
            raise ValueError(f"'solution' {_short(solution)} holds no label")
        if made.label is not None and made.candidate_labels is not None and made.label not in made.candidate_labels:
            raise ValueError(f"'solution' {made.label!r} is not among its candidate_labels {_fields(made.candidate_labels)}")
        return made

    def to_json(self) -> Json:
        row: Json = {"image_path": self.image_path, "problem": self.problem, "solution": self.solution}
        return _with_training_extras(row, self)


def _training_extras(row: Mapping[str, Any]) -> Json:
    labels = row.get("candidate_labels")
    return {
        "id": _optional_text(row, "id"),
        "dataset": _optional_text(row, "dataset"),
        "candidate_labels": None if labels is None else _labels(labels),
        "action_units": _action_units(row.get("AUs")),
        "provenance": _provenance(row),
    }


def _with_training_extras(row: Json, record: CoTRow | RewardRow) -> Json:
    if record.candidate_labels is not None:
        row["candidate_labels"] = list(record.candidate_labels)
    return _compact(row, record.action_units, id=record.id, dataset=record.dataset, provenance=record.provenance)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model said to one question: a reply with its finish reason and token counts, or the error that prevented one.

    On disk a question's own fields plus `model_response`, and on failure `error: true` with `error_message`: a superset of the
    published results rows, so either reads the other's.
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
            raise ValueError(f"a row must be a JSON object, not {type(row).__name__} ({_short(row)})")
        own = {k: row[k] for k in row if k in _PREDICTION_FIELDS}
        question = Question.from_json({k: v for k, v in row.items() if k not in own})
        failed = own.get("error", False)
        if not isinstance(failed, bool):
            raise ValueError(f"'error' must be true or false, not {_short(failed)}")
        reply = own.get("model_response", "" if failed else None)
        if not isinstance(reply, str):
            raise ValueError(f"'model_response' must be a string, not {_short(reply)} (a row without a reply needs 'error': true)")
        message, reason = _note(own, "error_message"), _note(own, "finish_reason")
        counts = _count(own, "prompt_tokens"), _count(own, "completion_tokens")
        return cls(question, "" if failed else reply, (message or reply or "failed") if failed else None, reason, *counts)

    def to_json(self) -> Json:
        row = self.question.to_json() | {"model_response": self.reply}
        if self.error is not None:
            return row | {"error": True, "error_message": self.error}
        counts = {"finish_reason": self.finish_reason, "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        return row | {key: value for key, value in counts.items() if value is not None}


_PREDICTION_FIELDS = ("model_response", "error", "error_message", "finish_reason", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the grader found in one reply: the outcome, the candidate it names, its form, and the AUs its reasoning claims."""

    outcome: Outcome
    label: str | None
    """The candidate as the question spells it; None unless `outcome` is `answered`."""
    reasoning: str
    """Text of the think block, or of everything outside the answer block where there is no think block."""
    well_formed: bool
    """The whole reply is one non-empty think block followed by one non-empty answer block."""
    action_units: frozenset[int]
    """AUs that the reasoning affirms; a negated mention does not count."""
