"""One request to a model and what came of it: the reply with its tokens, or why there is none.

Gives one short name, a fault, to whatever a provider's client raises, and keeps keys out of its messages.
Knows exceptions of the clients that inspect_ai uses and HTTP statuses; no provider and no retries: those are
`client` and `asking`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Fault = Literal[
    "refused",
    "key",
    "no_model",
    "quota",
    "rate_limit",
    "timeout",
    "cut",
    "server",
    "invalid",
    "bad_request",
    "other",
]
_ENDS_THE_RUN: tuple[Fault, ...] = ("key", "no_model", "quota")
_WORTH_RETRYING: tuple[Fault, ...] = ("refused", "rate_limit", "timeout", "cut", "server", "invalid")
_NOT_BILLED: tuple[Fault, ...] = ("refused", "key", "no_model", "quota", "rate_limit", "bad_request")

FAULT_WORDS: dict[Fault, str] = {
    "refused": "no connection",
    "key": "refused the key",
    "no_model": "does not serve the model",
    "quota": "the account's quota is spent",
    "rate_limit": "too many requests",
    "timeout": "no reply in time",
    "cut": "the connection broke off",
    "server": "the server failed",
    "invalid": "no reply that could be read",
    "bad_request": "refused the request",
    "other": "failed",
}
"""Each fault in a few words."""

_STATUS: dict[int, Fault] = {401: "key", 403: "key", 404: "no_model", 408: "timeout", 429: "rate_limit"}
_MEANT_BY_400: dict[Fault, re.Pattern[str]] = {
    "key": re.compile(r"api[ _]key", re.IGNORECASE),
    "no_model": re.compile(
        r"\bmodel\b.*(?:not (?:exist|found|available|a valid)|unknown|invalid model)", re.IGNORECASE
    ),
}
"""Where a server says with 400 what others say with 401 or 404: Google's "API key not valid" for one."""


class NoReply(Exception):
    """One request got no reply. The message holds no key."""

    def __init__(self, fault: Fault, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_after = retry_after
        """Seconds that the model's server asks to wait."""

    @property
    def ends_the_run(self) -> bool:
        """No request at all will be answered until the user changes something."""
        return self.fault in _ENDS_THE_RUN

    @property
    def worth_retrying(self) -> bool:
        """The same request may fare better a little later."""
        return self.fault in _WORTH_RETRYING

    @property
    def may_be_billed(self) -> bool:
        """The model may have read the prompt, and counted it, before it failed."""
        return self.fault not in _NOT_BILLED


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model replied, with the tokens it counted (None: it did not say)."""

    text: str
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a model.

    `key` is unique, `picture` is in the form that the model takes, such as a data URI (None: no picture).
    """

    key: str
    prompt: str
    picture: Any
    temperature: float | None
    """None leaves it to the provider, where a model takes none."""
    start: str = ""
    """What the reply begins with: the model goes on from there."""


class ReadyModel(Protocol):
    """A model that is ready to be asked, by many requests at once."""

    async def ask(self, ask: Ask) -> Answer:
        """Send one request once. Raises NoReply."""


def fault_of(error: Exception, should_retry: Callable[[Exception], object]) -> Fault:
    """What `error`, a provider's own exception (`cause`), is.

    `should_retry` is the provider's word on errors that nobody here knows.
    """
    status = status_of(error)
    if status == 429 and "quota" in str(getattr(error, "code", "")):
        return "quota"
    if status == 400 and (
        known := next(
            (fault for fault, words in _MEANT_BY_400.items() if words.search(message_of(error))), None
        )
    ):
        return known
    if status is not None:
        return _STATUS.get(status, "server" if status >= 500 or status == 409 else "bad_request")
    names = {type(each).__name__ for each in _chain(error)}
    if names & {"ConnectError", "ConnectionRefusedError", "gaierror"}:
        return "refused"
    if any("Timeout" in name for name in names):
        return "timeout"
    if names & {
        "APIConnectionError",
        "RemoteProtocolError",
        "ReadError",
        "WriteError",
        "ConnectionResetError",
    }:
        return "cut"
    if (
        isinstance(error, json.JSONDecodeError)
        or names & {"APIResponseValidationError", "OpenAIResponseError"}
        or not _is_expected(error)
    ):
        return "invalid"
    return "server" if should_retry(error) else "other"


def cause(error: Exception) -> Exception:
    """The provider's own exception inside those of the retry loop and of inspect."""
    attempt = getattr(error, "last_attempt", None)
    if attempt is not None and isinstance(attempt.exception(), Exception):
        error = attempt.exception()
    return (
        error.__cause__
        if type(error).__name__ == "ModelGenerateError" and isinstance(error.__cause__, Exception)
        else error
    )


def status_of(error: BaseException) -> int | None:
    """The HTTP status that `error` carries, if any."""
    for value in (
        getattr(error, "status_code", None),
        getattr(getattr(error, "response", None), "status_code", None),
        getattr(error, "code", None),
    ):
        if isinstance(value, int):
            return value
    return None


def message_of(error: BaseException) -> str:
    """What the provider said, without the request that inspect repeats in its messages."""
    return str(getattr(error, "message", None) or error) or type(error).__name__


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _is_expected(error: BaseException) -> bool:
    """An error of a client library; anything else rose while a reply of an odd shape was read."""
    return type(error).__module__.split(".")[0] not in ("builtins", "pydantic", "pydantic_core")


_TOKEN = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|key|AIza)[-_][A-Za-z0-9_*-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_SHORTEST = 6
HIDDEN = "[hidden]"


def secrets(*more: str | None) -> tuple[str, ...]:
    """Every key that this process knows, longest first.

    `more`, and what variables named `..._KEY`, `..._TOKEN` or `..._SECRET` hold.
    """
    named = (
        value for name, value in os.environ.items() if re.search(r"(?:KEY|TOKEN|SECRET|PASSWORD)$", name)
    )
    return tuple(
        sorted(
            {value for value in (*more, *named) if value and len(value) >= _SHORTEST}, key=len, reverse=True
        )
    )


def redacted(text: str, hidden: tuple[str, ...]) -> str:
    """`text` without any of the keys in `hidden`, also cut short, and without what looks like a key."""
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
        for length in range(len(secret) - 1, _SHORTEST + 1, -1):
            if secret[:length] in text:
                text = text.replace(secret[:length], HIDDEN)
                break
    return _TOKEN.sub(HIDDEN, text)
