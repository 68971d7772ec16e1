"""Boards as one HTML file that fetches nothing: tables that stand without a script, and sort with it.

The style is the report's, so both look alike. Names and notes are data: escaped, on one line, invisible
characters shown as escapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from unifer.report.layout import plain
from unifer.report.leaderboard.lines import Leaderboard, Ranking, RankingLine
from unifer.report.leaderboard.text import (
    EXPLAINED,
    NAME_WIDTH,
    heading,
    notes_of,
    protocol_of,
    rank_of,
    ranked_by,
    score_text,
    tag_of,
)
from unifer.report.page.document import document

_LONG = 400


def html(boards: Sequence[Leaderboard], warnings: Sequence[str], explained: str = EXPLAINED) -> str:
    """The whole page."""
    values = {
        "links": "".join(
            f'<li><a href="#board-{at}">{_text(heading(board))}</a></li>' for at, board in enumerate(boards)
        ),
        "warnings": _warnings(warnings),
        "boards": "\n".join(_board(board, at) for at, board in enumerate(boards)),
        "explained": _text(explained, 2 * _LONG),
    }
    return document("leaderboard", values, title="Leaderboard", scripts=("leaderboard",), style="leaderboard")


def _text(text: str, width: int = NAME_WIDTH + 40) -> str:
    return escape(plain(text, width))


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{_text(warning, _LONG)}</li>" for warning in warnings)
    head = '<h2 id="warnings-h">Before comparing</h2>'
    return (
        f'<section class="warnings" aria-labelledby="warnings-h">{head}<div><ul>{items}</ul></div></section>'
    )


def _board(board: Leaderboard, at: int) -> str:
    tables = "\n".join(_ranking(ranking, board) for ranking in board.rankings)
    head = f'<h2 id="board-{at}-h">{_text(heading(board))}</h2>'
    return f'<section class="board" id="board-{at}" aria-labelledby="board-{at}-h">{head}{tables}</section>'


def _ranking(ranking: Ranking, board: Leaderboard) -> str:
    ranks = any(line.places for line in ranking.lines)
    caption = f"<caption><strong>{_text(ranking.title)}</strong>, {_text(ranked_by(ranking))}</caption>"
    titles = [
        ("rank", "ascending" if ranks else "none"),
        ("model", "none"),
        *((title, "none") for _, title in ranking.columns),
    ]
    drawn = "" if ranking.ranked_by is None else dict(ranking.columns)[ranking.ranked_by]
    titles += [(drawn, ""), ("n" if ranking.name else "questions", "none")]
    head = "".join(
        _head(title, order, 2 <= index < len(ranking.columns) + 2)
        for index, (title, order) in enumerate(titles)
    )
    scale = _scale(ranking)
    rows = "".join(_row(ranking, line, scale) for line in ranking.lines)
    name = _text(f"{heading(board)}, {ranking.title}")
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{name}"><table class="ranking">{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{_notes(ranking)}"
    )


def _notes(ranking: Ranking) -> str:
    """Notes on single lines, folded: sources, doubts, what a run lacks."""
    items = "".join(
        f"<li>{_text(about, _LONG)}: {_text(', '.join(names), _LONG)}</li>"
        for about, names in notes_of(ranking).items()
    )
    if not items:
        return ""
    return f'<details class="about"><summary>Notes and sources</summary><ul>{items}</ul></details>'


def _head(title: str, order: str, number: bool) -> str:
    kind = ' class="num"' if number else ""
    if not order:
        return f'<th scope="col"{kind}>{_text(title)}</th>'
    button = f'<button type="button" class="sort">{_text(title)}</button>'
    return f'<th scope="col"{kind} aria-sort="{order}">{button}</th>'


def _row(ranking: Ranking, line: RankingLine, scale: tuple[float, float]) -> str:
    tag = f' <span class="tag">{tag_of(line)}</span>' if tag_of(line) else ""
    place = line.places.get(ranking.ranked_by or "")
    rank = (
        f'<td class="rank" data-value="{"" if place is None else place.rank}">{rank_of(ranking, line)}</td>'
    )
    protocol = f'<small class="note">{_text(protocol_of(line))}</small>'
    name = f"{_text(line.name, NAME_WIDTH)}{tag}{protocol}"
    name = f'<th scope="row" data-value="{_text(line.name.casefold())}">{name}</th>'
    scores = "".join(_score(ranking, line, key) for key, _ in ranking.columns)
    number = line.questions.partition(" ")[0].replace(",", "")
    questions = f'<td class="asked" data-value="{number}">{escape(line.questions)}</td>'
    return f'<tr class="{line.kind}">{rank}{name}{scores}{_whisker(ranking, line, scale)}{questions}</tr>'


def _score(ranking: Ranking, line: RankingLine, key: str) -> str:
    cell = score_text(ranking, line, key)
    if cell is None:
        return '<td class="num none" data-value="">–</td>'
    best = ' <span class="unseen">(best, or not told apart from it)</span>' if cell.best else ""
    partial = '<span title="over other or fewer questions">~</span>' if cell.partial else ""
    interval = f' <small class="ci">{cell.interval}</small>' if cell.interval else ""
    kind = "num best" if cell.best else "num"
    text = f"{partial}{cell.number}{interval}{best}"
    return f'<td class="{kind}" data-value="{line.values[key].score!r}">{text}</td>'


def _scale(ranking: Ranking) -> tuple[float, float]:
    """The least and greatest value that the whiskers of a table must hold."""
    key = ranking.ranked_by or ""
    values = [line.values[key] for line in ranking.lines if key in line.values]
    ends = [end for value in values for end in (value.interval or (value.score, value.score))]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    margin = (high - low or abs(high) or 1.0) * 0.05
    return low - margin, high + margin


def _whisker(ranking: Ranking, line: RankingLine, scale: tuple[float, float]) -> str:
    """Score and interval on the scale of the table; the numbers stand beside it, for readers of text."""
    value = line.values.get(ranking.ranked_by or "")
    if value is None:
        return '<td class="plot"></td>'
    low, high = scale

    def at(score: float) -> str:
        return f"{100 * (score - low) / (high - low):.2f}"

    span = ""
    if value.interval is not None:
        first, last = map(at, value.interval)
        span = f'<line class="range" x1="{first}" x2="{last}" y1="8" y2="8"/>'
    dot = f'<line class="dot" x1="{at(value.score)}" x2="{at(value.score)}" y1="2" y2="14"/>'
    frame = 'class="whisker" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true"'
    return f'<td class="plot"><svg {frame}><line x1="0" x2="100" y1="8" y2="8"/>{span}{dot}</svg></td>'
