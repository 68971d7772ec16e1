"""Prediction files of one model and one dataset -> one file: parts, shards, retried failures.

Knows rows and manifests, and which differences between parts matter; no scores. An answer wins over a
failure, and nothing else is decided here: two answers to one question, two truths, another model, prompt or
image rule are named and refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer import files, runs
from unifer.dialogue.wordings import wording_of
from unifer.errors import InputError
from unifer.evaluate import parts as parts_of
from unifer.evaluate.differences import (
    ANSWERS,
    QUESTIONS,
    PredictionPart,
    accepted_differences,
    read_part,
    refuse_other_datasets,
)
from unifer.evaluate.sources import MIXED
from unifer.questions import read_questions
from unifer.records import Json, Prediction, Question

COMMAND = "merge"
_NAMED = 3
"""Questions with two answers that a manifest names."""


@dataclass(frozen=True)
class Merged:
    """One row per question, the manifest that says where they come from, and what a reader should know."""

    predictions: tuple[Prediction, ...]
    manifest: Json
    notes: tuple[str, ...]

    @property
    def counts(self) -> Json:
        """`rows` of the manifest: asked = answered + failed + missing; asked is null where no part tells."""
        counts: Json = self.manifest["context"]["rows"]
        return counts

    def write(self, out: Path) -> None:
        """The rows to `out`, the manifest beside it, each whole or not at all."""
        files.write_rows(out, (prediction.to_json() for prediction in self.predictions))
        files.write_json(runs.manifest_path(out), self.manifest)


def merge(paths: Sequence[Path], *, allow: Collection[str] = (), questions: Path | None = None) -> Merged:
    """Join prediction files.

    `allow` names differences to accept, as dotted keys of an identity (`dtype`, `generation.seed`) or the
    three names above; each that is used is recorded. `questions` is the whole question file: every row must
    be one of its questions, and those without a row count as missing.

    Raises InputError naming the files, what differs and how to accept it.
    """
    for index, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:index]]:
            raise InputError(f"{path}: is given twice; name each part once")
    parts = [read_part(path) for path in paths]
    lacking = parts_of.missing_parts([(part.path, part.claim) for part in parts if part.claim is not None])
    whole = None if questions is None else read_questions(questions)
    accepted = accepted_differences(parts, set(allow) | ({QUESTIONS} if whole else set()))
    refuse_other_datasets(parts)
    rows, twice = _joined(parts, ANSWERS in allow)
    if whole is not None and questions is not None:
        rows = _in_order(rows, whole, questions)
    if twice:
        accepted[ANSWERS] = [
            f"{len(twice):,} questions with two answers, the first file's kept",
            *twice[:_NAMED],
        ]
    identity = _identity(parts, accepted, questions)
    total = _total(parts, rows, whole)
    return Merged(
        tuple(rows.values()),
        _manifest(parts, rows, identity, total, accepted),
        _notes(parts, accepted, total, lacking),
    )


def _joined(parts: Sequence[PredictionPart], first_wins: bool) -> tuple[dict[str, Prediction], list[str]]:
    """One row a key, an answer rather than a failure, and the keys with two answers.

    Raises InputError for those unless `first_wins`.
    """
    rows: dict[str, Prediction] = {}
    source: dict[str, Path] = {}
    twice: list[str] = []
    for part in parts:
        for new in part.predictions:
            key = new.question.key
            old = rows.get(key)
            if old is not None:
                _refuse_other_question(key, old, new, source[key], part.path)
                both = not old.failed and not new.failed
                if both and old.reply != new.reply:
                    twice.append(key)
                if not old.failed or new.failed:
                    continue
            rows[key], source[key] = new, part.path
    if twice and not first_wins:
        more = (
            f"{twice[0]!r}, the first of {len(twice):,} such questions,"
            if len(twice) > 1
            else f"{twice[0]!r}"
        )
        raise InputError(
            f"{more} has two different answers ({', '.join(part.path.name for part in parts)}); leave "
            f"one file out, or keep the answer of the file named first with --allow {ANSWERS}"
        )
    return rows, twice


def _refuse_other_question(key: str, old: Prediction, new: Prediction, one: Path, other: Path) -> None:
    field = differing_field(old.question, new.question)
    if field is not None:
        name, before, after = field
        problem = (
            f"{key!r} is another question there: its {name} is {runs.short(after)}, in {one.name} "
            f"{runs.short(before)}"
        )
        raise InputError(f"{other}: {problem}; these files answer different question files")


def differing_field(old: Question, new: Question) -> tuple[str, object, object] | None:
    """The first field in which two questions of one key differ, by its name on disk, with both values."""
    pairs = (
        ("true_label", old.true_label, new.true_label),
        ("candidate_labels", list(old.candidate_labels), list(new.candidate_labels)),
        ("AUs", old.action_units, new.action_units),
        ("image_path", old.image_path, new.image_path),
        ("prompt", old.prompt, new.prompt),
    )
    return next((pair for pair in pairs if pair[1] != pair[2]), None)


def _in_order(rows: dict[str, Prediction], whole: Sequence[Question], path: Path) -> dict[str, Prediction]:
    """`rows` in the order of the question file.

    Raises InputError for a row that is not one of its questions.
    """
    known = {question.key: question for question in whole}
    for key, row in rows.items():
        if key not in known:
            raise InputError(
                f"{path}: has no question {key!r}, which the parts answer; give the file that they "
                "were made from"
            )
        field = differing_field(known[key], row.question)
        if field is not None:
            name, before, after = field
            problem = (
                f"{key!r} has the {name} {runs.short(before)}, but the parts were asked {runs.short(after)}"
            )
            raise InputError(f"{path}: {problem}; give the file that they were made from")
    return {key: rows[key] for key in known if key in rows}


def _identity(parts: Sequence[PredictionPart], accepted: Json, questions: Path | None) -> Json:
    """What every row was made with: the first part's word, and what was allowed to differ.

    Unmixed, `unifer infer` can go on with it.
    """
    stated = next((part.identity for part in parts if part.identity is not None), {})
    sources = list(
        {
            json.dumps(part.questions, sort_keys=True): part.questions for part in parts if part.questions
        }.values()
    )
    name: Json = sources[0] if len(sources) == 1 else {}
    if questions is not None:
        name = runs.describe_file(questions)
    elif len(sources) > 1:
        name = {"name": " + ".join(str(each.get("name")) for each in sources), "files": sources}
    kept = {key: values for key, values in accepted.items() if questions is None or key != QUESTIONS}
    return {**stated, QUESTIONS: name, **({MIXED: kept} if kept else {})}


def _total(
    parts: Sequence[PredictionPart], rows: dict[str, Prediction], whole: Sequence[Question] | None
) -> int | None:
    """How many questions were asked in all. None where a part has no manifest, so that nobody knows."""
    if whole is not None:
        return len(whole)
    if any(part.total is None for part in parts):
        return None
    missing = 0
    for source in {json.dumps(part.questions, sort_keys=True) for part in parts}:
        members = [part for part in parts if json.dumps(part.questions, sort_keys=True) == source]
        answered = {row.question.key for part in members for row in part.predictions}
        # Every start of a run asks the first N of its file, so the largest N holds the others.
        missing += max(0, max(part.whole or part.total or 0 for part in members) - len(answered))
    return len(rows) + missing


def _manifest(
    parts: Sequence[PredictionPart],
    rows: dict[str, Prediction],
    identity: Json,
    total: int | None,
    accepted: Json,
) -> Json:
    failed = sum(row.failed for row in rows.values())
    counts = {
        "asked": total,
        "answered": len(rows) - failed,
        "failed": failed,
        "missing": None if total is None else total - len(rows),
    }
    listed = [part.describe() for part in parts]
    profiles = {part.profile for part in parts}
    kept = {
        "profile": profiles.pop() if len(profiles) == 1 else None,
        "wording": wording_of(row.question for row in rows.values()).to_json(),
    }
    return runs.manifest(COMMAND, identity, asked=total, **kept, rows=counts, parts=listed, allowed=accepted)


def _notes(
    parts: Sequence[PredictionPart],
    accepted: Json,
    total: int | None,
    lacking: Sequence[parts_of.QuestionPart],
) -> tuple[str, ...]:
    notes = [
        f"accepted: {key}: {' / '.join(runs.short(value) for value in values)}"
        for key, values in accepted.items()
    ]
    if all(part.identity is None for part in parts):
        notes.append("no part has a manifest, so nothing says that one model answered them all")
    if lacking and all(part.claim is not None for part in parts):
        named = ", ".join(map(str, lacking))
        said = f"part {named} is missing" if len(lacking) == 1 else f"parts {named} are missing"
        notes.append(
            f"{said}; its questions count as wrong: ask it by `unifer infer --part`, and merge again "
            "with --overwrite"
        )
    if total is None:
        notes.append(
            "not every part says how many questions were asked, so missing ones are not known; "
            "--questions FILE tells"
        )
    return tuple(notes)
