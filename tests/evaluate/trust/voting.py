"""Runs with votes as rows on disk, for the tests of calibration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.evaluate.scored import question, write
from unifer.datasets import DatasetSpec


def row(index: int, truth: str, votes: Sequence[str | None], who: str | None = None) -> dict[str, Any]:
    """A prediction row whose votes name these labels; None for a vote without an answer."""
    replies = [
        {
            "label": label,
            "outcome": "answered" if label else "no_answer",
            "AUs": ["AU12"],
            "model_response": f"<think>AU12</think><answer>{label}</answer>" if label else f"hm {at}",
        }
        for at, label in enumerate(votes)
    ]
    counts = Counter(label for label in votes if label)
    best = max(counts, key=lambda label: counts[label]) if counts else None
    stands = replies[list(votes).index(best)]["model_response"]
    own = question(index, truth) | ({} if who is None else {"subject": who})
    return own | {"model_response": stands, "replies": replies}


def voted_rows(number: int, *, boast: float = 1.0, seed: int = 0, people: int = 0) -> list[dict[str, Any]]:
    """Rows of eight votes, right as often as `boast` times their share; a subject each, with `people`."""
    draw = np.random.default_rng(seed)
    rows = []
    for index in range(number):
        most = int(draw.integers(5, 9))
        right = draw.random() < boast * most / 8
        votes = ["happy"] * most + ["sad"] * (8 - most)
        who = f"person {index % people}" if people else None
        rows.append(row(index, "happy" if right else "angry", votes, who))
    return rows


def save_run(spec: DatasetSpec, rows: list[dict[str, Any]], **identity: Any) -> Path:
    """The rows as a run of `spec`, with a manifest where something of its identity is given."""
    path = write(spec.results / "tiny.votes.jsonl", rows)
    if identity:
        manifest = {"identity": {"questions": {}, **identity}, "context": {"asked": len(rows)}}
        path.with_suffix(".manifest.json").write_text(json.dumps(manifest))
    return path
