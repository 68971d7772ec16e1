"""A hard budget of requests and money: what a request may cost at most is set aside before it is sent, so
that no race overspends.

Knows numbers alone. One event loop uses it; it is not thread-safe.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

PICTURE_TOKENS = 40_000
"""No provider counts one picture of 1024 pixels a side for more tokens than this (gpt-4o-mini comes nearest,
with some 37,000).
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
        """The most that one request can cost, in dollars: no tokenizer makes more tokens of a text than it
        has bytes.
        """
        return self.cost(len(prompt.encode("utf-8", "replace")) + self.picture_tokens, max_tokens)

    def charge(self, tokens_in: int | None, tokens_out: int | None, bound: float) -> float:
        """Dollars of a request that was answered; its `bound` where the model did not count its tokens."""
        return bound if tokens_in is None or tokens_out is None else self.cost(tokens_in, tokens_out)


FREE = Prices(0.0, 0.0)
"""A model that costs nothing, or whose prices nobody named."""


class Budget:
    """What may still be sent, to however many models. `requests` and `cost` (dollars) count what was spent,
    by earlier runs too.
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
        """Count one request and set `bound` dollars aside, waiting for requests in flight where those may
        leave enough.

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
