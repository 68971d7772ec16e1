"""The three row files of this project: published CoT rows, published RLVR rows, FERBench questions.
`docs/files.md` describes them.

What such a row has no field for is kept in its provenance, which nothing shows to a model.
"""

from __future__ import annotations

from dataclasses import asdict

from unifer.prepare.formats.sample import FIELDS, Format, Sample, attach_inside, detach_inside
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
    """The row of `own` fields and those all three share; what the sample does not state is left out, but for
    the own fields.
    """
    stated = asdict(sample)
    return {"image_path": sample.image_path, **own} | {
        name: stated[name] for name in _SHARED if stated[name] is not None
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
