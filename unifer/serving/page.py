"""The pages of the server, put together once: one for readings, one for the documentation.

Style, elements and colours are the report's. Script and style stand in the page and are admitted by their
hashes; nothing but this server can be asked for anything.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

from unifer import __version__
from unifer.action_units import ACTION_UNITS
from unifer.recognition.drawing import COLOURS
from unifer.records import Json
from unifer.report.page.document import embedded
from unifer.serving.answers import NOTICE
from unifer.serving.samples import SamplePicture
from unifer.serving.service import ReadingService

_REPORT, _HERE = "unifer.report.page", "unifer.serving.web"
_SCRIPTS = (
    (_REPORT, "dom.js"),
    (_REPORT, "tools.js"),
    (_HERE, "asking.js"),
    (_HERE, "view.js"),
    (_HERE, "answer.js"),
    (_HERE, "camera.js"),
    (_HERE, "intake.js"),
    (_HERE, "visit.js"),
    (_HERE, "main.js"),
)


@dataclass(frozen=True)
class Page:
    """One HTML document and its content security policy."""

    text: str
    policy: str


def start_page(service: ReadingService, samples: Sequence[SamplePicture]) -> Page:
    """The page for readings, which knows the models, the limits and the samples."""
    first = next(iter(service.recognizers.values()))
    about = {
        "version": __version__,
        "models": {name: list(each.warnings) for name, each in service.recognizers.items()},
        "detector": first.settings.detector,
        "votes": first.settings.votes,
        "limits": {
            "bytes": service.limits.upload_bytes,
            "votes": service.limits.votes,
            "faces": service.limits.faces,
        },
        "samples": [sample.about() for sample in samples],
        "colours": dict(COLOURS),
        "units": {str(number): unit.name for number, unit in ACTION_UNITS.items()},
    }
    script = "\n".join(_read(room, name) for room, name in _SCRIPTS)
    values = {"about": embedded(about), "notice": escape(NOTICE), "version": __version__}
    return _page("page.html", values, "UniFER: read a face", script)


def documentation(openapi: Mapping[str, Any]) -> Page:
    """The paths of the server with their fields, from its OpenAPI description. No script."""
    paths = "".join(
        _operation(path, method, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    )
    values = {"paths": paths, "notice": escape(NOTICE), "version": __version__}
    return _page("docs.html", values, "UniFER: HTTP interface", "")


def _operation(path: str, method: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    forms = "".join(
        f"<h3>{escape(kind)}</h3>" + _table(("field", "type", "meaning"), _fields(form["schema"]))
        for kind, form in body.items()
    )
    answers = [(status, each.get("description", "")) for status, each in operation["responses"].items()]
    return (
        f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>{forms}"
        f"<h3>Answers</h3>{_table(('status', 'when'), answers)}</section>"
    )


def _fields(schema: Json) -> list[tuple[str, str, str]]:
    return [
        (
            name + ("" if name in schema.get("required", ()) else " (optional)"),
            field["type"] + (": " + ", ".join(field["enum"]) if "enum" in field else ""),
            field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(each)}</td>" for each in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _page(template: str, values: Mapping[str, str], title: str, script: str) -> Page:
    style = _read(_REPORT, "style.css") + _read(_HERE, "serve.css")
    marks = {"style": style, "script": script, "title": escape(title), **values}
    text = re.sub(r"\{\{(\w+)\}\}", lambda mark: marks[mark[1]], _read(_HERE, template))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(script)}" if script else "script-src 'none'",
            f"style-src {_digest(style)}",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return Page(text, policy)


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _read(room: str, name: str) -> str:
    return resources.files(room).joinpath(name).read_text(encoding="utf-8")
