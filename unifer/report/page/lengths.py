"""Do long replies answer better? Replies in bins of length, and how often each bin is right.

Knows graded predictions; draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unifer.evaluate.grading import Graded
from unifer.proportions import wilson
from unifer.records import Json

BINS = 8


def by_length(graded: Mapping[str, Sequence[Graded]]) -> Json | None:
    """Accuracy of each model's replies in bins of length that all share, each holding about as many replies.
    None without any reply.

    Lengths are in tokens where every reply has its count, else in characters. Replies to questions without a
    label do not count.
    """
    told = {
        name: [
            row
            for row in rows
            if not row.prediction.failed and row.prediction.question.true_label is not None
        ]
        for name, rows in graded.items()
    }
    every = [row for rows in told.values() for row in rows]
    if not every:
        return None
    counted = all(row.prediction.completion_tokens is not None for row in every)
    sizes = {name: np.array([_length(row, counted) for row in rows]) for name, rows in told.items()}
    edges = np.unique(
        np.quantile(np.concatenate(list(sizes.values())), np.linspace(0, 1, BINS + 1), method="nearest")
    )
    return {
        "unit": "tokens" if counted else "characters",
        "models": {name: _bins(told[name], sizes[name], edges) for name in told},
    }


def _length(row: Graded, counted: bool) -> int:
    tokens = row.prediction.completion_tokens
    return tokens if counted and tokens is not None else len(row.prediction.reply)


def _bins(
    rows: Sequence[Graded],
    sizes: np.ndarray[tuple[int], np.dtype[np.int64]],
    edges: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> list[Json]:
    """One entry a bin that holds a reply; the last bin holds its upper edge."""
    right = np.array([row.correct for row in rows], dtype=float)
    inner = edges[1:-1]
    at = np.searchsorted(inner, sizes, side="right")
    found = []
    for index in range(len(inner) + 1):
        here = at == index
        if here.any():
            n, hits = int(here.sum()), int(right[here].sum())
            bounds = {
                "low": int(sizes[here].min()),
                "high": int(sizes[here].max()),
                "middle": float(np.median(sizes[here])),
            }
            found.append({**bounds, "n": n, "accuracy": hits / n, "interval": list(wilson(hits, n))})
    return found
