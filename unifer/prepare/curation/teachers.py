"""Teachers: whom a picture and a prompt go to, one protocol. This file says what a teacher is and finds the
one the user means.

Knows no rows and no filter. An API teacher is `api_teacher`, a checkpoint in this process `local_teacher`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from unifer.errors import InputError
from unifer.models.api.client import without_secrets
from unifer.models.api.requests import Answer, Ask
from unifer.records import Json

KEY_VARIABLE = "UNIFER_TEACHER_API_KEY"
"""Environment variable that holds the key of a teacher given by its URL. Keys are never flags: those show in
process lists.
"""


class Teacher(Protocol):
    """A teacher that is ready to be asked, by many requests at once."""

    name: str

    def picture(self, path: Path, name: str) -> Any:
        """The image as this teacher takes it; called in threads. Raises ImageError with the image's
        `name`.
        """
        ...

    async def ask(self, ask: Ask) -> Answer:
        """Send one request once. Raises NoReply."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class TeacherSpec:
    """Which teacher, and how it replies."""

    model: str
    """A name of inspect_ai's model interface (`openai/gpt-4o-mini`), the served name at `url`, or the name of
    a checkpoint.
    """
    url: str | None = None
    checkpoint: Path | None = None
    max_tokens: int = 1024
    top_p: float = 1.0
    timeout: float = 120.0
    """Seconds that one request may take."""
    max_connections: int = 32
    image_side: int = 768
    """Longest side in pixels of the pictures that an API is sent; smaller ones stay as they are."""
    cache: bool = False

    def __post_init__(self) -> None:
        for name in ("max_tokens", "timeout", "max_connections"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} {getattr(self, name)} must be above 0")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p} must be above 0 and at most 1")
        if not 28 <= self.image_side <= 1024:
            raise ValueError(f"image_side {self.image_side} must be from 28 to 1024 pixels")

    @property
    def name(self) -> str:
        """What rows call this teacher; no key, and no user's folder."""
        return self.model

    def identity(self) -> Json:
        """What a run must keep. Where a URL leads may change (a port, another replica), as may time limits
        and connections.
        """
        made: Json = {"model": self.model, "max_tokens": self.max_tokens, "top_p": self.top_p}
        if self.checkpoint is not None:
            from unifer import runs

            return made | {"checkpoint": runs.describe_checkpoint(self.checkpoint)}
        return made | {"image_side": self.image_side}

    async def open(self) -> Teacher:
        """Make it ready. Raises InputError where the installation, the key or the name does not allow it."""
        if self.checkpoint is not None:
            from unifer.prepare.curation.local_teacher import LocalTeacher

            return LocalTeacher.of(self)
        from unifer.prepare.curation.api_teacher import ApiTeacher

        return ApiTeacher(self)


def find_teacher(text: str, served: str | None, **settings: Any) -> TeacherSpec:
    """The teacher that `--teacher text` means: a URL (with `served`, the model's name there), a checkpoint
    folder, or `provider/model`.

    Raises InputError for a URL without a name or with a key in it, for `served` without a URL, and for what
    is none of the three.
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

            found = find_checkpoint(text, Path(__file__).parent, flag="--teacher")
            return TeacherSpec(found.name, checkpoint=found.path, **settings)
        if not re.fullmatch(r"[a-z0-9_.-]+/[^\s]+", text):
            raise InputError(
                "--teacher "
                f"{text}: is no folder, no URL and no provider/model; give openai/gpt-4o-mini, "
                "anthropic/..., google/..., http://127.0.0.1:8000/v1 with --model NAME, or a "
                "checkpoint folder"
            )
        return TeacherSpec(text, **settings)
    except ValueError as error:
        raise InputError(str(error)) from None


def _served(url: str, served: str | None) -> str:
    if not served:
        raise InputError(
            "--teacher "
            f"{urlsplit(url).hostname}: a server needs --model NAME, the name it serves the model "
            "under"
        )
    return served
