"""Lines to read a board against: what naming the commonest label scores, and how often people agree. Figures
are `evaluate/baselines`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unifer.datasets import DatasetSpec
from unifer.emotions import canonical
from unifer.evaluate.metrics import ConfusionTable
from unifer.evaluate.statistics.baselines import Baselines, baselines_of, mean_baselines
from unifer.report.leaderboard.entries import LABELLED, POOLED_FAMILY, Entry, Group, Value
from unifer.report.leaderboard.summaries import MEAN, POOLED

MAJORITY, HUMAN = "commonest label", "people agree"
Columns = dict[str, dict[str, Value]]
"""Column -> metric -> value."""


def reference_lines(
    entries: Sequence[Entry], specs: Mapping[str, DatasetSpec], order: Sequence[str], group: Group
) -> dict[str, tuple[Columns, tuple[str, ...]]]:
    """Values and notes by the name of the line; over the datasets of which a run has answered all
    questions.
    """
    tables = {name: table for name in order if (table := _table(entries, name)) is not None}
    found = {name: baselines_of(table, specs[name]) for name, table in tables.items()}
    if not found:
        return {}
    majority = {name: _values(each) for name, each in found.items()}
    if len(found) > 1:
        majority[MEAN] = _values(mean_baselines(list(found.values())))
        if group.family == POOLED_FAMILY:
            majority[POOLED] = _values(baselines_of(_pooled(list(tables.values()))))
    named = tuple(f"{specs[name].title}: the commonest is {each.label}" for name, each in found.items())
    people = {name: each.human for name, each in found.items() if each.human is not None}
    human: Columns = {name: {"war": Value(each.accuracy)} for name, each in people.items()}
    about = tuple(f"{specs[name].title}: {each.about}" for name, each in people.items())
    return {MAJORITY: (majority, named)} | ({HUMAN: (human, about)} if human else {})


def _table(entries: Sequence[Entry], dataset: str) -> ConfusionTable | None:
    """The truths of the dataset, from a run that was asked all of them; one with few missing rows goes
    first.
    """
    cells = [
        cell
        for entry in entries
        if (cell := entry.cells.get(dataset)) is not None and cell.comparable and cell.table is not None
    ]
    best = min(cells, key=lambda cell: cell.counts["missing"] + cell.counts["failed"], default=None)
    return None if best is None else best.table


def _pooled(tables: Sequence[ConfusionTable]) -> ConfusionTable:
    labels = list(dict.fromkeys(canonical(label) for table in tables for label in table.labels))
    renamed = [
        table.relabelled(labels, {label: canonical(label) for label in table.labels}) for table in tables
    ]
    pooled = renamed[0]
    for more in renamed[1:]:
        pooled = pooled + more
    return pooled


def _values(found: Baselines) -> dict[str, Value]:
    return {name: Value(getattr(found, name)) for name in LABELLED}
