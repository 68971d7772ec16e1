"""A small FERPlus: a dataset folder, a table of votes, and predictions, for the tests of votes and groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.evaluate.scored import dataset, question, replied, write
from unifer.ballots import VOTED
from unifer.datasets import DatasetSpec

LABELS = ("neutral", "happy", "sad", "fear")
Ballot = tuple[str, dict[str, int], str]
"""Published label, votes by column, answer."""

FACES: list[Ballot] = [
    ("neutral", {"neutral": 10}, "neutral"),
    ("sad", {"sadness": 8, "neutral": 2}, "sad"),
    ("happy", {"happiness": 6, "neutral": 3, "unknown": 1}, "neutral"),
    ("fear", {"surprise": 5, "fear": 4, "NF": 1}, "fear"),
    ("sad", {"neutral": 4, "sadness": 4, "fear": 2}, "confused"),
]


def folder(root: Path) -> DatasetSpec:
    return dataset(root, "voted", LABELS)


def rows(faces: Sequence[Ballot] = FACES, own_votes: bool = False) -> list[dict[str, Any]]:
    """Prediction rows, with their votes in them or not."""
    return [
        question(at, label, LABELS) | replied(answer) | ({"votes": votes} if own_votes else {})
        for at, (label, votes, answer) in enumerate(faces)
    ]


def predictions(spec: DatasetSpec, faces: Sequence[Ballot] = FACES, **more: Any) -> Path:
    return write(spec.results / "tiny.jsonl", rows(faces, **more))


def table(root: Path, faces: Sequence[Ballot] = FACES) -> Path:
    """fer2013new.csv of the faces, after a row of another one."""
    path = root / "fer2013new.csv"
    lines = [",".join(("Usage", "Image name", *VOTED)), "Training,other.png,9,0,0,0,0,0,0,0,1,0"]
    for at, (_, votes, _) in enumerate(faces):
        lines.append(f"PrivateTest,{at:04d}.png," + ",".join(str(votes.get(name, 0)) for name in VOTED))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
