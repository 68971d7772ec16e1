"""Who may ask: the gate in front of every request, and the headers on every answer.

A server on one's own machine can be reached by any page that one's browser has open, under a name that points
to this machine even by scripts that read the answers. So hosts are checked by name, and requests that a
browser says another site made are refused.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unifer.serving.limits import Refusal
from unifer.serving.metrics import ServerMetrics

_CLOSED = ("/v1/", "/metrics")
"""What a key opens. Page, samples, health and documentation say nothing about anybody."""
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
"""The policy of answers that are no page."""


@dataclass(frozen=True)
class Access:
    """Names under which the server may be reached, and the key to it; None: any, and no key."""

    hosts: frozenset[str] | None = None
    key: str | None = None


class Guard:
    """ASGI around the app: checks, headers, counts. `paths` are those that are counted by name."""

    def __init__(self, app: ASGIApp, access: Access, metrics: ServerMetrics, paths: frozenset[str]) -> None:
        self._app, self._access, self._metrics, self._paths = app, access, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, begun = time.monotonic(), 500, False

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in (*HEADERS.items(), ("Content-Security-Policy", NO_PAGE)):
                    headers.setdefault(name, value)
            await send(message)

        try:
            refusal = self._refusal(scope)
            app = self._app if refusal is None else refused(refusal)
            await app(scope, receive, sending)
        except asyncio.CancelledError:
            # uvicorn cancels what outlasts its shutdown, and would answer 500 and log a traceback.
            if begun:
                raise
            await refused(Refusal(503, "the server is ending", 1))(scope, receive, sending)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.answered(path, status, time.monotonic() - started)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers, access = Headers(scope=scope), self._access
        host = _name(headers.get("host", ""))
        if access.hosts is not None and host not in access.hosts:
            return Refusal(421, f"this server is not called {host!r}; --allow-host names it so")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and scope["method"] != "GET":
            return Refusal(403, "another site's page may not send photos here")
        if access.key is None or not scope["path"].startswith(_CLOSED):
            return None
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode("latin-1"), access.key.encode()):
            return None
        return Refusal(401, "a key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")


def refused(refusal: Refusal) -> JSONResponse:
    """The answer to a request that gets no reading."""
    return JSONResponse({"error": refusal.line}, refusal.status, headers=refusal.headers)


def _name(host: str) -> str:
    """`[::1]:8765` -> `::1`, `localhost:8765` -> `localhost`."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0].lower()
