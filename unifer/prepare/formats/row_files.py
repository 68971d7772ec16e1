"""JSON rows: CoT rows, reward rows and questions of this project (`docs/files.md`), and those of Facial-R1.

What a row of this project has no field for is kept in its provenance, which nothing shows to a model.

Facial-R1 and FEA-20K write `id, dataset, image, question, AUs, labels, description, meta_info`. A row with a
`description` is a CoT row: the description is the reasoning, the first of `labels` the answer, or the AU
codes where no emotion is labelled; a description in tags is the whole reply already, and stays as it is.
Without a description it is a reward row. What the format has no field for goes into `meta_info`. Its `"AUs":
[]` beside a label means that nobody coded AUs (so its emotion-only sets are written); without a label, that
none is active.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from unifer.dialogue import prompts
from unifer.dialogue.answers import grade, tagged
from unifer.prepare.formats.sample import (
    CARRIED_KEY,
    FIELDS,
    Format,
    Sample,
    attach_inside,
    detach_inside,
    text,
)
from unifer.records import CoTRow, Json, Question, RewardRow

_VOTES = "votes"
_SHARED = ("candidate_labels", "AUs", "id", "dataset", "provenance")


def _write_cot(sample: Sample) -> Json:
    if sample.response is None:
        raise ValueError(
            "has no reply, which a CoT row teaches; `unifer data cot` asks a teacher for the "
            "reasoning behind a label"
        )
    return _row(sample, question=sample.question, response=sample.response)


def _read_cot(row: Json) -> Sample:
    return _sample(CoTRow.from_json(row).to_json(), question="question", response="response")


def _write_reward(sample: Sample) -> Json:
    label = sample.solution if sample.solution is not None else sample.label
    if label is None and sample.AUs is None:
        raise ValueError(
            "its reply answers with no label of its list, and it has no AUs: nothing in it can be verified"
        )
    return _row(sample, problem=sample.question, solution=label)


def _read_reward(row: Json) -> Sample:
    return _sample(RewardRow.from_json(row).to_json(), problem="question", solution="solution")


def _write_question(sample: Sample) -> Json:
    if not sample.candidate_labels:
        raise ValueError(
            "has no candidate_labels, and a question is scored over the labels it offers; add them to the row"
        )
    label = sample.solution if sample.solution in sample.candidate_labels else sample.label
    if label is None:
        raise ValueError("names no label, which a question needs as its true_label")
    row = _row(sample, true_label=label, prompt=sample.question)
    beside = dict(row.get("provenance") or {})
    if _VOTES not in beside:
        return row
    row[_VOTES], rest = beside.pop(_VOTES), beside
    return (
        row | {"provenance": rest}
        if rest
        else {name: value for name, value in row.items() if name != "provenance"}
    )


def _read_question(row: Json) -> Sample:
    question = Question.from_json(row).to_json()
    if _VOTES in question:
        # A question alone has a field for them; every other row keeps them where builders put them.
        question["provenance"] = (question.get("provenance") or {}) | {_VOTES: question.pop(_VOTES)}
    return _sample(question, prompt="question", true_label="solution")


def _row(sample: Sample, **own: str | None) -> Json:
    """The row of `own` fields and those all three share.

    What the sample does not state is left out, but for the own fields.
    """
    values = asdict(sample)
    return {"image_path": sample.image_path, **own} | {
        name: values[name] for name in _SHARED if values[name] is not None
    }


def _sample(row: Json, **renamed: str) -> Sample:
    values = {renamed.get(name, name): value for name, value in row.items()}
    return Sample(**{name: values.get(name) for name in FIELDS})  # type: ignore[arg-type]  # a row has passed its record's checks


_SUFFIXES = (".json", ".jsonl")
_BESIDE = attach_inside("provenance"), detach_inside("provenance")

COT = Format(
    "cot", "published CoT rows: image_path, question, response", _SUFFIXES, _write_cot, _read_cot, *_BESIDE
)
RLVR = Format(
    "rlvr",
    "published reward rows: image_path, problem, solution",
    _SUFFIXES,
    _write_reward,
    _read_reward,
    *_BESIDE,
)
QUESTIONS = Format(
    "questions",
    "FERBench: image_path, true_label, prompt, candidate_labels",
    _SUFFIXES,
    _write_question,
    _read_question,
    *_BESIDE,
)


_FIELDS = ("id", "dataset", "image", "question", "AUs", "labels", "description", "meta_info")
_IMAGE = "<image>"


def _write(sample: Sample) -> Json:
    label = sample.label
    if label is None and sample.AUs is None:
        raise ValueError("has neither a label nor AUs, of which a Facial-R1 row needs one")
    reasoning = (
        grade(sample.response, sample.candidate_labels or ()).reasoning if sample.response is not None else ""
    )
    extra = {name: value for name, value in (sample.extra or {}).items() if name not in _FIELDS}
    return {
        "id": sample.id or sample.image_path,
        "dataset": sample.dataset or "",
        "image": sample.image_path.lstrip("/") or sample.image_path,
        "question": sample.question,
        "AUs": sample.AUs or [],
        "labels": _labels(sample, label),
        "description": reasoning,
        "meta_info": {
            name: value
            for name, value in (sample.provenance or {}).items()
            if name != "labels" or not _several(value, label)
        },
        **extra,
    }


def _labels(sample: Sample, label: str | None) -> list[str]:
    several = (sample.provenance or {}).get("labels")
    if isinstance(several, list) and _several(several, label):
        return several
    return [] if label is None else [label]


def _several(value: Any, label: str | None) -> bool:
    """Whether `value` is how provenance remembers a row of several labels, the first being `label`."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and value[0] == label
        and all(isinstance(each, str) for each in value)
    )


def _read(row: Json) -> Sample:
    labels, units, meta = _list(row, "labels"), row.get("AUs"), row.get("meta_info")
    if not all(isinstance(label, str) and label.strip() for label in labels):
        raise ValueError(f"'labels' must be a list of names, not {labels!r}")
    if meta is not None and not isinstance(meta, dict):
        raise ValueError(f"'meta_info' must be an object, not {str(meta)[:60]!r}")
    description = row.get("description") or ""
    if not isinstance(description, str):
        raise ValueError(f"'description' must be a string, not {description!r}")
    coded = None if labels and not units else units
    if not labels and coded is None:
        raise ValueError(
            "has neither 'labels' nor 'AUs': nothing that a reply could name; give it one of them"
        )
    question = text(row, "question")
    return Sample.checked(
        image_path=text(row, "image"),
        question=question.removeprefix(_IMAGE).lstrip("\n")
        if question.removeprefix(_IMAGE).strip()
        else question,
        solution=labels[0] if labels and not description.strip() else None,
        response=_reply(description, labels[0] if labels else _listing(coded)),
        id=row.get("id") or None,
        dataset=row.get("dataset") or None,
        AUs=coded,
        provenance=({**(meta or {}), "labels": labels} if len(labels) > 1 else meta) or None,
        extra={name: value for name, value in row.items() if name not in _FIELDS},
    )


def _reply(description: str, answer: str) -> str | None:
    """The reply that a description makes: itself where it is one, tags and all; None for none."""
    if not description.strip():
        return None
    if tagged(description):
        return description
    return prompts.reply(description, answer)


def _list(row: Json, field: str) -> list[Any]:
    value = row.get(field)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{field!r} must be a list, not {str(value)[:60]!r}")
    return value or []


def _listing(units: Any) -> str:
    """The answer that the template `action-units` asks for."""
    return ", ".join(str(unit) for unit in units) if isinstance(units, list) and units else "none"


def _detach(row: Json) -> tuple[Json, Any]:
    meta = row.get("meta_info")
    if not isinstance(meta, dict) or CARRIED_KEY not in meta:
        return row, None
    return row | {"meta_info": {name: value for name, value in meta.items() if name != CARRIED_KEY}}, meta[
        CARRIED_KEY
    ]


FACIAL_R1 = Format(
    "facial-r1",
    "JSONL of Facial-R1 and FEA-20K: image, question, AUs, labels, description, meta_info",
    (".jsonl",),
    _write,
    _read,
    attach_inside("meta_info"),
    _detach,
)
