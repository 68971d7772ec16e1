"""Rankings by trust rates in the words of the leaderboard: a board per rate, notes, and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unifer.report.leaderboard.cells import Value
from unifer.report.leaderboard.csv_rows import cell_text
from unifer.report.leaderboard.entries import Group
from unifer.report.leaderboard.lines import Leaderboard, Ranking, RankingLine
from unifer.report.leaderboard.trust_rates import RateLine, RateRanking
from unifer.report.trust.wording import KIND_TEXTS, rate_name

EXPLAINED = (
    "Rates of trust sheets, which docs/trust.md explains; shares in percent, other figures as they are, "
    "brackets hold 95 % intervals. Bold: the best, and every model whose interval overlaps with its. Such "
    "models share a rank, marked =. A dash: not measured."
)
_WAYS = {"higher": "higher is better", "lower": "lower is better", "neither": "for information"}
_COLUMN = "rate"


def trust_boards(rankings: Sequence[RateRanking]) -> list[Leaderboard]:
    """A board per ranking, which every format of the leaderboard writes."""
    boards = []
    for each in rankings:
        title = f"{KIND_TEXTS[each.kind].title} on {each.dataset}"
        name = f"{rate_name(each.rate)} ({_WAYS[each.better]})"
        lines = tuple(_line(line) for line in each.lines)
        ranking = Ranking(each.unit, ((_COLUMN, rate_name(each.rate)),), _COLUMN, lines, name)
        boards.append(Leaderboard(Group(title), (), (), {}, {}, [ranking]))
    return boards


def _line(line: RateLine) -> RankingLine:
    rate = line.rate
    bare = RankingLine("run", line.model, "", {}, questions="–" if rate is None else f"{rate.n:,}")
    if rate is None or rate.value is None:
        return bare
    interval = None if rate.low is None or rate.high is None else (rate.low, rate.high)
    places = {} if line.place is None else {_COLUMN: line.place}
    about = (f"n counts {rate.of}",)
    return replace(bare, values={_COLUMN: Value(rate.value, interval)}, places=places, about=about)


def lacking_notes(rankings: Sequence[RateRanking]) -> list[str]:
    """Which runs were not measured, and by which command they are; once per kind and dataset."""
    notes: dict[str, None] = {}
    for each in rankings:
        if each.lacking:
            text = KIND_TEXTS[each.kind]
            names = ", ".join(each.lacking)
            notes[
                f"{text.title} on {each.dataset}: not measured of {names}; `{text.command}` measures it"
            ] = None
    return list(notes)


def trust_csv(rankings: Sequence[RateRanking]) -> str:
    """A row per run and rate, at full precision; a run without the sheet has no value."""
    import pandas

    columns = (
        "kind",
        "rate",
        "dataset",
        "model",
        "value",
        "low",
        "high",
        "n",
        "of",
        "better",
        "rank",
        "level",
    )
    rows = [
        {
            "kind": each.kind,
            "rate": cell_text(each.rate),
            "dataset": cell_text(each.dataset),
            "model": cell_text(line.model),
            "better": each.better,
        }
        | (
            {}
            if line.rate is None
            else {key: getattr(line.rate, key) for key in ("value", "low", "high", "n")}
        )
        | ({} if line.rate is None else {"of": cell_text(line.rate.of)})
        | ({} if line.place is None else {"rank": line.place.rank, "level": line.place.level})
        for each in rankings
        for line in each.lines
    ]
    frame = pandas.DataFrame(rows, columns=list(columns), dtype=object)
    return str(frame.to_csv(index=False, lineterminator="\n"))
