"""Doubles of what the server needs: services over scripted models, clients, photos of every kind."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from tests.recognition import doubles
from unifer.dialogue import prompts
from unifer.recognition.recognizer import Recognizer
from unifer.serving.app import create_app
from unifer.serving.guard import Access
from unifer.serving.limits import ServerLimits
from unifer.serving.service import ReadingService

HAPPY, SAD = doubles.HAPPY, doubles.SAD
AFRAID = prompts.reply("😨 The brows rise, AU1 and AU2, and the lips stretch (AU20).", "fear")


def photo(side: int = 64, kind: str = "PNG", colour: str = "gray") -> bytes:
    """A plain picture's file."""
    stream = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, kind)
    return stream.getvalue()


def as_json(data: bytes, **options: Any) -> bytes:
    """The body of a request by JSON."""
    return json.dumps({"image": base64.b64encode(data).decode(), **options}).encode()


@contextmanager
def service(
    *recognizers: Recognizer, limits: ServerLimits | None = None, **settings: Any
) -> Iterator[ReadingService]:
    """One that is started, over `recognizers`, or over one that always says HAPPY."""
    made = ReadingService(recognizers or (doubles.recognizer(**settings),), limits or ServerLimits())
    made.start()
    yield made
    made.close()


@contextmanager
def client(
    *recognizers: Recognizer,
    limits: ServerLimits | None = None,
    access: Access | None = None,
    **settings: Any,
) -> Iterator[TestClient]:
    """A client of such a service, in this process."""
    with service(*recognizers, limits=limits, **settings) as made:
        yield TestClient(create_app(made, access), raise_server_exceptions=False)


@contextmanager
def address(
    *recognizers: Recognizer, limits: ServerLimits | None = None, access: Access | None = None
) -> Iterator[str]:
    """Such a server behind a real socket."""
    with service(*recognizers, limits=limits) as made, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(made, access), log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def named(recognizer: Recognizer, name: str, warnings: Sequence[str] = ()) -> Recognizer:
    """The same under another name, with warnings on all that it says."""
    recognizer.model, recognizer.warnings = name, tuple(warnings)
    return recognizer
