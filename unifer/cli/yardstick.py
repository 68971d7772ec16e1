"""A fixed piece of work whose seconds say how fast this machine is right now.

With it the times of two runs can be compared.

Shared machines slow down by half within minutes. The work is like that of a training step in small: Python
objects by one thread, products of small matrices by two. It is the same on every machine and in every
version: change it, and earlier numbers mean nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from unifer.records import Json

_OBJECTS, _PRODUCTS, _SIDE = 200_000, 200, 256


def measure() -> float:
    """Seconds that the work takes now, a fraction of one."""
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    def multiply(seed: int) -> float:
        matrix = np.random.default_rng(seed).standard_normal((_SIDE, _SIDE), dtype=np.float32) / _SIDE**0.5
        product = matrix
        for _ in range(_PRODUCTS):
            product = np.tanh(product @ matrix)
        return float(product.sum())

    with threadpool_limits(1), ThreadPoolExecutor(2) as threads:
        started = time.perf_counter()
        rows = [
            {"key": str(index), "words": f"AU{index % 28} of {index}".split()} for index in range(_OBJECTS)
        ]
        assert len({word for row in rows for word in row["words"]}) >= _OBJECTS
        list(threads.map(multiply, (1, 2)))
        return time.perf_counter() - started


def summary(yardsticks: Mapping[str, float], seconds: Mapping[str, float]) -> Json:
    """The values in their order, their median, and the times of GRPO and of everything in that unit.

    GRPO is held against the values before and after it, everything against the median.
    """
    values = list(yardsticks.values())
    if not values:
        return {"seconds": [], "median": None, "total_ratio": None, "grpo_ratio": None}
    names = list(yardsticks)
    near = [*values[names.index("grpo") :][:2]] if "grpo" in names else []
    grpo = round(seconds["grpo"] / (sum(near) / len(near)), 1) if near and "grpo" in seconds else None
    return {
        "seconds": values,
        "before": names,
        "median": round(median(values), 4),
        "total_ratio": round(sum(seconds.values()) / median(values), 1),
        "grpo_ratio": grpo,
    }
