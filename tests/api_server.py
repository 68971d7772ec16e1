"""A small OpenAI-compatible server on 127.0.0.1 whose every fault can be chosen: what APIs do to us in
practice.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Reaction:
    """What the server does with one request. `promised` more bytes than it sends makes a connection that
    breaks off.
    """

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    promised: int = 0
    hangs: bool = False


def completion(text: str, *, finish: str = "stop", tokens: tuple[int, int] = (100, 20)) -> Reaction:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    made = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    return Reaction(body=json.dumps(made))


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None, **fields: str) -> Reaction:
    return Reaction(
        status, json.dumps({"error": {"message": message, "type": "error", **fields}}), headers or {}
    )


class ApiServer:
    """`react(number, body)` decides on each request, counted from 1."""

    def __init__(self, react: Callable[[int, Body], Reaction]) -> None:
        self.react = react
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._counting = threading.Lock()
        self.released = threading.Event()
        self.url = ""
        self.pages: dict[str, Reaction] = {}
        """What GET finds, by path."""
        self.dead = threading.Event()
        self.close: Callable[[], None] = lambda: None

    def kill(self) -> None:
        """As by SIGKILL: connections break off unanswered, new ones are refused."""
        self.dead.set()
        self.released.set()
        self.close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._counting:
            self.requests.append(body)
            self.headers.append(dict(handler.headers))
            number = len(self.requests)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            reaction = self.react(number, body)
        finally:
            with self._counting:
                self._at_once -= 1
        if reaction.hangs:
            self.released.wait()
        if reaction.hangs or self.dead.is_set():
            handler.close_connection = True
        else:
            self.send(handler, reaction)

    def page(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a GET; a path that nobody filled is not there."""
        if self.dead.is_set():
            handler.close_connection = True
        else:
            self.send(handler, self.pages.get(handler.path) or refusal(404, f"{handler.path}: not found"))

    def send(self, handler: BaseHTTPRequestHandler, reaction: Reaction) -> None:
        """Write a whole reply, or one that breaks off."""
        sent = reaction.body.encode()
        handler.send_response(reaction.status)
        handler.send_header("Content-Type", reaction.content_type)
        handler.send_header("Content-Length", str(len(sent) + reaction.promised))
        for name, value in reaction.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(sent)
        handler.close_connection = bool(reaction.promised)


@contextmanager
def serving(react: Callable[[int, Body], Reaction]) -> Iterator[ApiServer]:
    """A server for the block; every hanging request is let go when it ends."""
    api = ApiServer(react)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            api.answer(self)

        def do_GET(self) -> None:
            api.page(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def close() -> None:
        server.shutdown()
        server.server_close()

    api.close = close
    try:
        yield api
    finally:
        api.released.set()
        close()
        thread.join()


def prompt_of(body: Body) -> str:
    return "".join(part["text"] for part in body["messages"][0]["content"] if part["type"] == "text")


def picture_of(body: Body) -> str:
    return next(
        str(part["image_url"]["url"])
        for part in body["messages"][0]["content"]
        if part["type"] == "image_url"
    )
