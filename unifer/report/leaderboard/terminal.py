"""Boards as lines for a terminal of 80 columns: the first ranking of each, without published lines."""

from __future__ import annotations

from collections.abc import Sequence

from unifer.report.leaderboard.boards import Leaderboard, Ranking
from unifer.report.leaderboard.shown import heading, rank_of, ranked_by, shown, tag_of
from unifer.report.tables import grid, plain


def summary(boards: Sequence[Leaderboard]) -> str:
    """A small table a board that has runs; how many published results stand beside them."""
    parts = []
    for board in boards:
        ranking = next(
            (each for each in board.rankings if any(line.kind == "run" for line in each.lines)), None
        )
        if ranking is not None:
            parts += [f"{heading(board)} · {ranking.title}, {ranked_by(ranking)}", "", _grid(ranking), ""]
    told = {
        (line.name, line.about)
        for board in boards
        for each in board.rankings
        for line in each.lines
        if line.kind == "published"
    }
    parts += [f"{len(told)} published lines beside them, unranked"] if told else []
    return "\n".join(parts)


def _grid(ranking: Ranking) -> str:
    rows = []
    for line in ranking.lines:
        if line.kind != "published":
            cell = None if ranking.ranked_by is None else shown(ranking, line, ranking.ranked_by)
            score = "–" if cell is None else cell.number + (f" [{cell.interval}]" if cell.interval else "")
            tag = f" ({tag_of(line)})" if line.kind == "run" and tag_of(line) else ""
            rows.append(
                (plain(line.name, 30 - len(tag)) + tag, rank_of(ranking, line), score, line.questions)
            )
    return grid(("model", "rank", "percent", "questions"), rows)
