"""Requests until they are answered: reserved from the budget, logged, sent, and sent again after a wait.

Knows failures, waits and when to give up; neither rows nor what a good reply is. Waits are exponential with
jitter, or what the server asks for (`Retry-After`); while one request waits for that, the others do not go
ahead of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from unifer.errors import InputError
from unifer.models.api.budget import FREE, Budget, BudgetSpent, FailedTry, Prices
from unifer.models.api.requests import Answer, Ask, NoReply, ReadyModel

HOPELESS = 8
"""Rows in a row that fail for good before the run stops: nothing has come through for a while."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_LONGEST_ASKED_FOR = 600.0
_Item = TypeVar("_Item")


class Journal(Protocol):
    """Where requests are written down, each before it leaves, so that no kill hides one from the budget."""

    def sent(self, key: str, attempt: int, number: int, bound: float) -> None:
        """Try `number` of the request is about to leave, and can cost `bound` dollars."""

    def failed(self, key: str, attempt: int, number: int, why: FailedTry) -> None:
        """That try brought no reply; `final` where it is not sent again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An answered request: its reply, and the tries and dollars that it took.

    `bound` is what it can have cost at most, `cost` what it did cost.
    """

    answer: Answer
    number: int
    bound: float
    cost: float
    seconds: float


class Asker:
    """Asks one model for many rows at once. `sleep` and `clock` are there for tests."""

    def __init__(
        self,
        model: ReadyModel,
        budget: Budget,
        journal: Journal,
        *,
        max_tokens: int,
        retries: int,
        prices: Prices = FREE,
        called: str = "teacher",
        again: str = "the same command asks them again",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`called` is the word that messages have for the model.

        `again` is what brings rows back that failed for good.
        """
        self._model, self._budget, self._journal, self._prices = model, budget, journal, prices
        self._max_tokens, self._retries, self._called, self._again = max_tokens, retries, called, again
        self._sleep, self._clock = sleep, clock
        self._random = Random(0)
        self._not_before = 0.0
        self._answered = False
        self._failed_in_a_row = 0

    async def ask(
        self,
        key: str,
        attempt: int,
        prompt: str,
        picture: object,
        temperature: float | None,
        start: str = "",
    ) -> Sent | NoReply:
        """The reply, or the last of the errors where every try failed, which the journal then has.

        With a `start`, the answer's text holds it, and the model went on from there.

        Raises BudgetSpent, and InputError where no further request would fare better: a refused key, an
        unknown model, a spent quota, no connection from the start, or `HOPELESS` failed rows in a row.
        """
        ask = Ask(f"{key}#{attempt}", prompt, picture, temperature, start)
        bound = self._prices.bound(prompt, self._max_tokens)
        number = 0
        while True:
            number += 1
            await self._wait_for_turn()
            await self._budget.reserve(bound)
            self._journal.sent(key, attempt, number, bound)
            started = self._clock()
            try:
                answer = await self._model.ask(ask)
            except NoReply as error:
                final = not error.worth_retrying or number > self._retries
                await self._record(key, attempt, number, error, bound, self._clock() - started, final)
                if final:
                    return error
                await self._back_off(number, error)
                continue
            cost = self._prices.charge(answer.tokens_in, answer.tokens_out, bound)
            await self._budget.settle(bound, cost)
            self._answered, self._failed_in_a_row = True, 0
            return Sent(answer, number, bound, cost, self._clock() - started)

    async def _record(
        self, key: str, attempt: int, number: int, error: NoReply, bound: float, seconds: float, final: bool
    ) -> None:
        cost = bound if error.may_be_billed else 0.0
        await self._budget.settle(bound, cost)
        out_of_reach = error.fault == "refused" and not self._answered
        final = final or error.ends_the_run or out_of_reach
        self._journal.failed(
            key, attempt, number, FailedTry(str(error), error.fault, bound, cost, seconds, final)
        )
        if error.ends_the_run:
            raise InputError(
                f"{_unpointed(error)}. Nothing more was sent; once that is put right the same command goes on"
            )
        if out_of_reach:
            raise InputError(
                f"{_unpointed(error)}. Is the {self._called} running, and is this its address? Then "
                "the same command goes on"
            )
        if final:
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= HOPELESS:
                raise InputError(
                    f"{HOPELESS} rows in a row got no reply, the last: {_unpointed(error)}. They are "
                    f"recorded; once the cause is gone, {self._again}"
                )

    async def _wait_for_turn(self) -> None:
        """Until the time that the server asked for has passed."""
        while (left := self._not_before - self._clock()) > 0:
            await self._sleep(left)

    async def _back_off(self, number: int, error: NoReply) -> None:
        if error.retry_after is not None:
            wait = min(max(0.0, error.retry_after), _LONGEST_ASKED_FOR)
            self._not_before = max(self._not_before, self._clock() + wait)
            return
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (number - 1)) * self._random.uniform(0.75, 1.25)
        if error.fault == "rate_limit":
            self._not_before = max(self._not_before, self._clock() + wait)
        else:
            await self._sleep(wait)


async def ask_all(
    todo: Iterable[_Item], one: Callable[[_Item], Awaitable[None]], connections: int, *, ahead: float = 0.5
) -> bool:
    """Await `one` for every item, over so many connections at once.

    True where the budget ended first, with all replies that it paid for. `ahead` of the connections more
    items are prepared or judged meanwhile: a server whose batches run thin takes longer for each. Raises what
    `one` raises but BudgetSpent, InputError as itself.
    """
    waiting, spent = iter(todo), False

    async def worker() -> None:
        nonlocal spent
        for item in waiting:
            try:
                await one(item)
            except BudgetSpent:
                spent = True
            if spent:
                return

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections + math.ceil(ahead * connections)):
                group.create_task(worker())
    except* InputError as stop:
        raise stop.exceptions[0] from None
    return spent


def _unpointed(error: NoReply) -> str:
    """The message as the beginning of a sentence that goes on."""
    return str(error).rstrip(".")
