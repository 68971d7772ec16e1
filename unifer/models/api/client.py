"""A model behind an API, through inspect_ai's model interface: providers, connections, cache, whole replies.

Sends one request once: inspect's own retries and those of the providers' clients are off, since each send
must fit the budget and inspect's wait does not read `Retry-After`. Knows no rows, no image files and no
budget.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from unifer.errors import InputError
from unifer.models.api.requests import (
    FAULT_WORDS,
    Answer,
    Ask,
    NoReply,
    cause,
    fault_of,
    message_of,
    redacted,
    secrets,
    status_of,
)

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage


PromptStyle = Literal["image_first", "text_first"]

_NO_KEY = "none"
"""Sent to a server that asks for no key: the client refuses to have none."""
_OWN_RETRIES = ("openai", "openai-api", "anthropic")
"""Providers whose client would send again by itself, and takes `max_retries`."""
_LONGEST_MESSAGE = 300
CONTINUING = ("anthropic", "vllm", "sglang")
"""Providers of inspect_ai that go on with an assistant's turn; others would answer it as a new one.

Some models of theirs refuse it, with a message of their own.
"""


@dataclass(frozen=True)
class ApiSpec:
    """Which model of which API, and how it replies."""

    model: str
    """A name of inspect_ai's model interface (`openai/gpt-4o-mini`), or the name served at `url`."""
    url: str | None = None
    """An OpenAI-compatible server."""
    key_variable: str | None = None
    """Environment variable that holds the key of a server given by `url`."""
    max_tokens: int = 1024
    top_p: float = 1.0
    timeout: float = 120.0
    """Seconds that one request may take."""
    max_connections: int = 32
    cache: bool = False
    style: PromptStyle = "image_first"
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of inspect's GenerateConfig, such as `reasoning_effort` or `extra_body`."""
    flag: str = "--model"
    """What messages call the place where the user named this model."""
    remedy: str = "check the model's name and the URL's /v1"
    """What to look at where the model is not served."""


class ApiModel:
    """One model of one provider, ready to be asked by many requests at once.

    Raises InputError: no such provider, package or key.
    """

    def __init__(self, spec: ApiSpec) -> None:
        self.spec = spec
        self.where = spec.url or spec.model
        key = os.environ.get(spec.key_variable) if spec.url and spec.key_variable else None
        self._model = _open(spec, key)
        self._connections = asyncio.Semaphore(spec.max_connections)
        self._secrets = secrets(key, getattr(self._model.api, "api_key", None))

    async def ask(self, ask: Ask) -> Answer:
        """Send one request once; its picture is a data URI, or None. Raises NoReply."""
        from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig

        text = ContentText(text=ask.prompt)
        pictures = [] if ask.picture is None else [ContentImage(image=ask.picture)]
        turn = ChatMessageUser(
            content=[*pictures, text] if self.spec.style == "image_first" else [text, *pictures]
        )
        turns: list[ChatMessage] = [turn, *([self._begun(ask.start)] if ask.start else [])]
        config = GenerateConfig(temperature=ask.temperature)
        try:
            output = await (self._cached(turns, config) if self.spec.cache else self._straight(turns, config))
        except Exception as error:  # whatever a provider raises becomes this request's recorded failure
            raise self._failure(error) from None
        answer = self._answer(output)
        return replace(answer, text=ask.start + answer.text) if ask.start else answer

    def _begun(self, start: str) -> ChatMessage:
        """The assistant's turn that the model is to go on with. Raises NoReply where it cannot."""
        from inspect_ai.model import ChatMessageAssistant

        provider = "an OpenAI-compatible server" if self.spec.url else self.spec.model.split("/")[0]
        if provider not in CONTINUING:
            raise NoReply(
                "bad_request",
                f"{self.where}: {provider} cannot go on with a reply that was begun, which is possible with "
                f"{', '.join(CONTINUING)}, and with a checkpoint of yours by `unifer infer`",
            )
        return ChatMessageAssistant(content=start)

    async def _cached(self, turns: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        # A task of its own: what inspect records of a call is kept in the task's context, and goes with it.
        return await asyncio.create_task(self._model.generate(turns, config=config, cache=True))

    async def _straight(self, turns: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        """The provider's own `generate`, without what inspect's model wraps around it.

        Its retries, events and snapshots of pictures cost a third of the time of a request, and nothing here
        reads them.
        """
        async with self._connections, asyncio.timeout(self.spec.timeout):
            output_or_pair = await self._model.api.generate(
                turns, tools=[], tool_choice="none", config=self._model.config.merge(config)
            )
        output = output_or_pair[0] if isinstance(output_or_pair, tuple) else output_or_pair
        if isinstance(output, Exception):
            raise output
        return output

    async def close(self) -> None:
        """Let its connections go."""
        await self._model.api.aclose()

    def _answer(self, output: ModelOutput) -> Answer:
        if output.empty:
            raise NoReply("invalid", f"{self.where}: a reply without any choice")
        usage = output.usage
        text = redacted(whole(output), self._secrets)
        if usage is None:
            return Answer(text, output.stop_reason)
        return Answer(text, output.stop_reason, tokens_in(usage), usage.output_tokens)

    def _failure(self, raised: Exception) -> NoReply:
        error = cause(raised)
        status = status_of(error)
        fault = fault_of(error, self._model.api.should_retry)
        retry_after = getattr(self._model.api.should_retry(error), "retry_after", None)
        if fault == "key":
            return NoReply(
                fault,
                f"{self.where}: refused the key (HTTP {status}); check the key in {self._key_variable()}",
            )
        if fault == "no_model":
            return NoReply(
                fault, f"{self.where}: does not serve {self.spec.model!r} (HTTP {status}); {self.spec.remedy}"
            )
        message = " ".join(redacted(message_of(error), self._secrets).split())[:_LONGEST_MESSAGE]
        return NoReply(
            fault,
            f"{self.where}: {FAULT_WORDS[fault]}{f' (HTTP {status})' if status else ''}: {message}",
            retry_after,
        )

    def _key_variable(self) -> str:
        if self.spec.url:
            return self.spec.key_variable or "the variable that holds it"
        named = getattr(self._model.api, "api_key_vars", None) or ["the provider's variable"]
        return " or ".join(named)


def without_secrets(url: str, flag: str, variable: str) -> str:
    """`url` itself.

    Raises InputError, which does not repeat it, where it carries a user, a password or a query.
    """
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise InputError(
            f"{flag}: the URL of {parts.hostname or 'a server'} must be http://host:port/v1 alone; a key "
            f"goes into {variable}"
        )
    return url.rstrip("/")


def _open(spec: ApiSpec, key: str | None) -> Model:
    """inspect's model. Raises InputError: no such provider, its package or its key missing."""
    try:
        from inspect_ai.model import GenerateConfig, get_model
    except ImportError:
        raise InputError(
            f"{spec.flag} {spec.model}: needs inspect_ai: pip install -r requirements.txt"
        ) from None
    from inspect_ai._util.error import PrerequisiteError

    config = GenerateConfig(
        max_retries=0,
        attempt_timeout=max(1, round(spec.timeout)),
        max_connections=spec.max_connections,
        max_tokens=spec.max_tokens,
        top_p=None if spec.top_p == 1 else spec.top_p,
        cache_prompt=False,
        **spec.more,
    )
    name = f"openai-api/unifer/{spec.model}" if spec.url else spec.model
    own: dict[str, Any] = {"max_retries": 0} if name.split("/")[0] in _OWN_RETRIES else {}
    try:
        api_key = (key or _NO_KEY) if spec.url else None
        return get_model(name, config=config, base_url=spec.url, api_key=api_key, memoize=False, **own)
    except PrerequisiteError as error:
        raise InputError(f"{spec.flag} {spec.model}: {_plain(error.message)}") from None
    except Exception as error:  # what a provider's package raises while it is set up, an unknown name for one
        raise InputError(
            f"{spec.flag} {spec.model}: {redacted(str(error), secrets()) or type(error).__name__}"
        ) from None


def _plain(message: Any) -> str:
    """Text of a message that rich would render."""
    from rich.text import Text

    text = Text.from_markup(message).plain if isinstance(message, str) else str(message)
    return redacted(" ".join(text.removeprefix("ERROR: ").split()), secrets())


def whole(output: ModelOutput) -> str:
    """The reply with its think block.

    inspect takes it out of the text, and some servers send it in a field of its own. What a reasoning model
    thought before a reply that has a think block itself is no part of the reply.
    """
    from inspect_ai.model import ContentReasoning

    content, text = output.message.content, output.completion
    for part in () if isinstance(content, str) else content:
        if not isinstance(part, ContentReasoning) or part.redacted or not part.reasoning.strip():
            continue
        cut_out = part.internal == "think" and _first_think(text) != part.reasoning
        if cut_out or "<think" not in text.lower():
            text = f"<think>{part.reasoning}</think>\n{text}"
    return text


def _first_think(text: str) -> str | None:
    """What the first think block of `text` holds, None without one.

    Linear, for a reply may repeat `<think` a hundred thousand times.
    """
    opened = text.find(">", max(text.find("<think"), 0)) if "<think" in text else -1
    closed = text.find("</think>", opened + 1) if opened >= 0 else -1
    return text[opened + 1 : closed].strip() if closed >= 0 else None


def tokens_in(usage: ModelUsage) -> int:
    """Tokens of the prompt, those that a provider read from or wrote to its cache among them."""
    return usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
