"""How far a command is, told to the command that started it through one small file that it replaces.

`UNIFER_PROGRESS` names the file. Without it nothing is told, and commands show bars of their own.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from unifer.records import Json

VARIABLE = "UNIFER_PROGRESS"
_EVERY_SECONDS = 0.2


class Advance(Protocol):
    """Call it as work gets done: `advance(3)` adds three units."""

    def __call__(self, amount: int = 1) -> None: ...


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units; `text` is what else is worth a glance, such as the loss."""

    title: str
    done: int
    total: int
    unit: str
    text: str = ""


class Teller:
    """Tells how far one piece of work is, a few times per second at most, and when the last unit is done.

    It never ends the work it tells of: where the file cannot be written, nobody hears of it.
    """

    def __init__(self, path: Path, title: str, total: int, done: int, unit: str) -> None:
        self._path, self._title, self._total, self._unit = path, title, total, unit
        self._done, self._text = done, ""
        self._told = -_EVERY_SECONDS
        self._tell()

    def __call__(self, amount: int = 1) -> None:
        """`amount` more units are done."""
        self._done += amount
        if self._done >= self._total or time.monotonic() - self._told >= _EVERY_SECONDS:
            self._tell()

    def say(self, text: str) -> None:
        """What stands beside the count from now on."""
        self._text = text
        self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        new = self._path.with_name(self._path.name + ".new")
        with suppress(OSError):
            new.write_text(
                json.dumps(vars(Progress(self._title, self._done, self._total, self._unit, self._text))),
                encoding="utf-8",
            )
            new.replace(self._path)


def teller(title: str, total: int, done: int = 0, unit: str = "images") -> Teller | None:
    """Who hears how far this work is; None where nobody asked."""
    path = os.environ.get(VARIABLE)
    return Teller(Path(path), title, total, done, unit) if path else None


def heard(path: Path) -> Progress | None:
    """What was told last; None before the first word."""
    try:
        told: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Progress(**told)
