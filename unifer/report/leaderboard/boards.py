"""Entries and published results -> boards: a ranking per group of runs and metric, one line per model.

A board has scores over all its datasets, pooled and in the mean, and lines to read them against: what naming
the commonest label scores, and how often people agree. Nothing is pooled over a part: a model that lacks a
dataset, was asked a part of one, or is two checkpoints has neither score. Knows no format; `text`, `csv_rows`
and `html` write boards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

from unifer.datasets import DatasetSpec
from unifer.emotions import canonical
from unifer.evaluate.facial_r1 import PROTOCOL as FACIAL_R1
from unifer.evaluate.metrics import ConfusionTable
from unifer.evaluate.overall import overall
from unifer.evaluate.published import pool_published
from unifer.evaluate.statistics.baselines import Baselines, baselines_of, mean_baselines
from unifer.report.leaderboard.cells import LABELLED, METRICS, Value, accuracy_interval, published_values
from unifer.report.leaderboard.entries import POOLED_FAMILY, UNITS_FAMILY, Entry, Group, family_of
from unifer.report.leaderboard.lines import (
    KINDS,
    MEAN,
    POOLED,
    Columns,
    Leaderboard,
    Ranking,
    baseline_lines,
    beside_published,
    published_lines,
    run_lines,
)
from unifer.report.leaderboard.published import PublishedResult
from unifer.report.leaderboard.ranks import Pairs

MAJORITY, HUMAN = "commonest label", "people agree"
_NOT_AVERAGED = ("rege", "judge")
"""On scales of their own, and published for one dataset at a time."""


def arrange(
    entries: Sequence[Entry],
    specs: Mapping[str, DatasetSpec],
    published: Sequence[PublishedResult],
    *,
    protocol: str,
    resamples: int,
    sort: str | None = None,
) -> list[Leaderboard]:
    """Boards in the order of their first run, those of published results alone at the end.

    `specs` are all datasets by name.
    """
    groups = dict.fromkeys(entry.group for entry in entries)
    if published:
        groups |= dict.fromkeys(Group(family) for family in (POOLED_FAMILY, UNITS_FAMILY))
    boards = []
    for group in groups:
        board, results = _board(group, entries, specs, published, protocol, resamples)
        pairs = board.pairs(resamples)
        board.rankings += filter(
            None, (_ranking(board, metric, results, protocol, pairs) for metric in METRICS)
        )
        if sort is not None:
            board.rankings = [_sorted(ranking, sort, board) for ranking in board.rankings]
        if board.rankings:
            boards.append(board)
    return boards


def _board(
    group: Group,
    entries: Sequence[Entry],
    specs: Mapping[str, DatasetSpec],
    published: Sequence[PublishedResult],
    protocol: str,
    resamples: int,
) -> tuple[Leaderboard, list[PublishedResult]]:
    """The board of a group, without rankings yet, and the published results that belong to it."""
    members = [entry for entry in entries if entry.group == group]
    family = {spec.name: spec.title for spec in specs.values() if family_of(spec) == group.family}
    # Published results are over each dataset's own questions, so they stand beside no other question file.
    results = [
        result
        for result in published
        if group.questions is None
        and (group.family == POOLED_FAMILY if result.dataset == POOLED else result.dataset in family)
    ]
    used = {name for entry in members for name in entry.cells} | {result.dataset for result in results}
    datasets = tuple((name, title) for name, title in family.items() if name in used)
    names = [name for name, _ in datasets]
    totals = _totals(members, names, group, protocol, resamples)
    reference = _reference(members, specs, names, group)
    return Leaderboard(group, datasets, members, totals, reference), results


def _ranking(
    board: Leaderboard, metric: str, published: Sequence[PublishedResult], protocol: str, pairs: Pairs | None
) -> Ranking | None:
    """The ranking of one metric; None where nothing has a value of it."""
    published = [result for result in published if result.metric == metric]
    scored, told = board.datasets_with(metric), {result.dataset for result in published}
    if not scored and not published:
        return None
    totals = [
        total
        for total in (POOLED, MEAN)
        if any(metric in columns.get(total, {}) for columns in board.totals.values())
    ]
    columns = [pair for pair in board.datasets if pair[0] in scored or pair[0] in told]
    columns += [
        pair for pair in ((POOLED, "pooled"), (MEAN, "mean of sets")) if pair[0] in totals or pair[0] in told
    ]
    keys = [key for key, _ in columns]
    ranked_by = scored[0] if len(scored) == 1 else next(iter(totals), None)
    order = ranked_by or keys[0]
    lines = run_lines(board, metric, keys, order, protocol, pairs)
    if published:
        lines = [beside_published(line, board, published) for line in lines]
    lines += baseline_lines(board, metric, keys) + published_lines(published, order, protocol)
    return Ranking(metric, tuple(columns), ranked_by, tuple(lines))


def _sorted(ranking: Ranking, sort: str, board: Leaderboard) -> Ranking:
    """The same lines by `name`, or by the metric `sort` (`METRIC` or `METRIC:COLUMN`) of any table."""
    metric, _, column = sort.partition(":")
    if sort == "name":
        order = {line.name: (line.name.casefold(), 0.0) for line in ranking.lines}
    else:
        by = {
            entry.model: board.values(entry, metric, [column] if column else [POOLED, MEAN, *entry.cells])
            for entry in board.entries
        }
        order = {
            name: ("", -next(iter(values.values())).score if values else 1.0) for name, values in by.items()
        }
    lines = sorted(ranking.lines, key=lambda line: (KINDS.index(line.kind), order.get(line.name, ("", 2.0))))
    return replace(ranking, lines=tuple(lines))


# --- all datasets of a board together ----------------------------------------------------------------------


def _totals(
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


def _reference(
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
