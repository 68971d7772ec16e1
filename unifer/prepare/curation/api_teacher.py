"""A teacher behind an API, through inspect_ai's model interface: its providers, concurrency, caching, and what it holds worth retrying.

Sends one request once: inspect's own retries and those of the providers' clients are off, since each send must fit the budget and
inspect's wait does not read `Retry-After`. Knows no rows and no budget.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.dialogue import images
from unifer.errors import InputError
from unifer.models.api.faults import SAID, cause, fault_of, message_of, status_of
from unifer.models.api.replies import whole
from unifer.models.api.secrets import redacted, secrets
from unifer.prepare.curation.teachers import KEY_VARIABLE, Answer, Ask, TeacherError, TeacherSpec

if TYPE_CHECKING:
    from inspect_ai.model import Model, ModelOutput

_NO_KEY = "none"
"""Sent to a server that asks for no key: the client refuses to have none."""
_OWN_RETRIES = ("openai", "openai-api", "anthropic")
"""Providers whose client would send again by itself, and takes `max_retries`."""
_LONGEST_MESSAGE = 300


class ApiTeacher:
    """One model of one provider."""

    def __init__(self, spec: TeacherSpec) -> None:
        self.name = spec.name
        self._spec = spec
        self._where = spec.url or spec.model
        key = os.environ.get(KEY_VARIABLE) if spec.url else None
        self._model = _open(spec, key)
        self._secrets = secrets(key, getattr(self._model.api, "api_key", None))

    def picture(self, path: Path, name: str) -> str:
        """A data URI of the upright RGB picture, JPEG at quality 95, at most `image_side` pixels a side."""
        image = images.decode(path, name)
        image.thumbnail((self._spec.image_side, self._spec.image_side))
        encoded = io.BytesIO()
        image.save(encoded, format="JPEG", quality=95)
        return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"

    async def ask(self, ask: Ask) -> Answer:
        from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig

        turn = ChatMessageUser(content=[ContentImage(image=ask.picture), ContentText(text=ask.prompt)])
        config = GenerateConfig(temperature=ask.temperature)
        try:
            # A task of its own: what inspect records of a call is kept in the task's context, and goes with it.
            output = await asyncio.create_task(self._model.generate([turn], config=config, cache=self._spec.cache))
        except Exception as error:  # whatever a provider raises becomes this request's recorded failure
            raise self._failure(error) from None
        return self._answer(output)

    async def close(self) -> None:
        await self._model.api.aclose()

    def _answer(self, output: ModelOutput) -> Answer:
        if output.empty:
            raise TeacherError("invalid", f"{self._where}: a reply without any choice")
        usage = output.usage
        text = redacted(whole(output), self._secrets)
        if usage is None:
            return Answer(text, output.stop_reason)
        tokens_in = usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        return Answer(text, output.stop_reason, tokens_in, usage.output_tokens)

    def _failure(self, raised: Exception) -> TeacherError:
        error = cause(raised)
        status = status_of(error)
        fault = fault_of(error, self._model.api.should_retry)
        decision = self._model.api.should_retry(error)
        retry_after = getattr(decision, "retry_after", None)
        if fault == "key":
            return TeacherError(fault, f"{self._where}: refused the key (HTTP {status}); check the key in {self._key_variable()}")
        if fault == "no_model":
            return TeacherError(
                fault, f"{self._where}: does not serve {self._spec.model!r} (HTTP {status}); check --model, --teacher and the URL's /v1"
            )
        said = " ".join(redacted(message_of(error), self._secrets).split())[:_LONGEST_MESSAGE]
        return TeacherError(fault, f"{self._where}: {SAID[fault]}{f' (HTTP {status})' if status else ''}: {said}", retry_after)

    def _key_variable(self) -> str:
        if self._spec.url:
            return KEY_VARIABLE
        named = getattr(self._model.api, "api_key_vars", None) or ["the provider's variable"]
        return " or ".join(named)


def _open(spec: TeacherSpec, key: str | None) -> Model:
    """inspect's model. Raises InputError: no such provider, its package or its key missing."""
    try:
        from inspect_ai.model import GenerateConfig, get_model
    except ImportError:
        raise InputError(
            "an API teacher needs inspect_ai: pip install -r requirements.txt, or give --teacher a checkpoint folder"
        ) from None
    from inspect_ai._util.error import PrerequisiteError

    config = GenerateConfig(
        max_retries=0,
        attempt_timeout=max(1, round(spec.timeout)),
        max_connections=spec.max_connections,
        max_tokens=spec.max_tokens,
        top_p=None if spec.top_p == 1 else spec.top_p,
        cache_prompt=False,
    )
    name = f"openai-api/teacher/{spec.model}" if spec.url else spec.model
    own: dict[str, Any] = {"max_retries": 0} if name.split("/")[0] in _OWN_RETRIES else {}
    try:
        api_key = (key or _NO_KEY) if spec.url else None
        return get_model(name, config=config, base_url=spec.url, api_key=api_key, memoize=False, **own)
    except PrerequisiteError as error:
        raise InputError(f"--teacher {spec.model}: {_plain(error.message)}") from None
    except ValueError as error:
        raise InputError(f"--teacher {spec.model}: {redacted(str(error), secrets())}") from None


def _plain(message: Any) -> str:
    """Text of a message that rich would render."""
    from rich.text import Text

    text = Text.from_markup(message).plain if isinstance(message, str) else str(message)
    return redacted(" ".join(text.removeprefix("ERROR: ").split()), secrets())
