"""Requests prepared in a thread while the engine steps, and when newcomers join those under way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from unifer.models.engines.base import Request

_NEWCOMERS_SHARE = 8
"""Newcomers join at once where they are at least this part of those under way."""
_NEWCOMERS_WAIT = 8
"""Steps of the engine after which even one newcomer joins."""


def join(newcomers: int, in_flight: int, waited: int) -> bool:
    """Whether `newcomers` that `waited` so many steps are put among those `in_flight` now.

    Prompts read one by one cost more than prompts read together, and halt those under way each time.
    """
    return newcomers * _NEWCOMERS_SHARE >= in_flight or waited >= _NEWCOMERS_WAIT


class Feeder:
    """Prepares requests in the one thread of `pool`, at most `ahead` of their use.

    One thread, because vLLM's processor is not meant for several; `next` raises what the source of requests
    raised.
    """

    def __init__(
        self, pool: ThreadPoolExecutor, requests: Iterable[Request], prepare: Any, ahead: int
    ) -> None:
        self._pool = pool
        self._ready: queue.Queue[Any] = queue.Queue(maxsize=max(2, ahead))
        self._stop = threading.Event()
        self._requests, self._prepare = requests, prepare
        self.ended = False

    def __enter__(self) -> Feeder:
        self._working = self._pool.submit(self._work)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._working.result()

    @property
    def ready(self) -> int:
        """Requests that are prepared, and the end of all where it has come."""
        return self._ready.qsize()

    def next(self, *, wait: bool) -> tuple[Request, Any] | None:
        """The next request with its prepared input or the exception that preparing it raised.

        None: none is ready, or no more.
        """
        if self.ended:
            return None
        try:
            item = self._ready.get(block=wait)
        except queue.Empty:
            return None
        if isinstance(item, tuple):
            return item
        self.ended = True
        if item is not None:
            raise item
        return None

    def _work(self) -> None:
        last: BaseException | None = None
        try:
            for request in self._requests:
                prepared: Any
                try:
                    prepared = self._prepare(request)
                except Exception as error:
                    prepared = error
                if not self._put((request, prepared)):
                    return
        except BaseException as error:
            last = error
        self._put(last)

    def _put(self, item: Any) -> bool:
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
