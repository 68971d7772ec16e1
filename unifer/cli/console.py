"""What commands show while they work: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from unifer.progress import Advance, teller


@contextmanager
def progress(title: str, total: int, done: int = 0, unit: str = "images") -> Iterator[Advance]:
    """A bar of `total` units on standard error; without a terminal: a line every tenth.

    Where another command of ours waits for this one, it is told instead (`unifer.progress`).
    """
    if (telling := teller(title, total, done, unit)) is not None:
        yield telling
        return
    if not sys.stderr.isatty():
        yield _ProgressLines(title, total, done, unit)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, completed=done, rate="")

        def advance(amount: int = 1) -> None:
            bar.advance(task, amount)
            speed = bar.tasks[task].speed
            if speed:
                bar.update(task, rate=f"{speed:.1f} {unit}/s")

        yield advance


class _ProgressLines:
    """Progress for logs: a line whenever another tenth of the work is done."""

    def __init__(self, title: str, total: int, done: int, unit: str) -> None:
        import time

        self._clock = time.monotonic
        self._title, self._total, self._unit = title, total, unit
        self._first = self._done = done
        self._started = self._clock()

    def __call__(self, amount: int = 1) -> None:
        if not amount:
            return
        before, self._done = self._done, self._done + amount
        if self._total and (
            before * 10 // self._total != self._done * 10 // self._total or self._done == self._total
        ):
            seconds = self._clock() - self._started
            rate = (self._done - self._first) / seconds if seconds > 0 else 0.0
            left = (self._total - self._done) / rate if rate else 0.0
            line = (
                f"{self._title}: {self._done}/{self._total} {self._unit}, {rate:.1f} {self._unit}/s, "
                f"{left:.0f} s left"
            )
            print(line, file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print what the terminal's encoding can show, and marks for what it cannot."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def note(line: str) -> None:
    """A line about the work, on standard error at once: what is printed stays fit for a pipe."""
    print(line, file=sys.stderr, flush=True)


WIDTH = 80
"""Columns that every summary fits."""


def wrapped(text: str, indent: str = "") -> list[str]:
    """`text` in lines of at most `WIDTH` columns after `indent`; further lines are indented deeper.

    Paths are not broken at hyphens.
    """
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False
    )
