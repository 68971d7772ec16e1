"""A benchmark's cells as tables: what would be asked, how far it has come, what came of it.

Prints nothing, asks nobody.

Model names are letters and digits by the reader of the models file; reasons may quote servers, so they are
shown as data.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from unifer.evaluate.bench.cells import BenchCell
from unifer.evaluate.scoring import DatasetScores
from unifer.report.layout import WIDTH, grid, percent, plain

LIVE = ("model", "dataset", "state", "done", "asked", "per s", "failed", "tokens", "USD", "WAR")
_LONGEST_REASON = 600


def short(count: float) -> str:
    """`950`, `12.3k`, `4.5M`."""
    for unit, size in (("M", 1e6), ("k", 1e4)):
        if count >= size:
            return f"{count / (1e6 if unit == 'M' else 1e3):.1f}{unit}"
    return f"{count:,.0f}"


def live_row(cell: BenchCell) -> tuple[str, ...]:
    """One cell now: the columns of `LIVE`."""
    rate = cell.answered_now / cell.seconds if cell.seconds else 0.0
    tokens = cell.tokens_in + cell.tokens_out
    return (
        cell.entry.name,
        cell.title,
        cell.state,
        f"{cell.done:,}",
        f"{cell.total:,}",
        f"{rate:.1f}" if rate else "–",
        f"{cell.failed:,}",
        short(tokens) if tokens else "–",
        f"{cell.cost:.2f}" if cell.cost else "–",
        percent(cell.war),
    )


def live_line(cell: BenchCell) -> str:
    """One cell now on one line, for logs."""
    row = dict(zip(LIVE, live_row(cell), strict=True))
    parts = [
        f"{row['done']} of {row['asked']}",
        f"{row['per s']}/s",
        f"{row['failed']} failed",
        f"{row['tokens']} tokens",
    ]
    parts += [f"{row['USD']} USD"] if cell.cost else []
    parts += [f"WAR {row['WAR']}"] if cell.war is not None else []
    reason = f"; {plain(cell.reason, _LONGEST_REASON)}" if cell.reason else ""
    return f"{cell.entry.name} on {cell.title}, {cell.state}: {', '.join(parts)}{reason}"


def plan_text(cells: Sequence[BenchCell]) -> str:
    """What a run would do: open questions and the most they can cost, per cell, without retries."""
    rows = []
    for cell in cells:
        state = (
            "done"
            if cell.state == "done"
            else "lost"
            if cell.state == "lost"
            else cell.entry.provider or cell.entry.url or "vLLM here"
        )
        priced = not cell.entry.hosted or cell.entry.prices is not None
        cost = f"{cell.ceiling:,.2f}" if priced else "no prices"
        rows.append(
            (
                plain(cell.entry.name, 24),
                plain(cell.title, 12 if cell.plan.damage is None else 24),
                plain(state, 24),
                f"{cell.open_requests:,}",
                cost,
            )
        )
    requests, most = sum(cell.open_requests for cell in cells), sum(cell.ceiling for cell in cells)
    rows.append(("all", "", "", f"{requests:,}", f"{most:,.2f}"))
    return grid(
        ("model", "dataset", "asked through", "requests", "USD at most"), rows, rule_before=len(rows) - 1
    )


def result_text(cells: Sequence[BenchCell], scored: Mapping[int, DatasetScores]) -> str:
    """A line per cell: number of answers and scores; then why cells are not done.

    `scored` maps positions in `cells` to scores.
    """
    rows = []
    for position, cell in enumerate(cells):
        result = scored.get(position)
        rows.append(
            (
                plain(cell.entry.name, 24),
                plain(cell.title, 12 if cell.plan.damage is None else 24),
                cell.state,
                *_figures(cell, result),
            )
        )
    head = ("percent", "", "", "answered", "failed", "WAR", "95 %", "UAR")
    return "\n".join([grid(head, rows), *_reasons(cells)])


def _figures(cell: BenchCell, result: DatasetScores | None) -> tuple[str, ...]:
    answered = f"{cell.done - cell.failed:,}/{cell.total:,}"
    scores = None if result is None else result.scores
    if scores is None:
        units = None if result is None else result.action_units
        said = "" if units is None else f"AU F1 {percent(units.face_f1)}"
        return answered, f"{cell.failed:,}", "–", said, "–"
    bounds = scores.intervals.get("war")
    interval = "" if bounds is None else f"{percent(bounds[0])}-{percent(bounds[1])}"
    return answered, f"{cell.failed:,}", percent(scores.war), interval, percent(scores.uar)


def _reasons(cells: Sequence[BenchCell]) -> list[str]:
    """Why models were lost or stopped, each reason once."""
    said: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.reason:
            said.setdefault((cell.entry.name, cell.reason), []).append(cell.title)
    lines = [
        f"{model} ({', '.join(sets)}): {plain(reason, _LONGEST_REASON)}"
        for (model, reason), sets in said.items()
    ]
    filled = [
        textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
        for line in lines
    ]
    return ["", *filled] if filled else []
