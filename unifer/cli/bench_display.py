"""How far a benchmark is: one live table on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unifer.report.bench import LIVE, live_line, live_row
from unifer.report.layout import plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from unifer.evaluate.bench.cells import BenchCell

_LOOK_SECONDS = 1.0
_NAME, _FIGURES = 16, 64
"""Columns that a model's name has at least, and those that everything else takes."""
_COLOURS = {"asking": "cyan", "starting": "yellow", "done": "green", "lost": "red", "stopped": "yellow"}


@contextmanager
def watching(cells: Sequence[BenchCell]) -> Iterator[None]:
    """Show `cells` on standard error while the block runs."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True)
        with Live(
            get_renderable=lambda: _table(cells, console.width, console.height),
            console=console,
            refresh_per_second=4,
        ):
            yield
        return
    lines = _CellLines(cells)
    ended = threading.Event()
    thread = threading.Thread(target=_repeat, args=(lines.look, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        lines.look()


def _repeat(look: Callable[[], None], ended: threading.Event) -> None:
    while not ended.wait(_LOOK_SECONDS):
        look()


def _table(cells: Sequence[BenchCell], width: int, height: int) -> RenderableType:
    """Every cell if there is room for all, else those at work first, and how many are not shown."""
    from rich.table import Table
    from rich.text import Text

    order = {"asking": 0, "starting": 1, "lost": 2, "stopped": 3, "waiting": 4, "done": 5}
    room = max(5, height - 6)
    shown = list(cells) if len(cells) <= room else sorted(cells, key=lambda cell: order[cell.state])[:room]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    for name in LIVE:
        left = name in ("model", "dataset", "state")
        table.add_column(name, justify="left" if left else "right", no_wrap=True, overflow="ellipsis")
    for cell in shown:
        model, dataset, *figures = live_row(cell)
        row = (
            plain(model, max(_NAME, width - _FIGURES)),
            plain(dataset, 9 if cell.plan.damage is None else 24),
            *figures,
        )
        table.add_row(*(Text(value, style=_COLOURS.get(cell.state, "dim")) for value in row))
    hidden = len(cells) - len(shown)
    total = f"{sum(cell.done for cell in cells):,} of {sum(cell.total for cell in cells):,} questions"
    spent = f", {sum(cell.cost for cell in cells):.2f} USD now" if any(cell.cost for cell in cells) else ""
    table.caption = Text(
        total
        + spent
        + (f"; {hidden} more rows are not shown" if hidden else "")
        + "; Ctrl-C stops, nothing is lost"
    )
    return table


class _CellLines:
    """A line for a cell whenever its state changes or another tenth of it is done."""

    def __init__(self, cells: Sequence[BenchCell]) -> None:
        self._cells = cells
        self._said = [self._mark(cell) for cell in cells]

    def _mark(self, cell: BenchCell) -> tuple[str, int]:
        return cell.state, cell.done * 10 // max(1, cell.total)

    def look(self) -> None:
        """Print what is new."""
        for index, cell in enumerate(self._cells):
            mark = self._mark(cell)
            if mark != self._said[index]:
                self._said[index] = mark
                print(live_line(cell), file=sys.stderr, flush=True)
