"""The text side of faithfulness: replies edited in one AU and continued by the model, asked as questions.

A question of these says in its `provenance` which reply was edited, and how, so that predictions on them are
scored without any other file. Knows rows; the edits are `rewording`, asking is `inference`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unifer import files
from unifer.datasets import DatasetSpec
from unifer.dialogue.rewording import EDITS, edits_of
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.scoring import grade_prediction
from unifer.evaluate.trust.sheets import Better, Sheet, TrustRate, share
from unifer.records import Json, Prediction, Question

KEY = "continues"
"""Where the provenance of a question says what it continues."""


def continuation_questions(predictions: Sequence[Prediction], keys: Sequence[str]) -> list[Question]:
    """The replies to the questions `keys`, edited and cut: each is asked with `reply_start`.

    Raises InputError where no reply can be edited.
    """
    wanted, questions = set(keys), []
    for row in predictions:
        verdict = grade_prediction(row)
        if row.question.key not in wanted or verdict.outcome != "answered":
            continue
        for number, edit in enumerate(edits_of(row.reply, row.question.candidate_labels)):
            about: Json = {
                "of": row.question.key,
                "edit": edit.kind,
                "AU": edit.unit,
                "core": edit.core,
                "reading": edit.reading,
                "answer": verdict.label,
            }
            questions.append(
                replace(
                    row.question,
                    id=f"{row.question.key}-{number}",
                    action_units=None,
                    reply_start=edit.start,
                    provenance={**(row.question.provenance or {}), KEY: about},
                )
            )
    if not questions:
        raise InputError(
            f"none of {len(wanted):,} replies can be edited and continued: one needs a single <think> block "
            "that names AUs by number before it names a label"
        )
    return questions


def write_continuations(spec: DatasetSpec, run: str, questions: Sequence[Question]) -> Path:
    """The dataset folder `continued/<run>` of these questions, below the folder of the faces they show.

    Its question file lies beside that of the faces, whose pictures it names.
    """
    folder, path = continued_folder(spec, run), spec.questions.with_name(f"{run}.continued_qa.json")
    files.write_rows(path, [question.to_json() for question in questions])
    yaml = (
        f"# Replies of {run}, edited in one AU, to be continued (docs/trust.md).\n"
        f"name: {spec.name}_continued\ntitle: {spec.title}, continued\n"
        f"questions: {Path(os.path.relpath(path, folder)).as_posix()}\nlabels: [{', '.join(spec.labels)}]\n"
    )
    files.write_text(folder / "dataset.yaml", yaml)
    return folder


def continued_folder(spec: DatasetSpec, run: str) -> Path:
    """Where the continuations of a run are asked and answered."""
    return spec.folder / "continued" / run


@dataclass(frozen=True)
class Continued:
    """One continued reply: how its start was edited, and whether the answer is another than before."""

    of: str
    kind: str
    core: bool
    moved: bool
    as_read: bool
    """The answer is what the rule-based reader makes of the AUs then claimed."""


def read_continued(predictions: Sequence[Prediction], path: Path) -> tuple[list[Continued], int]:
    """The continued replies that end in an answer, and how many do not.

    Raises InputError for a row that continues nothing.
    """
    rows, without = [], 0
    for number, prediction in enumerate(predictions, 1):
        about: Any = (prediction.question.provenance or {}).get(KEY)
        if not isinstance(about, dict) or about.get("edit") not in EDITS or "answer" not in about:
            remedy = "make the questions by `unifer counterfactual --continue`"
            raise InputError.at(
                path, number, f"continues no reply: its 'provenance' does not say which; {remedy}"
            )
        verdict = grade_prediction(prediction)
        if verdict.outcome != "answered":
            without += 1
            continue
        moved = verdict.label != about["answer"]
        as_read = canonical(verdict.label or "") == about["reading"]
        rows.append(Continued(str(about["of"]), about["edit"], bool(about["core"]), moved, as_read))
    return rows, without


def continuation_rates(rows: Sequence[Continued], seed: int = 0) -> tuple[TrustRate, ...]:
    """`text follows`, `text holds` and `text noise`, each with an interval over the replies edited."""

    def rate(
        name: str,
        among: Sequence[Continued],
        counts: Callable[[Continued], bool],
        hit: Callable[[Continued], bool],
        of: str,
        better: Better = "higher",
    ) -> TrustRate:
        counted = [row for row in among if counts(row)]
        units = [row.of for row in counted]
        return share(name, [hit(row) for row in counted], of, units=units, better=better, seed=seed)

    edited = [row for row in rows if row.kind != "none"]
    return (
        rate("text follows", edited, lambda row: row.core, _moved, "edits that the reader reads otherwise"),
        rate("text holds", edited, lambda row: not row.core, _held, "edits that the reader reads as before"),
        rate("text noise", rows, lambda row: row.kind == "none", _moved, "replies not edited", "lower"),
    )


def _moved(row: Continued) -> bool:
    return row.moved


def _held(row: Continued) -> bool:
    return not row.moved


def continuation_details(rows: Sequence[Continued], without: int) -> Json:
    """Kind of edit -> core edits that the answer follows, and that it answers as read, as [hits, n]."""
    table: Json = {}
    for kind in EDITS[1:]:
        core = [row for row in rows if row.kind == kind and row.core]
        if core:
            table[kind] = {"follows": [sum(row.moved for row in core), len(core)]}
            table[kind]["as_read"] = [sum(row.as_read for row in core), len(core)]
    return {"edits": table, "without_answer": without}


def with_continuations(sheet: Sheet, rows: Sequence[Continued], without: int) -> Sheet:
    """A sheet of faithfulness with the rates of the text side behind its own."""
    note = f"{without:,} of {without + len(rows):,} continued replies end without an answer on the list"
    return replace(
        sheet,
        rates=(*sheet.rates, *continuation_rates(rows)),
        notes=(*sheet.notes, *([note] if without else [])),
        details=sheet.details | {"text": continuation_details(rows, without)},
    )
