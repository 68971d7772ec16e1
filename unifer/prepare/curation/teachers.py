"""Teachers: whom a picture and a prompt go to. One protocol, a model behind an API or a checkpoint in vLLM.

Knows engines and `models/api/client`; no rows, no filter, no budget and no retries.
"""

from __future__ import annotations

import asyncio
import base64
import io
import queue
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from unifer import runs
from unifer.dialogue import images, prompts
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.api.client import ApiModel, ApiSpec, without_secrets
from unifer.models.api.requests import Answer, Ask, NoReply
from unifer.models.engines import Engine, EngineSpec, GenerationSettings, Reply, Request
from unifer.records import Json

if TYPE_CHECKING:
    from PIL.Image import Image


KEY_VARIABLE = "UNIFER_TEACHER_API_KEY"
"""Environment variable that holds the key of a teacher given by its URL.

Keys are never flags: those show in process lists.
"""


class Teacher(Protocol):
    """A teacher that is ready to be asked, by many requests at once."""

    name: str

    def picture(self, path: Path, name: str) -> Any:
        """The image as this teacher takes it; called in threads.

        Raises ImageError with the image's `name`.
        """

    async def ask(self, ask: Ask) -> Answer:
        """Send one request once. Raises NoReply."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class TeacherSpec:
    """Which teacher, and how it replies."""

    model: str
    """The name of a checkpoint, the name served at `url`, or one of inspect_ai's (`openai/gpt-4o-mini`)."""
    url: str | None = None
    checkpoint: Path | None = None
    max_tokens: int = 1024
    top_p: float = 1.0
    timeout: float = 120.0
    """Seconds that one request may take."""
    max_connections: int = 32
    image_size: int = 768
    """Longest side in pixels of the pictures that an API is sent; smaller ones stay as they are."""
    cache: bool = False

    def __post_init__(self) -> None:
        for name in ("max_tokens", "timeout", "max_connections"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} {getattr(self, name)} must be above 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p} must be above 0 and at most 1")
        if not 28 <= self.image_size <= 1024:
            raise ValueError(f"image_size {self.image_size} must be from 28 to 1024 pixels")

    @property
    def name(self) -> str:
        """What rows call this teacher; no key, and no user's folder."""
        return self.model

    def identity(self) -> Json:
        """What a run must keep.

        Where a URL leads may change (a port, another replica), as may time limits and connections.
        """
        settings: Json = {"model": self.model, "max_tokens": self.max_tokens, "top_p": self.top_p}
        if self.checkpoint is not None:
            return settings | {"checkpoint": runs.describe_checkpoint(self.checkpoint)}
        return settings | {"image_side": self.image_size}

    async def open(self) -> Teacher:
        """Make it ready. Raises InputError where the installation, the key or the name does not allow it."""
        if self.checkpoint is not None:
            return LocalTeacher.of(self)

        return ApiTeacher(self)


def find_teacher(text: str, served: str | None, **settings: Any) -> TeacherSpec:
    """The teacher that `--teacher text` means.

    It is a URL (with `served`, the model's name there), a checkpoint folder, or `provider/model`. Raises
    InputError for a URL without a name or with a key in it, for `served` without a URL, and for what is none
    of the three.
    """
    try:
        if re.match(r"https?://", text, re.IGNORECASE):
            return TeacherSpec(
                _served(text, served), url=without_secrets(text, "--teacher", KEY_VARIABLE), **settings
            )
        if served is not None:
            raise InputError(
                f"--model {served} belongs to a --teacher that is a URL; {text!r} names its model already"
            )
        if Path(text).expanduser().is_dir():
            from unifer.models.checkpoints import find_checkpoint

            checkpoint = find_checkpoint(text, Path(__file__).parent, flag="--teacher")
            return TeacherSpec(checkpoint.name, checkpoint=checkpoint.path, **settings)
        if not re.fullmatch(r"[a-z0-9_.-]+/[^\s]+", text):
            raise InputError(
                f"--teacher {text}: is no folder, no URL and no provider/model; give openai/gpt-4o-mini, "
                "anthropic/..., google/..., http://127.0.0.1:8000/v1 with --model NAME, or a checkpoint "
                "folder"
            )
        return TeacherSpec(text, **settings)
    except ValueError as error:
        raise InputError(str(error)) from None


def _served(url: str, served: str | None) -> str:
    if not served:
        raise InputError(
            f"--teacher {urlsplit(url).hostname}: a server needs --model NAME, the name it serves the "
            "model under"
        )
    return served


class ApiTeacher(ApiModel):
    """One model of one provider. Raises InputError: no such provider, its package or its key missing."""

    def __init__(self, spec: TeacherSpec) -> None:
        super().__init__(
            ApiSpec(
                spec.model,
                spec.url,
                KEY_VARIABLE,
                max_tokens=spec.max_tokens,
                top_p=spec.top_p,
                timeout=spec.timeout,
                max_connections=spec.max_connections,
                cache=spec.cache,
                flag="--teacher",
                remedy="check --model, --teacher and the URL's /v1",
            )
        )
        self.name = spec.name
        self._image_size = spec.image_size

    def picture(self, path: Path, name: str) -> str:
        """A data URI of the upright RGB picture, JPEG at quality 95, at most `image_size` pixels a side."""
        image = images.decode(path, name)
        image.thumbnail((self._image_size, self._image_size))
        encoded = io.BytesIO()
        image.save(encoded, format="JPEG", quality=95)
        return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"


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
