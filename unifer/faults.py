"""What is wrong with a text that should be JSON, in words, and whether its download is to blame."""

from __future__ import annotations

import json

from unifer.releases import release_of


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
