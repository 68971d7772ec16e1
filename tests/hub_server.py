"""A small stand-in of the Hugging Face hub on 127.0.0.1: one dataset, its files with size and digest, and the
faults that hubs have.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

VERSION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub holds and how it behaves. `breaks_at`: bytes of a file after which no more come."""

    repo: str
    files: Mapping[str, bytes]
    status: int = 200
    breaks_at: int | None = None
    wrong: bytes | None = None
    """Sent in place of every file."""
    ranges: list[str] = field(default_factory=list)
    """`Range` of every download, empty for a whole file."""
    url: str = ""

    def about(self) -> dict[str, Any]:
        siblings = [
            {"rfilename": name, "size": len(body), **_digests(name, body)}
            for name, body in self.files.items()
        ]
        return {"id": self.repo, "sha": VERSION, "siblings": siblings}


def _digests(name: str, body: bytes) -> dict[str, Any]:
    """As the hub: files of its large file storage have a SHA-256, all have git's digest."""
    blob = {"blobId": hashlib.sha1(f"blob {len(body)}\0".encode() + body).hexdigest()}
    if name.endswith("_qa.json"):
        return blob
    return blob | {"lfs": {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}}


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def _send(self, status: int, body: bytes, headers: Mapping[str, str], cut: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if cut is None else body[:cut])
            if cut is not None and cut < len(body):
                self.close_connection = True

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            if hub.status != 200:
                code = {403: "GatedRepo", 404: "RepoNotFound"}.get(hub.status, "")
                return self._send(hub.status, b"{}", {"X-Error-Code": code} if code else {})
            if path.startswith(f"/api/datasets/{hub.repo}"):
                known = path.rpartition("/revision/")[2] in (path, "main", VERSION)
                if not known:
                    return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return self._send(200, json.dumps(hub.about()).encode(), {"Content-Type": "application/json"})
            body = hub.files.get(path.partition(f"/datasets/{hub.repo}/resolve/{VERSION}/")[2])
            if body is None:
                return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return self._file(body)

        def _file(self, body: bytes) -> None:
            stated = {
                "X-Repo-Commit": VERSION,
                "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
                "Accept-Ranges": "bytes",
            }
            asked = self.headers.get("Range", "")
            sent = hub.wrong if hub.wrong is not None else body
            if self.command == "HEAD":
                return self._send(200, body, stated)
            hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
            part = {"Content-Range": f"bytes {start}-{len(sent) - 1}/{len(sent)}"} if asked else {}
            return self._send(
                206 if asked else 200,
                sent[start:],
                stated | part,
                None if hub.breaks_at is None else max(0, hub.breaks_at - start),
            )

    return Handler


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """`hub` on a free port of this machine, its address in `hub.url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
