"""Entries and published results -> boards: a ranking per group of runs and metric, one line per model.

Knows no format; `text`, `csv_rows` and `page` write boards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from unifer.datasets import DatasetSpec
from unifer.report.leaderboard.cells import METRICS
from unifer.report.leaderboard.entries import POOLED_FAMILY, UNITS_FAMILY, Entry, Group, family_of
from unifer.report.leaderboard.lines import (
    KINDS,
    Leaderboard,
    Ranking,
    baseline_lines,
    beside_published,
    published_lines,
    run_lines,
)
from unifer.report.leaderboard.published import PublishedResult
from unifer.report.leaderboard.ranks import Pairs
from unifer.report.leaderboard.summaries import MEAN, POOLED, reference_lines, summaries


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
    totals = summaries(members, names, group, protocol, resamples)
    reference = reference_lines(members, specs, names, group)
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
