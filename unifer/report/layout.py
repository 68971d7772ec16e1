"""Text for people on few columns: a terminal of 80, and Markdown. Labels, names and notes are shown as data.

Computes no score and prints nothing: each function returns text.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

WIDTH = 80
HEADINGS = {"war": "WAR", "uar": "UAR", "macro_f1": "macro-F1"}
_MARKUP = re.compile(r"([\\`*_\[\]#|~])")


def plain(text: str, width: int = 40) -> str:
    """`text` on one line of at most `width` cells; control and invisible characters become escapes.

    So no file can move the cursor of a terminal.
    """
    line = "".join(
        char
        if char.isprintable() and unicodedata.category(char) not in ("Mn", "Me")
        else char.encode("unicode_escape").decode()
        for char in text[: width + 1]
    )
    while _cells(line) > width:
        line = line.removesuffix("…")[:-1] + "…"
    return line


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int, right: bool = False) -> str:
    blank = " " * max(0, width - _cells(text))
    return blank + text if right else text + blank


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], rule_before: int | None = None) -> str:
    """Columns two blanks apart, the first flush left; a rule below the head and one before a row."""
    widths = [max(_cells(row[index]) for row in (head, *rows)) for index in range(len(head))]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            _pad(cell, width, right=index > 0)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    lines = [line(head), rule]
    for index, row in enumerate(rows):
        lines += [rule, line(row)] if index == rule_before else [line(row)]
    return "\n".join(lines)


def percent(value: float | None) -> str:
    """`0.6884` -> `68.8`; a value that does not exist is a dash."""
    return "–" if value is None else f"{100 * value:.1f}"


def interval_text(bounds: tuple[float, float] | None) -> str:
    """` [67.0, 70.5]`, in percent, with the blank before it; empty without an interval."""
    return "" if bounds is None else f" [{percent(bounds[0])}, {percent(bounds[1])}]"


def wrapped(text: str, first: str = "", others: str = "  ") -> str:
    """`text` on lines of the terminal's width, the first begun with `first`, the others with `others`."""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=others)


def notes_text(notes: Sequence[str]) -> str:
    """Each note on lines of its own, wrapped; empty without notes."""
    return "\n".join(wrapped(plain(note, 400), "! ") for note in notes)


def markdown_row(cells: Sequence[str]) -> str:
    """One line of a Markdown table; the cells are Markdown already."""
    return f"| {' | '.join(cells)} |"


def markdown_text(text: str, width: int) -> str:
    """`text` on one line, as characters and not as markup."""
    safe = _MARKUP.sub(r"\\\1", plain(text, width))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
