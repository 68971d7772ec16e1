"""Why a request to an API got no reply: one short name for whatever a provider's client raises, and what
follows from it.

Knows exceptions of the clients that inspect_ai uses and HTTP statuses; not whom was asked, and no retry loop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Literal

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

SAID: dict[Fault, str] = {
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
_SAID_WITH_400: dict[Fault, re.Pattern[str]] = {
    "key": re.compile(r"api[ _]key", re.IGNORECASE),
    "no_model": re.compile(
        r"\bmodel\b.*(?:not (?:exist|found|available|a valid)|unknown|invalid model)", re.IGNORECASE
    ),
}
"""Where a server says with 400 what others say with 401 or 404: Google's "API key not valid" for one."""


def ends_the_run(fault: Fault) -> bool:
    """No request at all will be answered until the user changes something."""
    return fault in _ENDS_THE_RUN


def worth_retrying(fault: Fault) -> bool:
    """The same request may fare better a little later."""
    return fault in _WORTH_RETRYING


def may_be_billed(fault: Fault) -> bool:
    """The model may have read the prompt, and counted it, before it failed."""
    return fault not in _NOT_BILLED


def fault_of(error: Exception, should_retry: Callable[[Exception], object]) -> Fault:
    """What `error`, a provider's own exception (`cause`), is; `should_retry` is the provider's word on errors
    that nobody here knows.
    """
    status = status_of(error)
    if status == 429 and "quota" in str(getattr(error, "code", "")):
        return "quota"
    if status == 400 and (
        known := next(
            (fault for fault, said in _SAID_WITH_400.items() if said.search(message_of(error))), None
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
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _is_expected(error: BaseException) -> bool:
    """An error of a client library; anything else rose while a reply of an odd shape was read."""
    return type(error).__module__.split(".")[0] not in ("builtins", "pydantic", "pydantic_core")
