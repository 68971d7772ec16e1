"""Servers of one model side by side; one that dies loses no request.

Each request goes to the one with the least to do. A server that fails a request, or is silent for a while, is
asked for its health; one that has none is taken out, and what it was asked goes to the others. Knows HTTP and
servers; what is sent and what a reply means its caller says, waits and retries are `asking`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from unifer.errors import InputError
from unifer.models.api.requests import (
    FAULT_WORDS,
    Answer,
    Ask,
    Fault,
    NoReply,
    fault_of,
    message_of,
    redacted,
    secrets,
)
from unifer.records import Json

log = logging.getLogger(__name__)

KEY_VARIABLE = "VLLM_API_KEY"
"""Environment variable that holds the key of servers that want one; vLLM's own server reads it too."""
_DOUBTFUL: tuple[Fault, ...] = ("refused", "cut", "timeout", "server")
"""Faults of a server that may be dead."""
_REPLY_SECONDS, _CONNECT_SECONDS = 1800.0, 15.0
_LOOKS, _LOOK_SECONDS, _BETWEEN = 3, 20.0, 1.0
_WATCH_SECONDS = 20.0
"""Between two looks at a server that is busy: a machine that lost its power never says so."""
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Served:
    """A model on a server: the address, `http://host:port/v1`, and the name that requests give."""

    url: str
    model: str


class _Replica:
    """One server while it is asked."""

    def __init__(self, served: Served, at_once: int) -> None:
        self.served = served
        self.load = 0
        """Requests under way or waiting for a place."""
        self.lost: str | None = None
        self.places = asyncio.Semaphore(at_once)
        self.looking = asyncio.Lock()
        self.seen_well = -1.0
        self.under_way: set[asyncio.Timeout] = set()


class Replicas:
    """The servers, asked by many requests at once. Use it within one event loop.

    `body` makes what is sent of a request, without the model's name (it may take its time, a thread runs it);
    `read` makes the answer of what comes back, and may raise InputError where no further reply would be any
    better.
    """

    def __init__(
        self,
        servers: Sequence[Served],
        body: Callable[[Ask], Json],
        read: Callable[[Ask, Any, str], Answer],
        *,
        at_once: int,
    ) -> None:
        """`at_once`: requests that a server holds at the same time."""
        self._replicas = [_Replica(served, at_once) for served in servers]
        self._body, self._read, self._at_once = body, read, at_once
        # The limits are ours: one connection a request under way.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(
            headers=headers(), limits=limits, timeout=httpx.Timeout(_REPLY_SECONDS, connect=_CONNECT_SECONDS)
        )
        self._secrets = secrets(os.environ.get(KEY_VARIABLE))
        self._watching: list[asyncio.Task[None]] = []

    @property
    def room(self) -> int:
        """Requests that all servers together hold at the same time."""
        return self._at_once * len(self._left())

    async def ask(self, ask: Ask) -> Answer:
        """Send one request, to another server where one dies over it.

        Raises NoReply; InputError where no server is left.
        """
        if not self._watching:
            self._watching = [asyncio.create_task(self._watch(replica)) for replica in self._replicas]
        body = await asyncio.to_thread(self._body, ask)
        while True:
            replica = self._least_busy()
            replica.load += 1
            try:
                async with replica.places:
                    if replica.lost is None:
                        response = await self._post(replica, body)
                        return await asyncio.to_thread(self._read, ask, response, replica.served.url)
            except NoReply as error:
                if replica.lost is None and (
                    error.fault not in _DOUBTFUL or await self._lives(replica, error)
                ):
                    raise
            finally:
                replica.load -= 1

    async def close(self) -> None:
        """Let the connections go."""
        for task in self._watching:
            task.cancel()
        await self._client.aclose()

    def _left(self) -> list[_Replica]:
        return [replica for replica in self._replicas if replica.lost is None]

    def _least_busy(self) -> _Replica:
        left = self._left()
        if not left:
            reasons = "; ".join(f"{replica.served.url}: {replica.lost}" for replica in self._replicas)
            raise InputError(
                f"no server is left ({reasons}); every answer so far is kept: start one again, and the "
                "same command goes on"
            )
        return min(left, key=lambda replica: replica.load)

    async def _post(self, replica: _Replica, body: Json) -> Any:
        """The reply as JSON. Raises NoReply, also where the server is taken out meanwhile."""
        where = replica.served.url
        try:
            async with asyncio.timeout(None) as until:
                replica.under_way.add(until)
                try:
                    response = await self._client.post(
                        f"{where}/chat/completions", json={"model": replica.served.model, **body}
                    )
                finally:
                    replica.under_way.discard(until)
            if response.is_error:
                raise _Refused(response)
            return response.json()
        except (httpx.HTTPError, TimeoutError, ValueError, _Refused) as error:
            fault: Fault = "invalid" if isinstance(error, ValueError) else fault_of(error, lambda _: False)
            message = " ".join(redacted(message_of(error), self._secrets).split())[:_LONGEST_MESSAGE]
            status = f" (HTTP {error.status_code})" if isinstance(error, _Refused) else ""
            raise NoReply(
                fault,
                f"{where}: {FAULT_WORDS[fault]}{status}: {message}",
                getattr(error, "retry_after", None),
            ) from None

    async def _lives(self, replica: _Replica, error: NoReply) -> bool:
        """Whether the server is well after all; where not, it is taken out.

        Many requests that fail at once look once.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        async with replica.looking:
            if replica.lost is None and replica.seen_well < started:
                if await self._is_well(replica):
                    replica.seen_well = clock()
                else:
                    self._take_out(replica, str(error).removeprefix(f"{replica.served.url}: "))
            return replica.lost is None

    async def _watch(self, replica: _Replica) -> None:
        while replica.lost is None:
            await asyncio.sleep(_WATCH_SECONDS)
            if replica.under_way:
                await self._lives(replica, NoReply("timeout", "no answer"))

    async def _is_well(self, replica: _Replica) -> bool:
        health = replica.served.url.removesuffix("/v1") + "/health"
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(_BETWEEN)
            with contextlib.suppress(httpx.HTTPError):
                # vLLM says 503 once its engine is dead; a balancer in front of it may not know the page, and
                # lives.
                if not (await self._client.get(health, timeout=_LOOK_SECONDS)).is_server_error:
                    return True
        return False

    def _take_out(self, replica: _Replica, reason: str) -> None:
        replica.lost = reason
        now = asyncio.get_running_loop().time()
        for until in replica.under_way:
            until.reschedule(now)
        if left := len(self._left()):
            go_on = f"{left} server goes" if left == 1 else f"{left} servers go"
            log.warning("%s: taken out (%s); %s on with what it was asked", replica.served.url, reason, go_on)


class _Refused(Exception):
    """An HTTP status that says no, with what the server said to it."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.status_code = response.status_code
        self.message = error_text(response)
        wait = response.headers.get("Retry-After", "")
        self.retry_after = float(wait) if wait.isdigit() else None


def error_text(response: httpx.Response) -> str:
    """The message of an error as OpenAI's API wraps it, else the text as it came."""
    try:
        body = response.json()
        return str(body.get("error", body).get("message") or body)
    except (ValueError, AttributeError):
        return response.text


def headers() -> dict[str, str]:
    """What shows a server the key that it may want."""
    key = os.environ.get(KEY_VARIABLE)
    return {"Authorization": f"Bearer {key}"} if key else {}
