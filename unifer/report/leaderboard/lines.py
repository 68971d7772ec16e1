"""Lines of a ranking: what stands in the line of a run, of a baseline and of a published result.

Published results are lines of their own kind and never have a rank. A model that lacks a dataset of its
board, answered a part of it, or is another checkpoint there, has no pooled score, no mean and no rank. Knows
one board and one metric at a time; which boards and metrics there are is `boards`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from unifer.dialogue.wordings import PUBLISHED
from unifer.report.leaderboard import ranks
from unifer.report.leaderboard.cells import LABELLED, METRICS, QuestionOutcome, Value
from unifer.report.leaderboard.entries import Entry, Group
from unifer.report.leaderboard.published import SCALES, PublishedResult
from unifer.report.leaderboard.ranks import Pairs, Place

POOLED, MEAN = "pooled", "mean"
"""Columns over all datasets of a board."""
Columns = dict[str, dict[str, Value]]
"""Column (a dataset, `pooled` or `mean`) -> metric -> value."""
LineKind = Literal["run", "baseline", "published"]
KINDS: tuple[LineKind, ...] = ("run", "baseline", "published")
"""In the order of their lines."""


@dataclass(frozen=True)
class RankingLine:
    """One line of a ranking: values and places by column; columns in `partial` are not comparable."""

    kind: LineKind
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
    """One metric: columns (key, title) in order, and the lines, best first.

    `ranked_by` is the column that ranks; None where no model has all sets. `name` is the heading of what is
    no metric: a rate of a trust sheet, whose `metric` is its unit.
    """

    metric: str
    columns: tuple[tuple[str, str], ...]
    ranked_by: str | None
    lines: tuple[RankingLine, ...]
    name: str = ""

    @property
    def title(self) -> str:
        return self.name or METRICS[self.metric]


@dataclass
class Leaderboard:
    """One group of runs: its entries, with pooled scores and means beside them, and a ranking per metric."""

    group: Group
    datasets: tuple[tuple[str, str], ...]
    """Name and title of each."""
    entries: Sequence[Entry]
    totals: Mapping[str, Columns]
    """Model -> `pooled` or `mean` -> metric -> value."""
    reference: Mapping[str, tuple[Columns, tuple[str, ...]]]
    rankings: list[Ranking] = field(default_factory=list)

    def datasets_with(self, metric: str) -> list[str]:
        """The datasets on which any run has a score of `metric`, in their order."""
        return [
            name
            for name, _ in self.datasets
            if any(name in entry.cells and metric in entry.cells[name].values for entry in self.entries)
        ]

    def values(self, entry: Entry, metric: str, keys: Sequence[str]) -> dict[str, Value]:
        """The values of a run by those of the columns `keys` in which it has one."""
        columns = {name: cell.values for name, cell in entry.cells.items()} | dict(
            self.totals.get(entry.model, {})
        )
        return {key: columns[key][metric] for key in keys if metric in columns.get(key, {})}

    def pairs(self, resamples: int) -> Pairs | None:
        """The runs that can be compared question by question.

        None where nothing is resampled, or scores are not by our own verdicts.
        """
        outcomes: dict[str, dict[str, Mapping[str, QuestionOutcome]]] = {}
        for entry in self.entries:
            for name, cell in entry.cells.items():
                if cell.comparable and cell.outcomes:
                    outcomes.setdefault(name, {})[entry.model] = cell.outcomes
        return Pairs(outcomes, resamples) if outcomes and resamples else None


def sort_key(line: RankingLine, key: str) -> tuple[int, float, str]:
    """Ranked runs, other runs, baselines, published lines; each kind best first by column `key`."""
    unranked = line.kind == "run" and key not in line.places
    score = line.values[key].score if key in line.values else -1.0
    return 2 * KINDS.index(line.kind) + unranked, -score, line.name


def run_lines(
    board: Leaderboard, metric: str, keys: Sequence[str], order: str, protocol: str, pairs: Pairs | None
) -> list[RankingLine]:
    """A line per run that has a value of `metric` in any column of `keys`, sorted by the column `order`."""
    values = {entry.model: board.values(entry, metric, keys) for entry in board.entries}
    placed = {key: _places(board, metric, key, values, pairs) for key in keys}
    lines = [
        RankingLine(
            "run",
            entry.model,
            protocol,
            values[entry.model],
            {key: placed[key][entry.model] for key in keys if entry.model in placed[key]},
            partial=frozenset(name for name, cell in entry.cells.items() if not cell.comparable),
            questions=questions_of(entry, board),
            about=_about(entry, board, metric),
            prompt="" if entry.wording is None else entry.wording.short,
        )
        for entry in board.entries
        if values[entry.model]
    ]
    return sorted(lines, key=lambda line: sort_key(line, order))


def _places(
    board: Leaderboard, metric: str, key: str, values: Mapping[str, Mapping[str, Value]], pairs: Pairs | None
) -> dict[str, Place]:
    """Places in one column, of the models whose score there is comparable."""
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
        parts = board.datasets_with(metric)
        tied = pairs.tied(metric, [key] if key in parts else sorted(parts), pool=key == POOLED)
    return ranks.places({model: value.score for model, value in column.items()}, tied)


def beside_published(
    line: RankingLine, board: Leaderboard, published: Sequence[PublishedResult]
) -> RankingLine:
    """The line of a run in the same table as `published`: it says where it was asked with another prompt."""
    cells = next(entry.cells for entry in board.entries if entry.model == line.name)
    datasets = {result.dataset for result in published}
    titles, about = dict(board.datasets), []
    for name, cell in cells.items():
        if POOLED not in datasets and name not in datasets:
            continue
        if cell.wording is not None and cell.wording.dataset != name:
            known = (
                "not the published prompt"
                if name in PUBLISHED.values()
                else "and with which prompt the published results were got is not known here"
            )
            about.append(f"{titles[name]}: asked with {cell.wording.text}, {known}")
    return replace(line, unpublished=bool(about), about=(*line.about, *about))


def questions_of(entry: Entry, board: Leaderboard) -> str:
    """How many questions were asked, of how many that the datasets of the board have: `3,068 of 11,072`."""
    total = sum(cell.counts["asked"] for cell in entry.cells.values())
    wholes: dict[str, int | None] = {
        name: cell.whole for other in (*board.entries, entry) for name, cell in other.cells.items()
    }
    known = [whole for whole in wholes.values() if whole is not None]
    return f"{total:,} of {sum(known):,}" if len(known) == len(wholes) else f"{total:,}"


def _about(entry: Entry, board: Leaderboard, metric: str) -> tuple[str, ...]:
    """Notes on the line of a run: flags of its cells, AU sets, folds, judges, lacking datasets."""
    several, cells, titles = len(entry.cells) > 1, entry.cells.values(), dict(board.datasets)
    about = [
        f"{titles[name]}: {flag}" if several else flag
        for name, cell in entry.cells.items()
        for flag in cell.flags
    ]
    about += ["inference as published"] if {cell.profile for cell in cells} == {"published"} else []
    if metric.startswith(("au_", "rege")):
        sets = dict.fromkeys(cell.au_set for cell in cells if metric in cell.values)
        about += [f"AU set {au_set}" for au_set in sets if au_set is not None]
    about += [
        f"{titles[name]}: subjects in {cell.folds}"
        for name, cell in entry.cells.items()
        if cell.folds is not None
    ]
    about += [cell.judge for cell in cells if metric == "judge" and cell.judge is not None]
    answered = {name for other in board.entries for name in other.cells}
    lacking = [title for name, title in board.datasets if name in answered and name not in entry.cells]
    about += [f"not asked: {', '.join(lacking)}"] if lacking else []
    return (*about, *(() if entry.one_model else ("another checkpoint on each dataset",)))


def baseline_lines(board: Leaderboard, metric: str, keys: Sequence[str]) -> list[RankingLine]:
    """The lines that a board is read against."""
    lines = [
        RankingLine(
            "baseline",
            name,
            "no model",
            {key: columns[key][metric] for key in keys if metric in columns.get(key, {})},
            about=about,
        )
        for name, (columns, about) in board.reference.items()
    ]
    return [line for line in lines if line.values]


def published_lines(published: Sequence[PublishedResult], order: str, our_protocol: str) -> list[RankingLine]:
    """One line per system, source, protocol and setting."""
    by_line: dict[tuple[str, str, str, str], list[PublishedResult]] = {}
    for result in published:
        key = (result.system, result.source.key, result.protocol.key, result.setting)
        by_line.setdefault(key, []).append(result)
    lines = []
    for (system, _, _, setting), results in by_line.items():
        source, protocol = results[0].source, results[0].protocol
        # Shares stand in percent in the file.
        values = {
            result.dataset: Value(result.value / (100 if SCALES[result.metric][1] == 100 else 1))
            for result in results
        }
        about, same = [source.title], protocol.grading == our_protocol
        if source.unconfirmed:
            about.append(f"unconfirmed: {source.unconfirmed}")
        if protocol.grading is not None and not same:
            about.append(f"by the protocol {protocol.grading}: --protocol {protocol.grading} compares")
        lines.append(
            RankingLine(
                "published",
                system,
                f"{protocol.key}, {setting}" + (" (graded as here)" if same else ""),
                values,
                about=tuple(about),
                unconfirmed=bool(source.unconfirmed),
            )
        )
    return sorted(lines, key=lambda line: sort_key(line, order))
