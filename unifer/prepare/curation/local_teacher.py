"""A teacher in this process: a checkpoint in vLLM, fed by a thread of its own while an event loop waits for
its replies.

Knows engines; not what is asked, nor retries.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.dialogue import images, prompts
from unifer.dialogue.images import ImageRule
from unifer.models.api.requests import Answer, Ask, NoReply
from unifer.models.engines import Engine, EngineSpec, GenerationSettings, Reply, Request
from unifer.prepare.curation.teachers import TeacherSpec

if TYPE_CHECKING:
    from PIL.Image import Image


class LocalTeacher:
    """Feeds one engine. Its replies come in any order; each goes to whoever asked."""

    def __init__(self, name: str, engine: Engine, rule: ImageRule) -> None:
        self.name = name
        self._engine, self._rule = engine, rule
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._loop = asyncio.get_running_loop()
        self._broken: str | None = None
        self._closing = False
        self._working = threading.Thread(target=self._work, name="local-teacher", daemon=True)
        self._working.start()

    @classmethod
    def of(cls, spec: TeacherSpec) -> LocalTeacher:
        """Load the checkpoint of `spec` into vLLM. Raises InputError where that is not possible."""
        assert spec.checkpoint is not None
        rule = ImageRule()
        settings = GenerationSettings(max_new_tokens=spec.max_tokens, top_p=spec.top_p)
        return cls(spec.name, EngineSpec("vllm", spec.checkpoint, settings, rule).open(), rule)

    def picture(self, path: Path, name: str) -> Image:
        """The picture by the image rule that students are shown theirs by."""
        return images.load(path, self._rule, name) if self._engine.shows_images else images.decode(path, name)

    async def ask(self, ask: Ask) -> Answer:
        try:
            prompts.check_prompt(ask.prompt)
        except ValueError as error:
            raise NoReply("bad_request", str(error)) from None
        if self._broken is not None:
            raise NoReply("other", self._broken)
        future = self._waiting[ask.key] = self._loop.create_future()
        self._queue.put(Request(ask.key, ask.prompt, ask.picture, ask.temperature))
        reply = await future
        if reply.error is not None:
            raise NoReply("bad_request", f"{self.name}: {reply.error}")
        return Answer(reply.text, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens)

    async def close(self) -> None:
        self._closing = True
        self._queue.put(None)
        await asyncio.to_thread(self._working.join)

    def _requests(self) -> Iterator[Request]:
        while (request := self._queue.get()) is not None:
            yield request

    def _work(self) -> None:
        try:
            for reply in self._engine.stream(self._requests()):
                if self._closing:
                    break
                self._loop.call_soon_threadsafe(self._deliver, reply)
        except Exception as error:
            self._loop.call_soon_threadsafe(
                self._break, f"the engine of {self.name} stopped: {' '.join(str(error).split())}"
            )
            raise

    def _deliver(self, reply: Reply) -> None:
        future = self._waiting.pop(reply.key)
        if not future.done():
            future.set_result(reply)

    def _break(self, reason: str) -> None:
        self._broken = reason
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(NoReply("other", reason))
        self._waiting.clear()
