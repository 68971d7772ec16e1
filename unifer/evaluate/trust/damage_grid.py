"""The runs of one model over damaged pictures, beside its run over the pictures as they are, as one table.

Knows files and verdicts; computes no rate (`damage` does). Every cell must be of the same model, questions
and conditions as the clean run, and whole: a curve over other questions would bend for no reason of damage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unifer import runs
from unifer.action_units import f1
from unifer.datasets import DatasetSpec
from unifer.dialogue.damage import kinds
from unifer.dialogue.damage.kinds import Damage
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.loading import LoadedRun, PredictionFile, RunManifest, open_run
from unifer.evaluate.parts import is_part
from unifer.evaluate.scoring import grade_prediction
from unifer.records import Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COLUMNS = ("score", "answer_kept", "au_f1", "au_faces", "no_answer", "malformed", "failed")
"""What is known of one reply: right (or F1 of its AUs), the clean run's answer, F1 between its claimed AUs
and the clean run's, whether either claims any, no answer of those offered, not the exact form, no reply.
"""


@dataclass(frozen=True)
class DamageGrid:
    """Replies to the same questions, untouched and damaged.

    `table` has shape (questions, 1 + damages, columns), the clean run first; `questions` and `damages` name
    its first two axes, `COLUMNS` the third. `asked_clean` is how many questions the clean run was asked.
    """

    spec: DatasetSpec
    run: PredictionFile
    questions: tuple[Question, ...]
    damages: tuple[Damage, ...]
    table: Floats
    asked_clean: int
    notes: tuple[str, ...]


def damaged_files(clean: PredictionFile) -> dict[Damage, PredictionFile]:
    """The runs over damaged pictures that lie beside `clean`, in the order of the grid."""
    stem = f"{clean.path.stem}.damage-"
    paths = [path for path in clean.path.parent.glob("*.jsonl") if path.name.startswith(stem)]
    named = {
        damage: path
        for path in paths
        if not is_part(path) and ".shard-" not in path.name
        if (damage := kinds.damage_in(path)) is not None and path == damage.path(clean.path)
    }
    return {each: PredictionFile(named[each].stem, named[each]) for each in kinds.GRID if each in named}


def read_grid(
    spec: DatasetSpec, clean: PredictionFile, advance: Callable[[int], None] = lambda amount: None
) -> DamageGrid:
    """Open and grade the clean run and every damaged one beside it; `advance` is told of each.

    Raises InputError: no damaged run, a run of another model or under other conditions, one that is not whole
    or asks other questions, a clean run that is none.
    """
    first, manifest = _opened(spec, clean)
    if manifest.damage is not None:
        raise InputError(
            f"{clean.path}: its pictures are damaged ({manifest.damage}); name the run over the pictures as "
            "they are, its damaged ones are looked for beside it"
        )
    cells = damaged_files(clean)
    if not cells:
        raise InputError(
            f"{clean.path}: no run over damaged pictures lies beside it, such as "
            f"{kinds.GRID[0].path(clean.path).name}; ask for them: the same `unifer infer` with --damage all"
        )
    base = _graded(first)
    advance(1)
    table: list[Floats] = []
    keys: list[str] = []
    for damage, file in cells.items():
        loaded, stated = _opened(spec, file)
        _refuse_other_conditions(file, stated, manifest, damage)
        rows = _graded(loaded)
        keys = keys or _shared_keys(clean, file, base, rows)
        if rows.keys() != set(keys):
            raise InputError(
                f"{file.path}: answers {len(rows):,} questions, and {next(iter(cells.values())).path.name} "
                f"{len(keys):,}; ask both with the same --limit, or move one away"
            )
        table = table or [_columns([(base[key], base[key]) for key in keys], spec)]
        table.append(_columns([(base[key], rows[key]) for key in keys], spec))
        advance(1)
    questions = tuple(base[key].prediction.question for key in keys)
    return DamageGrid(spec, clean, questions, tuple(cells), np.stack(table, axis=1), len(base), first.notes)


def _opened(spec: DatasetSpec, file: PredictionFile) -> tuple[LoadedRun, RunManifest]:
    loaded = open_run(spec, file)
    if loaded.manifest is None:
        raise InputError(
            f"{file.path}: has no {runs.manifest_path(file.path).name} beside it, so nothing says how its "
            "pictures were shown; ask the model with `unifer infer`"
        )
    lacking = len(loaded.missing.questions) + loaded.missing.unplaced
    if lacking:
        raise InputError(
            f"{file.path}: {lacking:,} of {lacking + len(loaded.predictions):,} questions have no row yet; "
            "run the same inference again, it goes on from there"
        )
    return loaded, loaded.manifest


def _refuse_other_conditions(
    file: PredictionFile, stated: RunManifest, clean: RunManifest, damage: Damage
) -> None:
    expected = clean.identity | {kinds.KEY: damage.to_json()}
    changed = list(runs.differences(expected, stated.identity))
    if changed:
        raise InputError(
            f"{file.path}: was not asked as the clean run was, but for the damage; it differs in\n  "
            + "\n  ".join(changed)
            + "\nask both anew by one command: `unifer infer` with --damage all"
        )


def _graded(loaded: LoadedRun) -> dict[str, Graded]:
    """The verdicts by key, of questions that have a truth to be held against."""
    units = loaded.spec.action_units
    graded = (Graded(row, grade_prediction(row), units) for row in loaded.predictions)
    if loaded.spec.labels:
        graded = (row for row in graded if row.prediction.question.true_label is not None)
    return {row.prediction.question.key: row for row in graded}


def _shared_keys(
    clean: PredictionFile, file: PredictionFile, base: dict[str, Graded], rows: dict[str, Graded]
) -> list[str]:
    """The keys of `rows` in the order of the clean run. Raises InputError where it lacks some."""
    strangers = rows.keys() - base.keys()
    if strangers or not rows:
        lone = f"such as {min(strangers)!r}" if strangers else "it holds none with a truth"
        raise InputError(
            f"{clean.path}: has no answer to {len(strangers):,} of the {len(rows):,} questions of "
            f"{file.path.name} ({lone}); ask the clean run as far, without --damage"
        )
    return [key for key in base if key in rows]


def _columns(pairs: Sequence[tuple[Graded, Graded]], spec: DatasetSpec) -> Floats:
    """The `COLUMNS` of replies beside those of the clean run: (questions, columns)."""
    return np.array([_row(clean, row, bool(spec.labels)) for clean, row in pairs], dtype=float)


def _row(clean: Graded, row: Graded, labelled: bool) -> tuple[float, ...]:
    before, after = clean.verdict, row.verdict
    claim = row.claim
    score = float(row.correct) if labelled or claim is None else claim.f1 * claim.replied
    claims = bool(before.action_units or after.action_units)
    return (
        score,
        (before.outcome, before.label) == (after.outcome, after.label),
        f1(before.action_units, after.action_units) if claims else 0.0,
        claims,
        after.outcome in ("off_list", "no_answer"),
        after.outcome != "failed" and not after.well_formed,
        after.outcome == "failed",
    )
