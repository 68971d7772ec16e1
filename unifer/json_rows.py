"""Rows of a JSON array or of JSONL, parsed one at a time; what is wrong with a text, in words.

Says where the text breaks, and whether its download is to blame. Knows texts and names of published files;
`files` reads them from disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unifer.errors import InputError
from unifer.releases import release_of

_ROWS = ("[", "{", "")
_SPACE = " \t\r\n"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object; "
            "keep one of them"
        )
    return row


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value; write null or a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def rows(path: Path, text: str, skipped: Callable[[int, str], None] | None) -> Iterator[tuple[int, Any]]:
    """(row number from 1, row) of the `text` of `path`, as `files.read_rows` says."""
    start = len(text) - len(text.lstrip(_SPACE))
    odd = text[start : start + 1] not in _ROWS
    if odd and (problem := no_rows(text[start : start + 200], path.name)) is not None:
        raise InputError(f"{path}: {problem}")
    yield from _array_rows(path, text, start + 1) if text[start] == "[" else _line_rows(path, text, skipped)


def _line_rows(
    path: Path, text: str, skipped: Callable[[int, str], None] | None
) -> Iterator[tuple[int, Any]]:
    # Not str.splitlines: a reply may hold U+2028 or U+0085 unescaped, which end no JSONL row.
    lines = text.split("\n")
    last = len(lines) if lines[-1] else None  # a whole file ends with a line end
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = _DECODER.decode(line)
            except (ValueError, RecursionError) as error:
                problem = fault(line, error) + (f"; {cut_off(path.name)}" if number == last else "")
                if skipped is None:
                    raise InputError.at(path, number, problem) from None
                skipped(number, problem)
                continue
            yield number, row


def _array_rows(path: Path, text: str, at: int) -> Iterator[tuple[int, Any]]:
    at, number = _skip(text, at), 0
    while at < len(text) and text[at] != "]":
        number += 1
        try:
            row, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            ends = "" if text.rstrip(_SPACE).endswith("]") else f"; {cut_off(path.name)}"
            raise InputError.at(path, number, fault(text, error) + ends) from None
        yield number, row
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "]":
                raise InputError.at(path, number, "a comma before the closing ']'; remove it")
        elif text[at : at + 1] != "]":
            problem = f"found {around(text, at)}" if at < len(text) else cut_off(path.name)
            raise InputError.at(path, number, f"',' or ']' expected after this row; {problem}")
    if at >= len(text):
        raise InputError.at(path, number or None, f"the array is never closed: {cut_off(path.name)}")
    if text[at + 1 :].strip():
        raise InputError.at(
            path, number or None, f"text after the closing ']': {around(text, _skip(text, at + 1))}"
        )


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def fault(text: str, error: ValueError | RecursionError) -> str:
    """What the parser could not read of `text`, and where."""
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        return f"not valid JSON, {error.msg} ({line}column {error.colno}): {around(text, error.pos)}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def around(text: str, at: int) -> str:
    """Some characters of `text` on both sides of a place."""
    return repr(text[max(0, at - 20) : at + 20])


def no_rows(text: str, name: str) -> str | None:
    """Why a text under the name of a row file holds no rows: a download brought something else; or None."""
    if text.startswith("version https://git-lfs"):
        return f"is a pointer of Git LFS, not the file that it stands for; {again(name)}"
    return f"is a web page, not JSON; {again(name)}" if text.lstrip()[:1] == "<" else None


def cut_off(name: str) -> str:
    """What to say of a file that ends in the middle of a row."""
    return f"the file is truncated, it came or was written only in part; {again(name)}"


def again(name: str) -> str:
    """How to come by the file called `name`."""
    release = release_of(name)
    return (
        f"fetch it again: `unifer data fetch {release.name} --overwrite`"
        if release
        else "fetch it again, or write it anew"
    )
