"""The stages of a long command on screen: a live table, or a line per stage and per half minute.

Knows names, counts and seconds; runs nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from unifer.cli.console import WIDTH
from unifer.progress import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_LINE_SECONDS = 30.0
_BAR = 14


class StageBoard(Protocol):
    """Where stages show themselves; `with` it for as long as they run."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def done(self, name: str, seconds: float, *, before: bool) -> None:
        """`name` is done, now or in an earlier run (`before`)."""

    def begin(self, name: str) -> None:
        """`name` runs now."""

    def hear(self, told: Mapping[str, Progress]) -> None:
        """How far the commands of the running stage are."""


def board(titles: Mapping[str, str], expected: Mapping[str, float], counts: Mapping[str, int]) -> StageBoard:
    """The board of stages, name -> title.

    `expected` are the seconds that each takes about, `counts` its units of work.
    """
    import os

    live = sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")
    return LiveBoard(titles, expected, counts) if live else LineBoard(titles, counts)


def clock(seconds: float) -> str:
    """`75` -> `1:15`, `3675` -> `1:01:15`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass
class _RunningStage:
    """The running stage: when it began, and how far its commands are, taken together.

    `least` is what they count at least.
    """

    name: str
    began: float
    least: int = 0
    done: int = 0
    total: int = 0
    told: dict[str, Progress] = field(default_factory=dict)
    past: int = 0
    """Units of pieces of work that a command has left behind it: `unifer infer` answers for one model after
    another.
    """
    first: tuple[float, int] | None = None
    """When it told of its progress first, and what was done by then."""

    def hear(self, told: Mapping[str, Progress], now: float) -> None:
        if not told:
            return
        self.past += sum(
            old.total for name, old in self.told.items() if name in told and told[name].title != old.title
        )
        self.told = dict(told)
        self.done = self.past + sum(each.done for each in told.values())
        self.total = max(self.least, self.past + sum(each.total for each in told.values()))
        self.first = self.first or (now, self.done)

    def left(self, now: float) -> float | None:
        """Seconds left at the speed so far; None while that is not known."""
        if self.first is None or self.done <= self.first[1]:
            return None
        return (now - self.first[0]) / (self.done - self.first[1]) * (self.total - self.done)

    @property
    def counted(self) -> str:
        newest = list(self.told.values())[-1]
        more = f", {newest.text}" if newest.text else ""
        return f"{self.done:,}/{self.total:,} {newest.unit}{more}"


class LineBoard:
    """For pipes and logs. `say` prints a line."""

    def __init__(
        self,
        titles: Mapping[str, str],
        counts: Mapping[str, int],
        say: Callable[[str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._titles, self._counts, self._now = titles, counts, now
        self._say = say or (lambda line: print(line, flush=True))
        self._run = _RunningStage("", now())
        self._due = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def done(self, name: str, seconds: float, *, before: bool) -> None:
        self._say(f"{name}: done{' before' if before else ''}, in {clock(seconds)}")

    def begin(self, name: str) -> None:
        self._run = _RunningStage(name, self._now(), self._counts.get(name, 0))
        self._due = self._run.began + _LINE_SECONDS
        self._say(f"{name}: {self._titles[name]}")

    def hear(self, told: Mapping[str, Progress]) -> None:
        now, run = self._now(), self._run
        run.hear(told, now)
        if now < self._due:
            return
        self._due = now + _LINE_SECONDS
        left = run.left(now)
        far = f"{run.counted}, " if run.total else "starting, "
        self._say(
            f"{run.name}: {far}{clock(now - run.began)}" + ("" if left is None else f", {clock(left)} left")
        )


class LiveBoard:
    """For terminals of 80 columns and more."""

    def __init__(
        self,
        titles: Mapping[str, str],
        expected: Mapping[str, float],
        counts: Mapping[str, int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._titles, self._expected, self._counts, self._now = titles, expected, counts, now
        self._seconds: dict[str, float] = {}
        self._run: _RunningStage | None = None
        self._live: Any = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        screen = Console(file=sys.stdout)  # fixed now: scoring sends what is printed to its log
        self._live = Live(
            console=screen,
            get_renderable=self.table,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def done(self, name: str, seconds: float, *, before: bool) -> None:
        self._seconds[name] = seconds
        if self._run is not None and self._run.name == name:
            self._run = None

    def begin(self, name: str) -> None:
        self._run = _RunningStage(name, self._now(), self._counts.get(name, 0))

    def hear(self, told: Mapping[str, Progress]) -> None:
        if self._run is not None:
            self._run.hear(told, self._now())

    def table(self) -> Table:
        """A line for each stage: name, what it does or how far it is, time, time left."""
        from rich.table import Table

        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, width=WIDTH, header_style="bold")
        table.add_column("stage", width=7, no_wrap=True)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("time", justify="right", width=7, no_wrap=True)
        table.add_column("left", justify="right", width=8, no_wrap=True)
        for name, title in self._titles.items():
            table.add_row(
                name, *self._line(name, title), style=None if self._run and self._run.name == name else "dim"
            )
        return table

    def _line(self, name: str, title: str) -> tuple[RenderableType, str, str]:
        if name in self._seconds:
            return title, clock(self._seconds[name]), "done"
        usual = f"~{clock(self._expected[name])}" if self._expected.get(name) else ""
        if self._run is None or self._run.name != name:
            return title, "", usual
        now = self._now()
        left = self._run.left(now)
        return self._bar(title), clock(now - self._run.began), usual if left is None else clock(left)

    def _bar(self, title: str) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        run = self._run
        if run is None or not run.total:
            return title
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_column(width=_BAR)
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_row(ProgressBar(total=run.total, completed=run.done, width=_BAR), run.counted)
        return line
