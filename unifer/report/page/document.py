"""One HTML file that fetches nothing: what report, leaderboard and review page are put together with.

The content security policy admits the page's own script and style by their hashes, and no network at all.
What is filled in is never searched for further marks, so a reply that spells `{{title}}` stays a reply.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from unifer import __version__


def document(
    name: str, values: Mapping[str, str], *, title: str, scripts: Sequence[str], style: str = ""
) -> str:
    """The whole file: the template `name`.html of this folder, its marks `{{mark}}` filled in from `values`.

    `title` is among the marks. `scripts` are files of this folder without `.js`, in order; `style` is one
    without `.css` that is added to `style.css`. Raises KeyError for a mark without a value.
    """
    sheet = _read("style.css") + (_read(f"{style}.css") if style else "")
    script = "\n".join(_read(f"{each}.js") for each in scripts)
    named = {"title": escape(title)}
    around = {
        "policy": _policy(script, sheet),
        "generator": f"unifer {__version__}",
        "style": sheet,
        "script": script,
    }
    body = _filled(_read(f"{name}.html").rstrip("\n"), {**named, **values})
    return _filled(_read("document.html"), {**named, **around, "body": body})


def embedded(data: Any) -> str:
    """`data` as JSON within a script element; only `<` could end it, and JSON can spell that otherwise."""
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def packed(data: Any) -> str:
    """JSON, compressed, in base64. ASCII JSON: a lone surrogate, which UTF-8 cannot hold, stays an escape."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)).decode("ascii")


def _read(name: str) -> str:
    return resources.files("unifer.report.page").joinpath(name).read_text(encoding="utf-8")


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: values[mark[1]], template)


def _policy(script: str, style: str) -> str:
    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
