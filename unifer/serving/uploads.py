"""An HTTP request -> the photo in it and what is wanted of it: multipart form or JSON with base64.

Everything stays in memory, within limits; no path and no address is read from a request.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import unicodedata
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from unifer import reading
from unifer.recognition.readings import Which
from unifer.serving.limits import Refusal, ServerLimits

_AROUND = 65_536
"""Bytes that a form may hold beside its photo."""
_DRAINED = 100_000_000
"""Bytes of a body too large that are read and dropped, so that its sender hears why it was refused."""
_LONGEST_NAME = 120
_TEXTS = ("model", "detector", "which")
"""Options that are written as they are; all others are JSON."""


@dataclass(frozen=True)
class ReadOptions:
    """What a request may say besides its photo; None leaves it to the server."""

    model: str | None = None
    """Name of one of the server's models; None: its first."""
    detector: Literal["cascade", "yunet", "whole"] | None = None
    which: Which | None = None
    faces: tuple[int, ...] | None = None
    """Which of the faces that the detector finds, counted from the left, the first is 0; None: all."""
    boxes: tuple[tuple[float, ...], ...] | None = None
    """Where the faces are, in place of a detector: left, top, right, bottom in pixels."""
    votes: int | None = None
    temperature: float | None = None

    def changes(self) -> dict[str, Any]:
        """Those that are settings of a reading."""
        names = ("detector", "which", "votes", "temperature")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class Upload:
    """A photo's file as it came, its name, and the options."""

    data: bytes
    name: str
    options: ReadOptions


async def upload(request: Request, limits: ServerLimits) -> Upload:
    """Raises Refusal: 400 malformed, 408 too slow, 413 too large, 415 neither form nor JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/json"):
        await _body(request, _DRAINED, limits.receive_seconds, keep=False)
        raise Refusal(
            415,
            f"content type {kind or '(none)'!r}: send multipart/form-data with the photo as 'file', or "
            "application/json with its base64 as 'image'",
        )
    if kind == "application/json":
        body = await _body(request, limits.upload_bytes * 4 // 3 + _AROUND, limits.receive_seconds)
        data, name, options = _from_json(body)
    else:
        body = await _body(request, limits.upload_bytes + _AROUND, limits.receive_seconds)
        data, name, options = await _from_form(request, body)
    if not data:
        raise Refusal(400, "the photo is empty (0 bytes)")
    if len(data) > limits.upload_bytes:
        raise _too_large(limits.upload_bytes)
    return Upload(data, _plain_name(name), _options(options, limits))


async def _body(request: Request, most: int, seconds: float, *, keep: bool = True) -> bytes:
    """All of it; what is beyond `most` bytes is dropped as it comes."""
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if keep and size <= most:
                    body += chunk
                elif size > max(most, _DRAINED):
                    break
    except TimeoutError:
        raise Refusal(408, f"the request did not arrive within {seconds:g} s; send a smaller photo") from None
    if size > most:
        raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"the photo is too large: at most {most / 1e6:.3g} MB are taken; send a smaller copy")


def _from_json(body: bytes) -> tuple[bytes, str, dict[str, Any]]:
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not valid JSON") from None
    if not isinstance(row, dict) or not isinstance(row.get("image"), str):
        raise Refusal(400, 'a JSON object {"image": "<base64 of a photo>"} is expected')
    text, name = row.pop("image"), row.pop("name", None) or "photo"
    if re.match(r"[a-z][a-z0-9+.-]*:", text[:40], re.IGNORECASE):
        raise Refusal(400, "'image' is an address; nothing is fetched: send the photo's base64 alone")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "'image' is not base64 of a file; no path is read, no address fetched") from None
    return data, str(name), row


async def _from_form(request: Request, body: bytes) -> tuple[bytes, str, dict[str, Any]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=len(fields(ReadOptions)))
    # Larger files would be put on disk while they are read.
    parser.spool_max_size = len(body) + 1
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(400, f"the form cannot be read: {error.message}") from None
    photo = form.get("file")
    if not isinstance(photo, UploadFile):
        await form.close()
        raise Refusal(400, "the form has no file named 'file'; send the photo as that")
    data = await photo.read()
    await form.close()
    texts = {key: value for key, value in form.items() if key != "file" and isinstance(value, str) and value}
    return data, photo.filename or "photo", {key: _value(key, text) for key, text in texts.items()}


def _value(key: str, text: str) -> Any:
    if key in _TEXTS:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal(400, f"{key!r} is {text[:40]!r}; a number or a list in JSON is expected") from None


def _options(values: Mapping[str, Any], limits: ServerLimits) -> ReadOptions:
    # A list alone stands for a tuple of one in settings; here it would hide a mistake.
    for name in ("faces", "boxes"):
        if values.get(name) is not None and not isinstance(values[name], list):
            raise Refusal(400, f"{name!r} must be a list")
    if values.get("boxes") is not None and not all(isinstance(box, list) for box in values["boxes"]):
        raise Refusal(400, "'boxes' must be a list of [left, top, right, bottom]")
    try:
        options: ReadOptions = reading.typed(ReadOptions, dict(values), "")
    except (ValueError, OverflowError) as error:
        raise Refusal(400, str(error)) from None
    if options.votes is not None and not 1 <= options.votes <= limits.votes:
        raise Refusal(400, f"'votes' is {options.votes}; 1 to {limits.votes} are allowed")
    for named in (options.faces, options.boxes):
        if named is not None and not 1 <= len(named) <= limits.faces:
            raise Refusal(400, f"{len(named)} faces are named; 1 to {limits.faces} are allowed")
    return options


def _plain_name(name: str) -> str:
    """What the answer calls the photo: the last part of a file's name, without what steers terminals."""
    last = re.split(r"[\\/]", name)[-1]
    kept = "".join(char for char in last if unicodedata.category(char)[0] not in "CZ" or char == " ")
    return kept.strip()[:_LONGEST_NAME] or "photo"
