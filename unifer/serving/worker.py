"""One model in one thread, which answers the photos of many clients in one stream of requests.

Knows recognizers and photos that are prepared; nothing of HTTP.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field

from unifer.recognition.answering import PhotoReadings, PreparedPhoto
from unifer.recognition.recognizer import Recognizer

PER_STREAM = 1024
"""Photos of one stream at most: `answer` remembers their names, and those of a stream without end would pile
up.
"""
_PATIENCE = 0.02
"""Seconds between two looks at whether a stream has run dry."""


class EngineFailure(Exception):
    """The engine raised while it answered; the message says what."""


@dataclass(eq=False)
class _Job:
    photo: PreparedPhoto
    result: Future[PhotoReadings] = field(default_factory=Future)


class BatchWorker:
    """Answers photos by one recognizer, in a thread that loads it, asks it and closes it.

    Workers that share a `turn` ask their engines one after the other.
    """

    def __init__(self, recognizer: Recognizer, turn: threading.Lock | None = None) -> None:
        self._recognizer, self._turn = recognizer, turn
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._loaded: Future[None] = Future()
        # A daemon: an engine that hangs must not keep a server alive that was told to end.
        self._thread = threading.Thread(target=self._work, name=f"ask-{recognizer.model}", daemon=True)

    def start(self) -> None:
        """Load the model and begin. Raises what loading raises (InputError)."""
        self._thread.start()
        self._loaded.result()

    def submit(self, photo: PreparedPhoto) -> Future[PhotoReadings]:
        """Its readings, later; cancelled before its turn comes it costs nothing.

        EngineFailure is what it raises where the engine did, or the server ends.
        """
        job = _Job(photo)
        self._jobs.put(job)
        if self._ending.is_set():
            self._turn_away()
        return job.result

    def close(self, patience: float = 10.0) -> None:
        """Take nothing more, and give back what the model holds, once what runs is through."""
        self._ending.set()
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join(patience)

    def _work(self) -> None:
        try:
            self._recognizer.load()
        except BaseException as error:
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(None)
        while not self._ending.is_set():
            first = self._jobs.get()
            if first is not None:
                with self._turn or nullcontext():
                    self._answer(first)
        self._turn_away()
        self._recognizer.close()

    def _answer(self, first: _Job) -> None:
        """Answer `first`, and all that come while the engine is at work."""
        open_jobs: dict[int, _Job] = {}
        try:
            for done in self._recognizer.answer(self._photos(first, open_jobs)):
                open_jobs.pop(id(done.photo)).result.set_result(done)
        except Exception as error:  # the boundary: whatever the engine stumbles on, the server goes on
            reason = " ".join(str(error).split()) or type(error).__name__
            for job in open_jobs.values():
                job.result.set_exception(EngineFailure(reason))

    def _photos(self, first: _Job, open_jobs: dict[int, _Job]) -> Iterator[PreparedPhoto]:
        job: _Job | None = first
        left = PER_STREAM
        while job is not None:
            if job.result.set_running_or_notify_cancel():
                open_jobs[id(job.photo)] = job
                yield job.photo
            left -= 1
            job = self._next(open_jobs) if left else None

    def _next(self, open_jobs: dict[int, _Job]) -> _Job | None:
        """What waits, if anything; else what comes while the engine computes, if it computes meanwhile.

        An engine that takes its requests in a thread of its own (vLLM) can be kept waiting for the next one
        without being kept from its work, so that a newcomer joins those under way. The others would stand
        still.
        """
        while True:
            alone = self._turn is None
            busy_elsewhere = alone and threading.current_thread() is not self._thread and open_jobs
            try:
                return self._jobs.get(timeout=_PATIENCE) if busy_elsewhere else self._jobs.get_nowait()
            except queue.Empty:
                if not busy_elsewhere or self._ending.is_set():
                    return None

    def _turn_away(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None and job.result.set_running_or_notify_cancel():
                job.result.set_exception(EngineFailure("the server is ending"))
