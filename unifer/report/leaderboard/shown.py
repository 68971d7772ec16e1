"""How scores and notes are worded, the same in Markdown and HTML. Computes nothing."""

from __future__ import annotations

from typing import NamedTuple

from unifer.report.leaderboard.boards import Leaderboard, Ranking, RankingLine
from unifer.report.tables import plain

NAME_WIDTH = 60
_PERCENT = ("rege", "judge")


class ScoreText(NamedTuple):
    """One score as text: the number, its interval, and whether it is level with the best or not to be
    compared.
    """

    number: str
    interval: str
    best: bool
    partial: bool


def shown(ranking: Ranking, line: RankingLine, key: str) -> ScoreText | None:
    """A cell of a ranking; None where there is no value. Shares are in percent."""
    value = line.values.get(key)
    if value is None:
        return None
    place = line.places.get(key)
    interval = (
        ""
        if value.interval is None
        else " to ".join(_number(ranking.metric, bound, 1) for bound in value.interval)
    )
    digits = 2 if line.kind == "published" or line.protocol == "unifer" else 1
    return ScoreText(
        _number(ranking.metric, value.score, digits),
        interval,
        place is not None and place.level,
        key in line.partial,
    )


def _number(metric: str, score: float, digits: int) -> str:
    """`0.6884` -> `68.84`, of two digits the second only where it is not 0."""
    if metric == "judge":
        return f"{score:.2f}"
    text = f"{score if metric in _PERCENT else 100 * score:.{digits}f}"
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


def made_of(line: RankingLine) -> str:
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
    """What is to be known of lines -> the names of those it holds for."""
    found: dict[str, dict[str, None]] = {}
    for line in ranking.lines:
        for about in line.about:
            found.setdefault(about, {})[line.name] = None
    return {about: list(names) for about, names in found.items()}


EXPLAINED = (
    "Shares in percent; brackets hold 95 % bootstrap intervals. Bold: the best of a column, and "
    "every model whose difference from it may be noise (the 95 % interval of the paired difference "
    "holds 0; where scores cannot be paired, intervals overlap). Such models share a rank, marked =. "
    "A tilde marks a score over other or fewer questions, which has no rank. Lines marked published "
    "are copied from papers and repositories, made under the protocol they name, and are never "
    "ranked. A run that stands beside them and was asked with another prompt than the published one "
    "says so behind its name."
)
