"""A raw row -> its record and what is wrong with it, as far as the row alone tells.

Knows no other row and no image. A row with one bad field is mended there (in memory only), so that the rest
of it is still looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unifer.datasets import DatasetSpec
from unifer.dialogue import answers, prompts
from unifer.dialogue.au_mentions import mentioned
from unifer.dialogue.vocabulary import offered, vocabulary
from unifer.emotions import EMOTIONS, canonical, spelled_in
from unifer.records import CoTRow, Question, RewardRow, Verdict

Record = Question | CoTRow | RewardRow

TYPES: tuple[tuple[type[Record], tuple[str, ...]], ...] = (
    (Question, ("true_label", "prompt")),
    (CoTRow, ("question", "response")),
    (RewardRow, ("problem", "solution")),
)
"""Record -> the fields by which a row is told to be one."""


@dataclass(slots=True)
class Parsed:
    """One row: its record, its label, its choices and its faults.

    The record is None where it cannot be read.
    """

    record: Record | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()
    faults: list[tuple[str, str]] = field(default_factory=list)
    """(kind, message)."""


def is_prediction(raw: Any) -> bool:
    """A row of results, which `unifer eval` scores: no data to train on or to ask."""
    return isinstance(raw, Mapping) and ("model_response" in raw or "error_message" in raw)


def parse(raw: Any, specs: Mapping[str, DatasetSpec], own: DatasetSpec | None = None) -> Parsed:
    """What `raw` is and what is wrong with it.

    `specs` are the datasets by name, `own` the one that the file belongs to.
    """
    parsed = Parsed()
    parsed.record = _record(raw, parsed)
    if parsed.record is None:
        return parsed
    spec = specs.get(parsed.record.dataset or "", own)
    broken = {kind for kind, _ in parsed.faults}
    if isinstance(parsed.record, Question):
        _of_question(parsed, parsed.record)
    elif isinstance(parsed.record, RewardRow):
        _of_reward_row(parsed, parsed.record, "vocabulary" in broken)
    else:
        _of_cot_row(parsed, parsed.record, spec, "action_units" in broken)
    if spec is not None and "vocabulary" not in {kind for kind, _ in parsed.faults}:
        _of_dataset(parsed, spec)
    return parsed


def _record(raw: Any, parsed: Parsed) -> Record | None:
    kind = _type_of(raw)
    if kind is None:
        known = "; ".join(f"{each.__name__}: image_path, {', '.join(fields)}" for each, fields in TYPES)
        parsed.faults.append(
            ("schema", f"is no row that is known ({known}); other layouts are read by `unifer data convert`")
        )
        return None
    record, problem = _attempt(kind, raw)
    if problem is None:
        return record
    for name, mended in _mends(kind, raw):
        if problem is None:
            break
        raw = {**raw, **mended}
        before, (record, problem) = problem, _attempt(kind, raw)
        if problem != before:
            parsed.faults.append((name, before))
    if problem is not None:
        parsed.faults.append(("schema", problem))
    return record


def _type_of(raw: Any) -> type[Record] | None:
    if not isinstance(raw, Mapping):
        return None
    counts = [(sum(name in raw for name in names), kind) for kind, names in TYPES]
    most = max(count for count, _ in counts)
    return next(kind for count, kind in counts if count == most) if most else None


def _attempt(kind: type[Record], raw: Any) -> tuple[Record | None, str | None]:
    try:
        return kind.from_json(raw), None
    except ValueError as error:
        return None, str(error)


def _mends(kind: type[Record], raw: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(kind of fault, fields that would be right instead)."""
    mends: list[tuple[str, dict[str, Any]]] = []
    if raw.get("AUs") is not None:
        mends.append(("action_units", {"AUs": []}))
    labels = raw.get("candidate_labels")
    if isinstance(labels, list):
        mends.append(
            (
                "vocabulary",
                {"candidate_labels": [*labels, raw.get("true_label")] if kind is Question else None},
            )
        )
    return mends


def _of_question(parsed: Parsed, question: Question) -> None:
    parsed.label, parsed.labels = question.true_label, question.candidate_labels
    _control_tokens(parsed, prompt=question.prompt)


def _of_reward_row(parsed: Parsed, row: RewardRow, known_bad: bool) -> None:
    parsed.label = row.label
    _control_tokens(parsed, problem=row.problem)
    if known_bad:
        return
    try:
        parsed.labels = vocabulary(row)
    except ValueError as error:
        parsed.faults.append(("vocabulary", str(error)))


def _of_cot_row(parsed: Parsed, row: CoTRow, spec: DatasetSpec | None, aus_unknown: bool) -> None:
    _control_tokens(parsed, question=row.question, response=row.response)
    labels = row.candidate_labels or offered(row.question)
    # Fewer than two is no choice: an AU question, whose reply names no emotion.
    parsed.labels = labels if len(labels) > 1 else ()
    verdict = answers.grade(row.response, parsed.labels)
    within = answers.nested(row.response)
    if within is not None:
        parsed.faults.append(
            (
                "nested",
                f"the response opens {within}; keep one <think> block and one <answer> block, side by side",
            )
        )
    known = (row.provenance or {}).get("label")
    parsed.label = known if isinstance(known, str) else verdict.label
    if parsed.labels:
        _reply_faults(parsed, verdict, known)
    if row.action_units is not None and not aus_unknown:
        _au_faults(parsed, verdict, row.action_units)


def _reply_faults(parsed: Parsed, verdict: Verdict, known: Any) -> None:
    listed = ", ".join(parsed.labels)
    if verdict.outcome == "no_answer":
        parsed.faults.append(
            (
                "no_answer",
                "the response holds no <answer> with something in it, or several; one of "
                f"{listed} is expected",
            )
        )
    elif verdict.outcome == "off_list":
        parsed.faults.append(("off_list", f"the response's answer is none of {listed}"))
    elif not verdict.well_formed:
        parsed.faults.append(
            (
                "malformed",
                "the response is not one <think> block and one <answer> block with nothing around them",
            )
        )
    if verdict.label is not None and isinstance(known, str) and canonical(verdict.label) != canonical(known):
        parsed.faults.append(
            (
                "contradiction",
                f"the response answers {verdict.label!r}; the row's label is {known!r} (provenance.label)",
            )
        )


def _au_faults(parsed: Parsed, verdict: Verdict, known: Sequence[int]) -> None:
    # A plain listing of AUs has no answer block: it is all claim.
    claimed = (
        verdict.action_units
        if parsed.labels or verdict.outcome == "answered"
        else mentioned(verdict.reasoning)
    )
    more, fewer = sorted(claimed - set(known)), sorted(set(known) - claimed)
    parts = [
        f"{text} {', '.join(f'AU{number}' for number in numbers)}"
        for text, numbers in (("claims", more), ("leaves out", fewer))
        if numbers
    ]
    if parts:
        parsed.faults.append(
            ("au_disagreement", f"against the row's AUs, the response {' and '.join(parts)}")
        )


def _of_dataset(parsed: Parsed, spec: DatasetSpec) -> None:
    """The labels offered, and the row's own, must be the dataset's."""
    for label in dict.fromkeys([*parsed.labels, *([parsed.label] if parsed.label is not None else [])]):
        if label in spec.labels:
            continue
        meant = spelled_in(label, spec.labels)
        if meant is None:
            known = "" if canonical(label) in EMOTIONS else " (no emotion that is known by name)"
            parsed.faults.append(
                ("vocabulary", f"{label!r}{known} is no label of {spec.title}: {', '.join(spec.labels)}")
            )
            return
        parsed.faults.append(("spelling", f"{label!r} is spelled {meant!r} in {spec.title}"))
        return


def _control_tokens(parsed: Parsed, **texts: str) -> None:
    for name, text in texts.items():
        try:
            prompts.check_prompt(text)
        except ValueError as error:
            parsed.faults.append(("control_token", f"{name!r}: {error}"))
