"""Boards as CSV: a row per model and dataset, every score at full precision with interval and denominators.

Shares are in [0, 1], as in metrics.json; REGE is at most 200, the judge's mean from 1 to 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unifer.report.leaderboard.cells import METRICS, BoardCell, Value
from unifer.report.leaderboard.entries import Entry
from unifer.report.leaderboard.lines import Leaderboard
from unifer.report.leaderboard.published import SCALES, PublishedResult

_FIRST = ("kind", "board", "model", "dataset", "protocol", "prompt", "setting", "source", "unconfirmed")
_COUNTS = (
    "questions",
    "asked",
    "answered",
    "off_list",
    "no_answer",
    "failed",
    "missing",
    "well_formed",
    "scored",
)
_LAST = ("comparable", "folds", "flags", "notes")
Row = dict[str, Any]


def csv(boards: Sequence[Leaderboard], published: Sequence[PublishedResult], protocol: str) -> str:
    """The text of the file: runs and their totals, then every published result, of other datasets too."""
    import pandas

    rows = [row for board in boards for row in _rows(board, protocol)] + [
        _published(result) for result in published
    ]
    scores = [
        name
        for metric in dict.fromkeys((*METRICS, *SCALES))
        for name in (metric, *(f"{metric}_{end}" for end in ("low", "high", "rank", "level")))
    ]
    used = {name for row in rows for name, value in row.items() if value is not None}
    columns = [
        name for name in (*_FIRST, *_COUNTS, *scores, *_LAST) if name in used or name in (*_FIRST, *_COUNTS)
    ]
    frame = pandas.DataFrame(rows, columns=columns, dtype=object)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def _rows(board: Leaderboard, protocol: str) -> Iterator[Row]:
    title = board.group.title
    for entry in board.entries:
        head = {"kind": "run", "board": title, "model": cell_text(entry.model), "protocol": protocol}
        rows = [(name, cell.values, _counts(cell)) for name, cell in entry.cells.items()]
        totals = board.totals.get(entry.model, {})
        rows += [(name, values, _summed(entry)) for name, values in totals.items() if values]
        for name, values, counts in rows:
            yield head | {"dataset": name} | _scores(values) | _ranks(board, entry.model, name) | counts
    for name, (columns, about) in board.reference.items():
        head = {"kind": "baseline", "board": title, "model": name, "notes": cell_text("; ".join(about))}
        yield from (head | {"dataset": column} | _scores(values) for column, values in columns.items())


def _scores(values: Mapping[str, Value]) -> Row:
    row: Row = {}
    for metric, value in values.items():
        low, high = value.interval or (None, None)
        row |= {metric: value.score, f"{metric}_low": low, f"{metric}_high": high}
    return row


def _ranks(board: Leaderboard, model: str, column: str) -> Row:
    """Rank in that column, and whether the difference from its best may be noise."""
    row: Row = {}
    for ranking in board.rankings:
        place = next(
            (line.places.get(column) for line in ranking.lines if line.kind == "run" and line.name == model),
            None,
        )
        if place is not None:
            row |= {f"{ranking.metric}_rank": place.rank, f"{ranking.metric}_level": place.level}
    return row


def _counts(cell: BoardCell) -> Row:
    prompt = None if cell.wording is None else cell_text(cell.wording.text)
    notes = {
        "prompt": prompt,
        "comparable": cell.comparable,
        "folds": cell.folds,
        "flags": cell_text("; ".join(cell.flags)),
        "notes": cell_text("; ".join(cell.notes)),
    }
    return {"questions": cell.whole, **cell.counts, **notes}


def _summed(entry: Entry) -> Row:
    """Denominators of all sets together, where each set has them."""
    cells = list(entry.cells.values())
    names = [name for name in cells[0].counts if all(name in cell.counts for cell in cells)]
    prompt = {} if entry.wording is None else {"prompt": cell_text(entry.wording.text)}
    return prompt | {name: sum(cell.counts[name] for cell in cells) for name in names}


def _published(result: PublishedResult) -> Row:
    share = SCALES[result.metric][1] == 100
    row = {
        "kind": "published",
        "model": cell_text(result.system),
        "dataset": result.dataset,
        "protocol": f"{result.protocol.key}: {result.protocol.text}",
    }
    doubt = {
        "setting": result.setting,
        "source": result.source.title,
        "unconfirmed": result.source.unconfirmed,
    }
    # 68.84 / 100 is 0.6884 exactly as written; a sum of binary fractions need not be.
    return row | doubt | {result.metric: float(f"{result.value / 100:.12g}") if share else result.value}


def cell_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula, and that UTF-8 can hold."""
    safe = text.encode("utf-8", "backslashreplace").decode()
    return f"'{safe}" if safe[:1] in ("=", "+", "-", "@", "\t", "\r") else safe
