"""Label tables and lists as people have them: any usual encoding, delimiter and order of columns.

Knows text, rows, columns and AU lists, streamed so that a table of pixels is never held whole; what a cell
means is each builder's.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unifer.action_units import FACS_NUMBERS
from unifer.errors import InputError

Names = tuple[str, ...]
"""The accepted headers of one column, the official one first."""

DELIMITERS = (",", "\t", ";", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MEGABYTE = 1 << 20


def encoding_of(path: Path) -> str:
    """By its byte-order mark; else UTF-16 where every other byte of the start is NUL.

    Else UTF-8, cp1252, Latin-1: the first that fits. Raises InputError: missing, a folder, empty.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; a table is expected") from None
    if not head.strip():
        raise InputError(f"{path}: is empty; a table with a header and rows is expected")
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head[0::2].count(0) > len(head) // 4:
        return "utf-16-be"
    return next(name for name in ("utf-8", "cp1252", "latin-1") if _decodes(path, name))


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as stream:
            while block := stream.read(MEGABYTE):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, text without surrounding blanks) of every line that is not blank."""
    with path.open(encoding=encoding_of(path)) as stream:
        for number, line in enumerate(stream, 1):
            if text := line.strip():
                yield number, text


def folded(name: str) -> str:
    """A header as it is compared: `folded(" Image_Name ")` == `folded("image name")`."""
    return re.sub(r"[\s_\-]+", "", name).casefold()


@dataclass(frozen=True)
class SourceTable:
    """One opened table: its header, and rows as the cells of the columns asked for."""

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    has_header: bool
    advance: Callable[[int], object] = field(default=lambda megabytes: None)
    """Told of every megabyte that is read."""

    def find(self, names: Names) -> int | None:
        """The index of the column called one of `names`. Raises InputError if two are."""
        wanted = {folded(name) for name in names}
        indices = [index for index, name in enumerate(self.header) if folded(name) in wanted]
        if len(indices) > 1:
            raise InputError.at(
                self.path, 1, f"{len(indices)} columns are called {names[0]!r}; keep one of them"
            )
        return indices[0] if indices else None

    def rows(self, *columns: int | None) -> Iterator[tuple[int, list[str]]]:
        """(line number, trimmed cells of `columns`); a column None is not in the table and gives "".

        Blank lines are passed over. Raises InputError `file:line` for a row that ends before a column asked
        for, and for what is no CSV.
        """
        with self.path.open(encoding=self.encoding, newline="") as stream:
            reader = csv.reader(_counted(stream, self.advance), delimiter=self.delimiter)
            try:
                if self.has_header:
                    next(reader)
                for row in reader:
                    if row:
                        yield (
                            reader.line_num,
                            ["" if index is None else row[index].strip() for index in columns],
                        )
            except csv.Error as error:
                raise InputError.at(self.path, reader.line_num, f"not valid CSV: {error}") from None
            except IndexError:
                short = f"{len(row)} fields, the header {len(self.header)}"
                raise InputError.at(
                    self.path, reader.line_num, f"this row has {short}; is it cut short?"
                ) from None


def _counted(stream: Iterable[str], advance: Callable[[int], object]) -> Iterator[str]:
    seen = 0
    for line in stream:
        seen += len(line)
        if seen >= MEGABYTE:
            advance(seen // MEGABYTE)
            seen %= MEGABYTE
        yield line


def open_table(
    path: Path, required: Sequence[Names], positions: Sequence[str] = ()
) -> tuple[SourceTable, list[int]]:
    """The table at `path` with the index of every required column.

    The delimiter is the one that gives most of them. A table whose first row names none of them, but is as
    wide as `positions`, has no header and the columns of `positions`. Raises InputError: no such file, empty,
    columns missing (with those found).
    """
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as stream:
        first = next((line for line in stream if line.strip()), "")
    opened = [_read_header(path, encoding, delimiter, first) for delimiter in DELIMITERS]
    table = max(
        opened, key=lambda each: (sum(each.find(names) is not None for names in required), len(each.header))
    )
    indices = [table.find(names) for names in required]
    if positions and not any(index is not None for index in indices) and len(table.header) == len(positions):
        table = SourceTable(path, encoding, table.delimiter, tuple(positions), has_header=False)
        indices = [table.find(names) for names in required]
    missing = [names[0] for names, index in zip(required, indices, strict=True) if index is None]
    if missing:
        columns = ", ".join(repr(name.strip()) for name in table.header[:20]) + (
            ", ..." if len(table.header) > 20 else ""
        )
        raise InputError.at(
            path, 1, f"no column is called {' or '.join(map(repr, missing))}; found are {columns}"
        )
    return table, [index for index in indices if index is not None]


def _read_header(path: Path, encoding: str, delimiter: str, line: str) -> SourceTable:
    return SourceTable(
        path, encoding, delimiter, tuple(next(csv.reader([line], delimiter=delimiter), ())), has_header=True
    )


def listed_units(text: str) -> tuple[tuple[int, ...], dict[str, str]]:
    """AUs as label files list them: `"1+L12"` -> `((1, 12), {"AU12": "L"})`, `null` -> none at all.

    An AU on both sides has no side. Raises ValueError for what is no AU that FACS has.
    """
    if text.strip().lower() in ("null", "none", "neutral"):
        return (), {}
    sides: dict[int, set[str]] = {}
    for item in re.split(r"[+,;\s]+", text.strip()):
        match = re.fullmatch(r"(?:AU)?([LR]?)(\d{1,2})", item, re.IGNORECASE)
        if match is None or int(match[2]) not in FACS_NUMBERS:
            raise ValueError(
                f"{item!r} in {text!r} is no AU; allowed are FACS numbers joined by +, with L or R "
                "for one side, or null"
            )
        sides.setdefault(int(match[2]), set()).add(match[1].upper())
    one_sided = {f"AU{number}": side.copy().pop() for number, side in sorted(sides.items()) if len(side) == 1}
    return tuple(sorted(sides)), {unit: side for unit, side in one_sided.items() if side}
