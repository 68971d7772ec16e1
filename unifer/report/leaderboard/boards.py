"""Entries and published results -> boards: for each group of runs, a ranking for each metric, one line a
model.

Published results are lines of their own kind and never have a rank. A model that lacks a dataset of its
board, answered a part of it, or is another checkpoint there, has no pooled score, no mean and no rank. Knows
no format; `markdown`, `table` and `page` write boards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from unifer.datasets import DatasetSpec
from unifer.dialogue.wordings import PUBLISHED
from unifer.report.leaderboard import ranks
from unifer.report.leaderboard.entries import (
    LABELLED,
    METRICS,
    POOLED_FAMILY,
    UNITS_FAMILY,
    Entry,
    Group,
    QuestionOutcome,
    Value,
    family_of,
)
from unifer.report.leaderboard.published import SCALES, PublishedResult
from unifer.report.leaderboard.ranks import Pairs, Place
from unifer.report.leaderboard.reference import Columns, reference_lines
from unifer.report.leaderboard.summaries import MEAN, POOLED, summaries

Kind = Literal["run", "baseline", "published"]
_KINDS: tuple[Kind, ...] = ("run", "baseline", "published")
"""In the order of their lines."""


@dataclass(frozen=True)
class RankingLine:
    """One line of a ranking: values and places by column; `partial` are columns that are not to be compared
    and so have no place.
    """

    kind: Kind
    name: str
    protocol: str
    values: Mapping[str, Value]
    places: Mapping[str, Place] = field(default_factory=dict)
    partial: frozenset[str] = frozenset()
    questions: str = ""
    about: tuple[str, ...] = ()
    unconfirmed: bool = False
    prompt: str = ""
    """In whose words a run was asked: `published prompt`, `own prompt`, ..."""
    unpublished: bool = False
    """Another prompt than the published one, though published results stand in the same table."""


@dataclass(frozen=True)
class Ranking:
    """One metric: columns (key, title) in order, the one that ranks (None: no model has all sets), and the
    lines, best first.
    """

    metric: str
    columns: tuple[tuple[str, str], ...]
    ranked_by: str | None
    lines: tuple[RankingLine, ...]

    @property
    def title(self) -> str:
        return METRICS[self.metric]


@dataclass
class Leaderboard:
    """One group of runs: its entries, with `pooled` and `mean` among their cells' values, and a ranking for
    each metric.
    """

    group: Group
    datasets: tuple[tuple[str, str], ...]
    entries: Sequence[Entry]
    totals: Mapping[str, Mapping[str, Mapping[str, Value]]]
    """Model -> `pooled` or `mean` -> metric -> value."""
    reference: Mapping[str, tuple[Columns, tuple[str, ...]]]
    rankings: list[Ranking] = field(default_factory=list)


def arrange(
    entries: Sequence[Entry],
    specs: Mapping[str, DatasetSpec],
    published: Sequence[PublishedResult],
    *,
    protocol: str,
    resamples: int,
    sort: str | None = None,
) -> list[Leaderboard]:
    """Boards in the order of their first run, those of published results alone at the end. `specs` are all
    datasets by name.
    """
    groups = dict.fromkeys(entry.group for entry in entries)
    if published:
        groups |= dict.fromkeys(Group(family) for family in (POOLED_FAMILY, UNITS_FAMILY))
    boards = []
    for group in groups:
        own = [entry for entry in entries if entry.group == group]
        shown = [spec for spec in specs.values() if family_of(spec) == group.family]
        told = [result for result in published if group.questions is None and _belongs(result, group, shown)]
        asked = {name for entry in own for name in entry.cells} | {result.dataset for result in told}
        datasets = tuple((spec.name, spec.title) for spec in shown if spec.name in asked)
        totals = summaries(own, [name for name, _ in datasets], group, protocol, resamples)
        reference = reference_lines(own, specs, [name for name, _ in datasets], group)
        board = Leaderboard(group, datasets, own, totals, reference)
        pairs = _pairs(own, resamples)
        board.rankings += filter(None, (_ranking(board, metric, told, protocol, pairs) for metric in METRICS))
        if sort is not None:
            board.rankings = [_sorted(ranking, sort, board) for ranking in board.rankings]
        if board.rankings:
            boards.append(board)
    return boards


def _belongs(result: PublishedResult, group: Group, shown: Sequence[DatasetSpec]) -> bool:
    if result.dataset == POOLED:
        return group.family == POOLED_FAMILY
    return any(spec.name == result.dataset for spec in shown)


def _ranking(
    board: Leaderboard, metric: str, told: Sequence[PublishedResult], protocol: str, pairs: Pairs | None
) -> Ranking | None:
    """The ranking of one metric; None where nothing has a value of it."""
    told = [result for result in told if result.metric == metric]
    have = {name for entry in board.entries for name, cell in entry.cells.items() if metric in cell.values}
    columns = [
        pair
        for pair in board.datasets
        if pair[0] in have or any(result.dataset == pair[0] for result in told)
    ]
    if not have and not told:
        return None
    for total, title in ((POOLED, "pooled"), (MEAN, "mean of sets")):
        if any(metric in totals.get(total, {}) for totals in board.totals.values()) or any(
            result.dataset == total for result in told
        ):
            columns.append((total, title))
    keys = [key for key, _ in columns]
    whole = next(
        (
            total
            for total in (POOLED, MEAN)
            if any(metric in each.get(total, {}) for each in board.totals.values())
        ),
        None,
    )
    ranked_by = next(iter(have)) if len(have) == 1 else whole
    order = ranked_by or keys[0]
    lines = _run_lines(board, metric, keys, order, protocol, pairs)
    if told:
        lines = [_marked(line, board, told) for line in lines]
    return Ranking(
        metric,
        tuple(columns),
        ranked_by,
        (*lines, *_reference_lines(board, metric, keys), *_published_lines(told, order, protocol)),
    )


def _run_lines(
    board: Leaderboard, metric: str, keys: Sequence[str], order: str, protocol: str, pairs: Pairs | None
) -> list[RankingLine]:
    values = {entry.model: _values(entry, board, metric, keys) for entry in board.entries}
    placed = {key: _places(board, metric, key, values, pairs) for key in keys}
    lines = []
    for entry in board.entries:
        if not values[entry.model]:
            continue
        places = {key: placed[key][entry.model] for key in keys if entry.model in placed[key]}
        partial = frozenset(name for name, cell in entry.cells.items() if not cell.comparable)
        told = (questions_of(entry, board), _about(entry, board, metric))
        prompt = "" if entry.wording is None else entry.wording.short
        lines.append(
            RankingLine(
                "run", entry.model, protocol, values[entry.model], places, partial, *told, prompt=prompt
            )
        )
    return sorted(lines, key=lambda line: _order(line, order))


def _marked(line: RankingLine, board: Leaderboard, told: Sequence[PublishedResult]) -> RankingLine:
    """`line`, beside published results `told`: a run that was not asked with the prompt of its set says
    so.
    """
    cells = next(entry.cells for entry in board.entries if entry.model == line.name)
    beside = (
        cells.keys()
        if any(result.dataset == POOLED for result in told)
        else cells.keys() & {result.dataset for result in told}
    )
    asked = [
        (name, cell.wording) for name, cell in cells.items() if name in beside and cell.wording is not None
    ]
    other = [(dict(board.datasets)[name], name, words.text) for name, words in asked if words.dataset != name]
    known = "not the published prompt"
    unknown = "and with which prompt the published results were got is not known here"
    about = [
        f"{title}: asked with {text}, {known if name in PUBLISHED.values() else unknown}"
        for title, name, text in other
    ]
    return replace(line, unpublished=bool(other), about=(*line.about, *about))


def _values(entry: Entry, board: Leaderboard, metric: str, keys: Sequence[str]) -> dict[str, Value]:
    cells = {name: cell.values for name, cell in entry.cells.items()} | dict(
        board.totals.get(entry.model, {})
    )
    return {key: cells[key][metric] for key in keys if metric in cells.get(key, {})}


def _places(
    board: Leaderboard, metric: str, key: str, values: Mapping[str, Mapping[str, Value]], pairs: Pairs | None
) -> dict[str, Place]:
    """Places in one column, of the models whose score there may be compared."""
    comparable = [
        entry
        for entry in board.entries
        if key in values[entry.model] and (key not in entry.cells or entry.cells[key].comparable)
    ]
    column = {entry.model: values[entry.model][key] for entry in comparable}
    judges = {entry.cells[key].judge for entry in comparable if key in entry.cells}
    if not column or (metric == "judge" and len(judges) > 1):
        return {}
    tied = ranks.overlap(column)
    if pairs is not None and metric in LABELLED:
        have = {
            name for entry in board.entries for name, cell in entry.cells.items() if metric in cell.values
        }
        tied = pairs.tied(metric, [key] if key in have else sorted(have), pool=key == POOLED)
    return ranks.places({model: value.score for model, value in column.items()}, tied)


def _pairs(entries: Sequence[Entry], resamples: int) -> Pairs | None:
    """What may be compared question by question; None where nothing is resampled, or scores are not by our
    own verdicts.
    """
    said: dict[str, dict[str, Mapping[str, QuestionOutcome]]] = {}
    for entry in entries:
        for name, cell in entry.cells.items():
            if cell.comparable and cell.said:
                said.setdefault(name, {})[entry.model] = cell.said
    return Pairs(said, resamples) if said and resamples else None


def questions_of(entry: Entry, board: Leaderboard) -> str:
    """How many questions were asked, of how many that the datasets of the board have: `3,068 of 11,072`."""
    asked = sum(cell.counts["asked"] for cell in entry.cells.values())
    wholes: dict[str, int | None] = {
        name: cell.whole for other in (*board.entries, entry) for name, cell in other.cells.items()
    }
    known = [whole for whole in wholes.values() if whole is not None]
    return f"{asked:,} of {sum(known):,}" if len(known) == len(wholes) else f"{asked:,}"


def _about(entry: Entry, board: Leaderboard, metric: str) -> tuple[str, ...]:
    several = len(entry.cells) > 1
    titles = dict(board.datasets)
    flags = [
        f"{titles[name]}: {flag}" if several else flag
        for name, cell in entry.cells.items()
        for flag in cell.flags
    ]
    flags += (
        ["inference as published"] if {cell.profile for cell in entry.cells.values()} == {"published"} else []
    )
    sets = dict.fromkeys(
        cell.au_set
        for cell in entry.cells.values()
        if metric in cell.values and metric.startswith(("au_", "rege"))
    )
    flags += [f"AU set {au_set}" for au_set in sets if au_set is not None]
    flags += [
        f"{titles[name]}: subjects in {cell.folds}"
        for name, cell in entry.cells.items()
        if cell.folds is not None
    ]
    flags += [cell.judge for cell in entry.cells.values() if metric == "judge" and cell.judge is not None]
    asked = {name for other in board.entries for name in other.cells}
    lacking = [title for name, title in board.datasets if name in asked and name not in entry.cells]
    flags += [f"not asked: {', '.join(lacking)}"] if lacking else []
    return (*flags, *(() if entry.one_model else ("another checkpoint on each dataset",)))


def _reference_lines(board: Leaderboard, metric: str, keys: Sequence[str]) -> list[RankingLine]:
    found = [
        RankingLine(
            "baseline",
            name,
            "no model",
            {key: columns[key][metric] for key in keys if metric in columns.get(key, {})},
            about=about,
        )
        for name, (columns, about) in board.reference.items()
    ]
    return [line for line in found if line.values]


def _published_lines(told: Sequence[PublishedResult], order: str, graded: str) -> list[RankingLine]:
    """One line a system, source, protocol and setting."""
    found: dict[tuple[str, str, str, str], list[PublishedResult]] = {}
    for result in told:
        found.setdefault((result.system, result.source.key, result.protocol.key, result.setting), []).append(
            result
        )
    lines = []
    for (system, _, _, setting), results in found.items():
        source, protocol = results[0].source, results[0].protocol
        # Shares stand in percent in the file.
        values = {
            result.dataset: Value(result.value / (100 if SCALES[result.metric][1] == 100 else 1))
            for result in results
        }
        doubt = (f"unconfirmed: {source.unconfirmed}",) if source.unconfirmed else ()
        same = protocol.grading == graded
        other = (
            ()
            if same or protocol.grading is None
            else (f"by the protocol {protocol.grading}: --protocol {protocol.grading} compares",)
        )
        shown = f"{protocol.key}, {setting}" + (" (graded as here)" if same else "")
        lines.append(
            RankingLine(
                "published",
                system,
                shown,
                values,
                about=(source.title, *doubt, *other),
                unconfirmed=bool(doubt),
            )
        )
    return sorted(lines, key=lambda line: _order(line, order))


def _order(line: RankingLine, key: str) -> tuple[int, float, str]:
    unranked = line.kind == "run" and key not in line.places
    score = line.values[key].score if key in line.values else -1.0
    return 2 * _KINDS.index(line.kind) + unranked, -score, line.name


def _sorted(ranking: Ranking, sort: str, board: Leaderboard) -> Ranking:
    """The same lines in another order: by `name`, or by the metric `sort` (`METRIC` or `METRIC:COLUMN`) of
    whichever table shows it.
    """
    metric, _, column = sort.partition(":")
    if sort == "name":
        order = {line.name: (line.name.casefold(), 0.0) for line in ranking.lines}
    else:
        by = {
            entry.model: _values(entry, board, metric, [column] if column else [POOLED, MEAN, *entry.cells])
            for entry in board.entries
        }
        order = {
            name: ("", -next(iter(values.values())).score if values else 1.0) for name, values in by.items()
        }
    lines = sorted(ranking.lines, key=lambda line: (_KINDS.index(line.kind), order.get(line.name, ("", 2.0))))
    return Ranking(ranking.metric, ranking.columns, ranking.ranked_by, tuple(lines))
