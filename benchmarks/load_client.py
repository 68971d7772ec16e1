"""A client that does nothing but send: what a server on this machine can answer, for benchmarks of clients
that do more.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx


def body(served: str, picture: str, prompt: str, max_tokens: int) -> bytes:
    """One request to a chat API: a picture (data URI), then the prompt, answered greedily."""
    content = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": prompt}]
    made: dict[str, Any] = {"model": served, "messages": [{"role": "user", "content": content}]}
    return json.dumps(made | {"max_tokens": max_tokens, "temperature": 0.0}).encode()


def plain_rate(url: str, requests: Sequence[bytes], connections: int) -> float:
    """Requests per second, replies thrown away. Raises httpx.HTTPError for any that fails."""

    async def go() -> float:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        todo = iter(requests)
        async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as client:

            async def worker() -> None:
                for request in todo:
                    answer = await client.post(
                        f"{url}/chat/completions",
                        content=request,
                        headers={"Content-Type": "application/json"},
                    )
                    answer.raise_for_status()

            started = time.perf_counter()
            await asyncio.gather(*(worker() for _ in range(connections)))
            return len(requests) / (time.perf_counter() - started)

    return asyncio.run(go())
