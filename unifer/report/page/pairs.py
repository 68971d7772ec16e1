"""Pairs of models: the gain on each dataset and on all of them, and its effect on each label.

Computes nothing that `evaluate/statistics` computes; says which models are held against which, and on what.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from unifer.emotions import in_order
from unifer.errors import InputError
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.gains import Gain, gain_of, holm, pair_up
from unifer.evaluate.statistics.matching import match
from unifer.evaluate.statistics.recalls import LabelChange, changes_over
from unifer.records import Json

ALL = "*"
"""The scope of all datasets together."""
PAIRED = 6
"""Models up to which every pair is compared; of more, each is compared with the first."""

Both = tuple[DatasetScores, DatasetScores]
"""What two models, before and after, scored on one dataset."""


@dataclass(frozen=True)
class Versus:
    """Two models on one dataset, or on `ALL`: the gain of `after`, or the `problem` that forbids it.

    `measure` is WAR, or AU F1 where the dataset asks for AUs alone; then `labels` is empty. `holm` is the
    gain's p, corrected for the pairs of the same scope.
    """

    before: str
    after: str
    scope: str
    measure: str
    gain: Gain | None = None
    labels: tuple[LabelChange, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    holm: float = 1.0

    def to_json(self) -> Json:
        named: Json = {
            "before": self.before,
            "after": self.after,
            "dataset": self.scope,
            "measure": self.measure,
        }
        if self.gain is None:
            return named | {"problem": self.problem}
        labels = [{"label": each.label, "verdict": each.verdict, **each.to_json()} for each in self.labels]
        gain = self.gain.to_json() | {"p": self.gain.significance}
        return named | {"gain": gain, "labels": labels, "notes": list(self.notes), "holm": self.holm}


def baseline_of(models: Sequence[str], wanted: str | None) -> str | None:
    """The model that all others are held against; None where every pair is.

    Raises InputError where nothing is called `wanted`.
    """
    if wanted is not None and wanted not in models:
        raise InputError(f"--baseline {wanted}: is none of the runs; there are {', '.join(models)}")
    return models[0] if wanted is None and len(models) > PAIRED else wanted


def held_against(
    results: Sequence[DatasetScores], models: Sequence[str], baseline: str | None, resamples: int
) -> list[Versus]:
    """Every pair of `models`, or each with the `baseline`, on all datasets of both and on each.

    The baseline stands before; of another pair the model that is worse on the first scope does.
    """
    pairs = (
        combinations(models, 2)
        if baseline is None
        else ((baseline, other) for other in models if other != baseline)
    )
    named = {(result.run.name, result.spec.name): result for result in results}
    found: list[Versus] = []
    for first, second in pairs:
        both = [
            (named[first, name], named[second, name])
            for model, name in named
            if model == first and (second, name) in named
        ]
        rows = _on_each(both, resamples)
        if baseline is None and rows and rows[0].gain is not None and rows[0].gain.points < 0:
            rows = _on_each([(other, one) for one, other in both], resamples)
        found += rows
    return _corrected(found)


def _corrected(found: Sequence[Versus]) -> list[Versus]:
    """With p by Holm for the pairs of each scope."""
    adjusted: dict[int, float] = {}
    for scope in dict.fromkeys(row.scope for row in found):
        told = [
            (at, row.gain.significance)
            for at, row in enumerate(found)
            if row.scope == scope and row.gain is not None
        ]
        adjusted.update(zip((at for at, _ in told), holm([p for _, p in told]), strict=True))
    return [replace(row, holm=adjusted[at]) if at in adjusted else row for at, row in enumerate(found)]


def _on_each(both: Sequence[Both], resamples: int) -> list[Versus]:
    """A pair of models on its labelled datasets together, if several, and on each of its datasets."""
    labelled = [pair for pair in both if pair[0].spec.labels]
    together = [_versus(labelled, ALL, resamples)] if len(labelled) > 1 else []
    return together + [_versus([pair], pair[0].spec.name, resamples) for pair in both]


def _versus(pairs: Sequence[Both], scope: str, resamples: int) -> Versus:
    """One pair of models over datasets, by WAR, or by AU F1 where a dataset asks for AUs alone."""
    specs = [before.spec for before, _ in pairs]
    names = [result.run.name for result in pairs[0]]
    row = Versus(names[0], names[1], scope, "war" if specs[0].labels else "au_f1")
    try:
        matched = [
            match({"before": before.graded, "after": after.graded}, common=True) for before, after in pairs
        ]
        replies = [(each.graded["before"], each.graded["after"]) for each in matched]
        made = [pair_up(before, after, row.measure) for before, after in replies]
    except InputError as error:
        return replace(row, problem=str(error))
    # As `unifer compare` draws them, so that both say the same.
    seeds = [zlib.crc32(spec.name.encode()) for spec in specs] if len(pairs) > 1 else [0]
    swap = True if len(pairs) > 1 or row.measure != "war" else None
    gain = gain_of(made, resamples=max(resamples, 1), seeds=seeds, swap=swap)
    labels = (
        specs[0].labels if len(specs) == 1 else in_order(label for spec in specs for label in spec.labels)
    )
    changes = changes_over(replies, labels, resamples=resamples, seeds=seeds)
    return replace(
        row, gain=gain, labels=tuple(changes), notes=tuple(note for each in matched for note in each.notes)
    )
