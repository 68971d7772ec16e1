"""A hard budget of requests and money: what a request may cost at most is set aside before it is sent, so that no race overspends.

Knows numbers alone. One event loop uses it; it is not thread-safe.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from unifer.records import Json

PICTURE_TOKENS = 40_000
"""No provider counts one picture of 1024 pixels a side for more tokens than this (gpt-4o-mini comes nearest, with some 37,000)."""


class BudgetSpent(Exception):
    """Another request could overrun the budget."""


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens."""

    per_million_in: float
    per_million_out: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars of that many tokens."""
        return (tokens_in * self.per_million_in + tokens_out * self.per_million_out) / 1e6


class Budget:
    """What may still be sent. `requests` and `cost` (dollars) count what was spent, by earlier runs too."""

    def __init__(
        self, max_requests: int | None, max_cost: float | None, prices: Prices | None, *, requests: int = 0, cost: float = 0.0
    ) -> None:
        self._most_requests = math.inf if max_requests is None else max_requests
        self._most_cost = math.inf if max_cost is None else max_cost
        self._prices = prices
        self.requests, self.cost = requests, cost
        self._reserved = 0.0
        self._freed = asyncio.Condition()

    def bound(self, prompt: str, max_tokens: int) -> float:
        """The most that one request can cost, in dollars: no tokenizer makes more tokens of a text than it has bytes. 0 without prices."""
        tokens_in = len(prompt.encode("utf-8", "replace")) + PICTURE_TOKENS
        return self._prices.cost(tokens_in, max_tokens) if self._prices else 0.0

    def price(self, tokens_in: int | None, tokens_out: int | None, bound: float) -> float:
        """Dollars of a request that was answered; its `bound` where the teacher did not count its tokens."""
        if self._prices is None:
            return 0.0
        return bound if tokens_in is None or tokens_out is None else self._prices.cost(tokens_in, tokens_out)

    async def reserve(self, bound: float) -> None:
        """Count one request and set `bound` dollars aside, waiting for requests in flight where those may leave enough.

        Raises BudgetSpent where even their return could not.
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

    def to_json(self) -> Json:
        return {"requests": self.requests, "cost_usd": round(self.cost, 6) if self._prices else None}
