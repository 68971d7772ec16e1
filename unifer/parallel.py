"""Chunks of work over processes. Knows nothing of the work; Ctrl-C is the parent's alone to answer."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 64


def in_chunks(
    work: Callable[[Sequence[Item]], Result],
    items: Sequence[Item],
    workers: int,
    advance: Callable[[int], None] | None = None,
    size: int = CHUNK,
) -> Iterator[Result]:
    """`work` of every `size` of `items`, in order, in `workers` processes.

    In this process where there is no more than one to fill. `advance` hears the number of items of each chunk
    that is done. What `work` raises comes out here, and no further chunk is begun.
    """
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    if workers <= 1 or len(chunks) <= 1:
        yield from _advancing(map(work, chunks), chunks, advance)
        return
    with ProcessPoolExecutor(min(workers, len(chunks)), initializer=_ignore_interrupt) as pool:
        try:
            yield from _advancing(pool.map(work, chunks), chunks, advance)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _advancing(
    results: Iterator[Result], chunks: Sequence[Sequence[Item]], advance: Callable[[int], None] | None
) -> Iterator[Result]:
    for result, chunk in zip(results, chunks, strict=True):
        if advance:
            advance(len(chunk))
        yield result


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of the terminal: the parent alone answers it, and lets its workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
