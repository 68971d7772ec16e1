"""One HTML file that fetches nothing: the head, the style and the script that report, leaderboard and review
page share.

The content security policy admits the page's own script and style by their hashes, and no network at all.
What is filled in is never searched for further marks, so a reply that spells `{{title}}` stays a reply.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

from unifer import __version__


def document(body: str, values: Mapping[str, str], *, title: str, style: str, script: str) -> str:
    """The whole file: `body`, its marks `{{name}}` filled in from `values` (HTML; `title` is among them),
    with `style` and `script`.

    Raises KeyError for a mark without a value.
    """
    frame = resources.files("unifer.report.page").joinpath("document.html").read_text(encoding="utf-8")
    named = {"title": escape(title)}
    around = {
        "policy": _policy(script, style),
        "generator": f"unifer {__version__}",
        "style": style,
        "script": script,
    }
    return _filled(frame, {**named, **around, "body": _filled(body.rstrip("\n"), {**named, **values})})


def embedded(data: Any) -> str:
    """`data` as JSON within a script element: only `<` could end it there, and JSON spells it otherwise
    too.
    """
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: values[mark[1]], template)


def _policy(script: str, style: str) -> str:
    def hashed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        "default-src 'none'; script-src "
        f"{hashed(script)}; style-src {hashed(style)}; img-src data:; base-uri 'none'; form-action "
        "'none'"
    )
