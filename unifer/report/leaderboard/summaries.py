"""Scores over all datasets of a board, pooled and in the mean, and lines to read them against.

Nothing is pooled over a part: a model that lacks a dataset, was asked a part of one, or is two checkpoints
has neither score. The lines to read a board against are what naming the commonest label scores, and how often
people agree (`evaluate/statistics/baselines`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from unifer.datasets import DatasetSpec
from unifer.emotions import canonical
from unifer.evaluate.facial_r1 import PROTOCOL as FACIAL_R1
from unifer.evaluate.metrics import ConfusionTable
from unifer.evaluate.scoring import overall, pool_published
from unifer.evaluate.statistics.baselines import Baselines, baselines_of, mean_baselines
from unifer.report.leaderboard.cells import LABELLED, METRICS, Value, accuracy_interval, published_values
from unifer.report.leaderboard.entries import POOLED_FAMILY, Entry, Group

POOLED, MEAN = "pooled", "mean"
MAJORITY, HUMAN = "commonest label", "people agree"
_NOT_AVERAGED = ("rege", "judge")
"""On scales of their own, and published for one dataset at a time."""

Columns = dict[str, dict[str, Value]]
"""Column (a dataset, `pooled` or `mean`) -> metric -> value."""


def summaries(
    entries: Sequence[Entry], order: Sequence[str], group: Group, protocol: str, resamples: int
) -> dict[str, Columns]:
    """Model -> `pooled` and `mean` -> metric -> value, over the datasets that have the metric."""
    totals: dict[str, Columns] = {entry.model: {} for entry in entries}
    for metric in METRICS:
        measured = {name for entry in entries for name, cell in entry.cells.items() if metric in cell.values}
        parts = [name for name in order if name in measured]
        if metric in _NOT_AVERAGED or len(parts) < 2:
            continue
        for entry in entries:
            whole = all(
                name in entry.cells and metric in entry.cells[name].values and entry.cells[name].comparable
                for name in parts
            )
            if whole and entry.one_model:
                _add(totals[entry.model], entry, metric, parts, protocol, resamples)
    if group.family != POOLED_FAMILY:
        for columns in totals.values():
            columns.pop(POOLED, None)
    return totals


def _add(
    totals: Columns, entry: Entry, metric: str, parts: Sequence[str], protocol: str, resamples: int
) -> None:
    """Add pooled score and mean of one metric; those of labels come together, from the rows of all sets."""
    scores = [entry.cells[name].values[metric].score for name in parts]
    mean = Value(sum(scores) / len(scores))
    if metric not in LABELLED or protocol == FACIAL_R1:  # which pools nothing
        totals.setdefault(MEAN, {})[metric] = mean
        return
    if POOLED not in totals:
        if protocol == "strict":
            totals[POOLED], totals[MEAN] = _strict(entry, parts, resamples)
        else:
            totals[POOLED], totals[MEAN] = _published(entry, parts, resamples), {}
    totals[MEAN].setdefault(metric, mean)


def _strict(entry: Entry, parts: Sequence[str], resamples: int) -> tuple[dict[str, Value], dict[str, Value]]:
    """Pooled scores and means by strict grading, with intervals."""
    result = overall(
        [scored for name in parts if (scored := entry.cells[name].scored) is not None], resamples
    )
    pooled = {
        name: Value(getattr(result.pooled, name), result.pooled.intervals.get(name)) for name in LABELLED
    }
    return pooled, {name: Value(result.mean[name], result.mean_intervals.get(name)) for name in LABELLED}


def _published(entry: Entry, parts: Sequence[str], resamples: int) -> dict[str, Value]:
    sets = [published for name in parts if (published := entry.cells[name].published) is not None]
    total: Mapping[str, float] = pool_published(sets)["overall"]
    rows = sum(len(each.pairs) for each in sets)
    return published_values(total, accuracy_interval(total["accuracy"], rows, resamples))


def reference_lines(
    entries: Sequence[Entry], specs: Mapping[str, DatasetSpec], order: Sequence[str], group: Group
) -> dict[str, tuple[Columns, tuple[str, ...]]]:
    """Name of the line -> its values and notes, over the datasets of which a run answered all questions."""
    tables = {name: table for name in order if (table := _table(entries, name)) is not None}
    baselines = {name: baselines_of(table, specs[name]) for name, table in tables.items()}
    if not baselines:
        return {}
    majority = {name: _majority(each) for name, each in baselines.items()}
    if len(baselines) > 1:
        majority[MEAN] = _majority(mean_baselines(list(baselines.values())))
        if group.family == POOLED_FAMILY:
            majority[POOLED] = _majority(baselines_of(_pooled(list(tables.values()))))
    named = tuple(f"{specs[name].title}: the commonest is {each.label}" for name, each in baselines.items())
    people = {name: each.human for name, each in baselines.items() if each.human is not None}
    human: Columns = {name: {"war": Value(each.accuracy)} for name, each in people.items()}
    about = tuple(f"{specs[name].title}: {each.about}" for name, each in people.items())
    return {MAJORITY: (majority, named)} | ({HUMAN: (human, about)} if human else {})


def _table(entries: Sequence[Entry], dataset: str) -> ConfusionTable | None:
    """The true labels of the dataset, of the run that was asked all of them and lacks the fewest replies."""
    cells = [
        cell
        for entry in entries
        if (cell := entry.cells.get(dataset)) is not None and cell.comparable and cell.table is not None
    ]
    best = min(cells, key=lambda cell: cell.counts["missing"] + cell.counts["failed"], default=None)
    return None if best is None else best.table


def _pooled(tables: Sequence[ConfusionTable]) -> ConfusionTable:
    labels = list(dict.fromkeys(canonical(label) for table in tables for label in table.labels))
    return reduce(
        add,
        (table.relabelled(labels, {label: canonical(label) for label in table.labels}) for table in tables),
    )


def _majority(baselines: Baselines) -> dict[str, Value]:
    return {name: Value(getattr(baselines, name)) for name in LABELLED}
