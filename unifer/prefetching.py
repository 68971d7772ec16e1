"""Work done by threads ahead of its use, in order: pictures decoded while the engine computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

DECODERS = 4
AHEAD = 64
"""Images decoded before the engine asks for them."""


def prefetched(items: Iterable[T], work: Callable[[T], R], workers: int, ahead: int) -> Iterator[tuple[T, R]]:
    """(item, work(item)) in order; `work` runs in threads on at most `ahead` items in advance."""
    source = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        window: deque[tuple[T, Future[R]]] = deque(
            (item, pool.submit(work, item)) for item in islice(source, ahead)
        )
        try:
            while window:
                item, result = window.popleft()
                made = result.result()
                window.extend((other, pool.submit(work, other)) for other in islice(source, 1))
                yield item, made
        finally:
            for _, result in window:
                result.cancel()
