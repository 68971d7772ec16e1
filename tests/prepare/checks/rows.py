"""Rows and pictures for tests of the checks: small, right, and to be spoiled one field at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from unifer import files
from unifer.emotions import EMOTIONS
from unifer.prepare import corpus

Row = dict[str, Any]


def reward(image: str = "a.jpg", label: str | None = "happy", **changed: Any) -> Row:
    row = {
        "image_path": image,
        "problem": "Which: happy, sad or fear?",
        "solution": label,
        "candidate_labels": ["happy", "sad", "fear"],
    }
    return row | changed


def cot(image: str = "a.jpg", answer: str = "happy", **changed: Any) -> Row:
    response = f"<think>AU6 and AU12.</think>\n<answer>{answer}</answer>"
    return {"image_path": image, "question": "Which: happy, sad or fear?", "response": response} | changed


def question(image: str = "a.jpg", label: str = "happy", **changed: Any) -> Row:
    return {
        "image_path": image,
        "true_label": label,
        "prompt": "Which?",
        "candidate_labels": ["happy", "sad", "fear"],
    } | changed


def written(path: Path, rows: Sequence[Any]) -> Path:
    files.write_rows(path, rows)
    return path


def face(index: int, size: int = 112) -> Image.Image:
    """The picture of face `index`: another person in another light for every index."""
    return corpus.emotional_face("checks", index, EMOTIONS[index % len(EMOTIONS)]).draw(size)


def cut(picture: Image.Image, share: float, seed: int = 0) -> Image.Image:
    """Up to `share` of each edge cut off."""
    rng = Random(f"cut/{seed}")
    width, height = picture.size
    left, top, right, bottom = (rng.uniform(0, share) for _ in range(4))
    return picture.crop(
        (
            round(left * width),
            round(top * height),
            round(width - right * width),
            round(height - bottom * height),
        )
    )
