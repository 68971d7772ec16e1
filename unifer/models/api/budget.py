"""What requests may cost and what they did cost: a hard budget, and the ledger that no kill can deceive.

The budget sets aside what a request may cost at most before it is sent, so that no race overspends. The
ledger is an append-only file over all runs, with three kinds of lines, told apart by `event`: `sent` before
a request leaves, with the `bound` of what it can cost; `failed` or `reply` after it, with what it did cost.
A `sent` without a line after it was under way when the run was killed, and counts as if it had cost its
bound.

Knows numbers and lines; who is asked, and what else a line says, the caller knows. One event loop uses both;
neither is thread-safe.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from unifer import files
from unifer.append_log import AppendLog
from unifer.errors import InputError, reporting_full_disk
from unifer.models.api.requests import Answer
from unifer.records import Json

PICTURE_TOKENS = 40_000
"""No provider counts one picture of 1024 pixels a side for more tokens than this.

gpt-4o-mini comes nearest, with some 37,000.
"""


class BudgetSpent(Exception):
    """Another request could overrun the budget."""


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens, and the most tokens that the provider counts for one picture."""

    per_million_in: float
    per_million_out: float
    picture_tokens: int = PICTURE_TOKENS

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars of that many tokens."""
        return (tokens_in * self.per_million_in + tokens_out * self.per_million_out) / 1e6

    def bound(self, prompt: str, max_tokens: int) -> float:
        """The most that one request can cost, in dollars.

        No tokenizer makes more tokens of a text than it has bytes.
        """
        return self.cost(len(prompt.encode("utf-8", "replace")) + self.picture_tokens, max_tokens)

    def charge(self, tokens_in: int | None, tokens_out: int | None, bound: float) -> float:
        """Dollars of a request that was answered; its `bound` where the model did not count its tokens."""
        return bound if tokens_in is None or tokens_out is None else self.cost(tokens_in, tokens_out)


FREE = Prices(0.0, 0.0)
"""A model that costs nothing, or whose prices nobody named."""


class Budget:
    """What may still be sent, to however many models.

    `requests` and `cost` (dollars) count what was spent, by earlier runs too.
    """

    def __init__(
        self, max_requests: int | None, max_cost: float | None, *, requests: int = 0, cost: float = 0.0
    ) -> None:
        self._most_requests = math.inf if max_requests is None else max_requests
        self._most_cost = math.inf if max_cost is None else max_cost
        self.requests, self.cost = requests, cost
        self._reserved = 0.0
        self._freed = asyncio.Condition()

    async def reserve(self, bound: float) -> None:
        """Count one request and set `bound` dollars aside.

        It waits for requests in flight where those may leave enough. Raises BudgetSpent where even their
        return could not.
        """
        async with self._freed:
            while True:
                if self.requests >= self._most_requests:
                    raise BudgetSpent
                if self.cost + self._reserved + bound <= self._most_cost:
                    break
                if not self._reserved:
                    raise BudgetSpent
                await self._freed.wait()
            self.requests += 1
            self._reserved += bound

    async def settle(self, bound: float, cost: float) -> None:
        """Replace what `reserve` set aside by what the request did cost."""
        async with self._freed:
            # Sums of floats leave dust: without requests in flight nothing is reserved.
            self._reserved = max(0.0, self._reserved - bound) if self._reserved - bound > 1e-12 else 0.0
            self.cost += cost
            self._freed.notify_all()


@dataclass(frozen=True, slots=True)
class FailedTry:
    """Why one try of a request brought no reply."""

    error: str
    fault: str
    bound: float = 0.0
    """Dollars that it could have cost."""
    cost: float = 0.0
    """Dollars that it did cost."""
    seconds: float = 0.0
    final: bool = True
    """Whether the request is not sent again."""


class RequestLedger:
    """The open file; one event loop writes it.

    `requests` and `cost` (dollars) are what earlier runs spent.
    """

    def __init__(
        self, path: Path, mistaken: str, replay: Callable[[Json], object] = lambda line: None
    ) -> None:
        """Read what the file holds; `replay` sees each line that ends a request.

        Raises InputError for a line that no run of ours wrote, with `mistaken`: what it is not, and what to
        do.
        """
        self.requests, self.cost = 0, 0.0
        self._log = AppendLog(path)  # cuts a torn last line, so it opens before the file is read
        under_way = 0.0
        for number, line in read_log(path):
            try:
                if line["event"] == "sent":
                    self.requests += 1
                    under_way += line["bound"]
                else:
                    # A try that a killed run left under way stays charged beside that of the run which sent
                    # it again.
                    under_way -= line["bound"]
                    self.cost += line["cost"]
                    replay(line)
            except (KeyError, TypeError, AttributeError):
                self._log.close()
                raise InputError.at(path, number, mistaken) from None
        self.cost += max(0.0, under_way)

    def sent(self, request: Json, bound: float) -> None:
        """The try that `request` names is about to leave, and can cost `bound` dollars.

        Raises InputError: the disk is full.
        """
        self._append("sent", request, {"bound": bound})

    def failed(self, request: Json, why: FailedTry) -> Json:
        """That try brought no reply. Returns the line."""
        return self._append("failed", request, asdict(why) | {"seconds": round(why.seconds, 3)})

    def replied(self, request: Json, answer: Answer, *, bound: float, cost: float, **more: object) -> Json:
        """A reply came; `more` is what else its line keeps of it. Returns the line."""
        counted = {
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "bound": bound,
            "cost": cost,
        }
        return self._append("reply", request, more | counted)

    def _append(self, event: str, request: Json, more: Json) -> Json:
        line = {"event": event} | request | more
        with reporting_full_disk(self._log.path):
            self._log.append(line)
        return line

    def close(self) -> None:
        self._log.close()


def read_log(path: Path) -> Iterator[tuple[int, Json]]:
    """(line number, line) of a ledger; nothing if it is missing or empty."""
    if path.exists() and path.stat().st_size:
        yield from files.read_rows(path)
