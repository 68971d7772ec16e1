"""One request to a model and what came of it: the reply with its tokens, or the error that says why there is
none.

Knows no provider and no retries: those are `client` and `asking`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from unifer.models.api import faults
from unifer.models.api.faults import Fault


class NoReply(Exception):
    """One request got no reply. The message holds no key."""

    def __init__(self, fault: Fault, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_after = retry_after
        """Seconds that the model's server asks to wait."""

    @property
    def ends_the_run(self) -> bool:
        return faults.ends_the_run(self.fault)

    @property
    def worth_retrying(self) -> bool:
        return faults.worth_retrying(self.fault)

    @property
    def may_be_billed(self) -> bool:
        return faults.may_be_billed(self.fault)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model replied, with the tokens it counted (None: it did not say)."""

    text: str
    finish_reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: `key` is unique, `picture` is in the form that the model asked takes, such as a data URI
    (None: no picture).
    """

    key: str
    prompt: str
    picture: Any
    temperature: float | None
    """None leaves it to the provider, where a model takes none."""


class ReadyModel(Protocol):
    """A model that is ready to be asked, by many requests at once."""

    async def ask(self, ask: Ask) -> Answer:
        """Send one request once. Raises NoReply."""
        ...
