"""Boards as Markdown, for a README or an issue. Names are data: nothing in them is markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from unifer.report.leaderboard.boards import Leaderboard, Ranking, RankingLine
from unifer.report.leaderboard.shown import (
    EXPLAINED,
    NAME_WIDTH,
    heading,
    made_of,
    notes_of,
    rank_of,
    ranked_by,
    shown,
    tag_of,
)
from unifer.report.tables import plain

_MARKUP = re.compile(r"([\\`*_\[\]#|~])")


def markdown(boards: Sequence[Leaderboard], warnings: Sequence[str]) -> str:
    """The whole leaderboard: a heading a board, a table a metric, what to know below."""
    parts = ["# Leaderboard", ""]
    if warnings:
        parts += ["Before comparing:", "", *(f"- {escaped(warning, 400)}" for warning in warnings), ""]
    for board in boards:
        parts += [f"## {escaped(heading(board), 100)}", ""]
        for ranking in board.rankings:
            parts += [f"### {ranking.title}", "", *_table(ranking), ""]
            parts += [*_notes(ranking), ""]
    return "\n".join([*parts, EXPLAINED, ""])


def _table(ranking: Ranking) -> list[str]:
    titles = [escaped(title, 40) for _, title in ranking.columns]
    head = ["#", "model", *titles, "questions", "protocol"]
    rule = ["--:", "---", *["--:"] * (len(titles) + 1), "---"]
    return [row(head), row(rule), *(row(_cells(ranking, line)) for line in ranking.lines)]


def _cells(ranking: Ranking, line: RankingLine) -> list[str]:
    name = escaped(line.name, NAME_WIDTH)
    tag = f" *({tag_of(line)})*" if tag_of(line) else ""
    scores = [_score(ranking, line, key) for key, _ in ranking.columns]
    return [rank_of(ranking, line), f"{name}{tag}", *scores, line.questions, escaped(made_of(line), 80)]


def _score(ranking: Ranking, line: RankingLine, key: str) -> str:
    cell = shown(ranking, line, key)
    if cell is None:
        return ""
    number = f"**{cell.number}**" if cell.best else cell.number
    return f"{'~' if cell.partial else ''}{number}" + (f" [{cell.interval}]" if cell.interval else "")


def _notes(ranking: Ranking) -> list[str]:
    """Which column ranks, and what is to be known of single lines, each thing once."""
    said = ranked_by(ranking)
    return [
        f"{said[:1].upper()}{said[1:]}.",
        "",
        *(
            f"- {escaped(about, 300)}: {escaped(', '.join(names), 300)}"
            for about, names in notes_of(ranking).items()
        ),
    ]


def row(cells: Sequence[str]) -> str:
    """One line of a table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def escaped(text: str, width: int) -> str:
    """`text` on one line, as characters and not as markup."""
    safe = _MARKUP.sub(r"\\\1", plain(text, width))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
