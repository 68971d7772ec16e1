"""Boards as text: the wording that every format shares, a summary for a terminal, and Markdown for a README.

Computes nothing. Names are data: nothing in them is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unifer.report.layout import grid, markdown_row, markdown_text, plain
from unifer.report.leaderboard.lines import Leaderboard, Ranking, RankingLine

NAME_WIDTH = 60
_NO_SHARES = ("rege", "judge")
EXPLAINED = (
    "Shares in percent; brackets hold 95 % bootstrap intervals. Bold: the best of a column, and every "
    "model whose difference from it may be noise (the 95 % interval of the paired difference holds 0; "
    "where scores cannot be paired, intervals overlap). Such models share a rank, marked =. A tilde "
    "marks a score over other or fewer questions, which has no rank. Lines marked published are copied "
    "from papers and repositories, made under the protocol they name, and are never ranked. A run that "
    "stands beside them and was asked with another prompt than the published one says so behind its name."
)


class ScoreText(NamedTuple):
    """One score as text: number, interval, whether it is level with the best, and whether partial."""

    number: str
    interval: str
    best: bool
    partial: bool


def score_text(ranking: Ranking, line: RankingLine, key: str) -> ScoreText | None:
    """A cell of a ranking; None where there is no value. Shares are in percent."""
    value = line.values.get(key)
    if value is None:
        return None
    place = line.places.get(key)
    digits = 2 if line.kind == "published" or line.protocol == "unifer" else 1
    return ScoreText(
        _number(ranking.metric, value.score, digits),
        " to ".join(_number(ranking.metric, bound, 1) for bound in value.interval or ()),
        place is not None and place.level,
        key in line.partial,
    )


def _number(metric: str, score: float, digits: int) -> str:
    """`0.6884` -> `68.84`, of two digits the second only where it is not 0."""
    if metric == "judge":
        return f"{score:.2f}"
    if metric == "number":
        return f"{score:.3g}"
    text = f"{score if metric in _NO_SHARES else 100 * score:.{digits}f}"
    return text[:-1] if digits == 2 and text.endswith("0") else text


def rank_of(ranking: Ranking, line: RankingLine) -> str:
    """`1`, `2=` where shared, a dash where there is none."""
    place = line.places.get(ranking.ranked_by or "")
    return "–" if place is None else f"{place.rank}{'=' if place.shared else ''}"


def tag_of(line: RankingLine) -> str:
    """What a line is where it is no run: `baseline`, `published`, `published, unconfirmed`.

    Empty for a run, unless it was not asked as the published results beside it were: `own prompt`.
    """
    if line.kind == "run":
        return line.prompt if line.unpublished else ""
    return line.kind + (", unconfirmed" if line.unconfirmed else "")


def protocol_of(line: RankingLine) -> str:
    """The protocol of a line, and in whose words a run was asked: `strict, published prompt`."""
    return ", ".join(filter(None, (line.protocol, line.prompt)))


def heading(board: Leaderboard) -> str:
    """The title of a board, on one line."""
    return plain(board.group.title, NAME_WIDTH + 40)


def ranked_by(ranking: Ranking) -> str:
    """Which column the ranks are of, or why there are none."""
    if not any(line.kind == "run" for line in ranking.lines):
        return "published results only, no run of your own yet"
    if ranking.ranked_by is None:
        return "not ranked: no model has answered all sets in full"
    return f"ranked by {plain(dict(ranking.columns)[ranking.ranked_by])}"


def notes_of(ranking: Ranking) -> dict[str, list[str]]:
    """Each note on lines -> the names of the lines that it holds for, once each."""
    notes: dict[str, dict[str, None]] = {}
    for line in ranking.lines:
        for about in line.about:
            notes.setdefault(about, {})[line.name] = None
    return {about: list(names) for about, names in notes.items()}


def terminal(boards: Sequence[Leaderboard]) -> str:
    """Lines of 80 columns: the first ranking of each board that has runs, published lines only counted."""
    parts = []
    for board in boards:
        ranking = next(
            (each for each in board.rankings if any(line.kind == "run" for line in each.lines)), None
        )
        if ranking is not None:
            titles = [heading(board), plain(ranking.title, 80)] if ranking.name else []
            titles = titles or [f"{heading(board)} · {ranking.title}, {ranked_by(ranking)}"]
            parts += [*titles, "", _grid(ranking), ""]
    published = {
        (line.name, line.about)
        for board in boards
        for ranking in board.rankings
        for line in ranking.lines
        if line.kind == "published"
    }
    parts += [f"{len(published)} published lines beside them, unranked"] if published else []
    return "\n".join(parts)


def _grid(ranking: Ranking) -> str:
    rows = []
    for line in ranking.lines:
        if line.kind != "published":
            cell = score_text(ranking, line, ranking.ranked_by or "")
            score = "–" if cell is None else cell.number + (f" [{cell.interval}]" if cell.interval else "")
            tag = f" ({tag_of(line)})" if line.kind == "run" and tag_of(line) else ""
            name = plain(line.name, 30 - len(tag)) + tag
            rows.append((name, rank_of(ranking, line), score, line.questions))
    counted = "n" if ranking.name else "questions"
    return grid(("model", "rank", "value" if ranking.metric == "number" else "percent", counted), rows)


def markdown(boards: Sequence[Leaderboard], warnings: Sequence[str], explained: str = EXPLAINED) -> str:
    """The whole leaderboard: a heading per board, a table per metric, and notes below it."""
    parts = ["# Leaderboard", ""]
    if warnings:
        parts += ["Before comparing:", "", *(f"- {markdown_text(warning, 400)}" for warning in warnings), ""]
    for board in boards:
        parts += [f"## {markdown_text(heading(board), 100)}", ""]
        for ranking in board.rankings:
            parts += [
                f"### {ranking.title}",
                "",
                *_markdown_table(ranking),
                "",
                *_markdown_notes(ranking),
                "",
            ]
    return "\n".join([*parts, explained, ""])


def _markdown_table(ranking: Ranking) -> list[str]:
    titles = [markdown_text(title, 40) for _, title in ranking.columns]
    head = ["#", "model", *titles, "questions", "protocol"]
    rule = ["--:", "---", *["--:"] * (len(titles) + 1), "---"]
    return [markdown_row(cells) for cells in (head, rule, *(_cells(ranking, line) for line in ranking.lines))]


def _cells(ranking: Ranking, line: RankingLine) -> list[str]:
    name = markdown_text(line.name, NAME_WIDTH) + (f" *({tag_of(line)})*" if tag_of(line) else "")
    scores = [_markdown_score(score_text(ranking, line, key)) for key, _ in ranking.columns]
    return [rank_of(ranking, line), name, *scores, line.questions, markdown_text(protocol_of(line), 80)]


def _markdown_score(cell: ScoreText | None) -> str:
    if cell is None:
        return ""
    number = f"**{cell.number}**" if cell.best else cell.number
    return f"{'~' if cell.partial else ''}{number}" + (f" [{cell.interval}]" if cell.interval else "")


def _markdown_notes(ranking: Ranking) -> list[str]:
    """Which column ranks, and each note on single lines once."""
    column = ranked_by(ranking)
    notes = [
        f"- {markdown_text(about, 300)}: {markdown_text(', '.join(names), 300)}"
        for about, names in notes_of(ranking).items()
    ]
    return [f"{column[:1].upper()}{column[1:]}.", "", *notes]
