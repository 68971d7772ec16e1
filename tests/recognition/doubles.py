"""Doubles of what recognition needs: a recognizer with scripted replies, a detector, plain pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from unifer.dialogue import prompts
from unifer.models.engines import EngineSpec, Request
from unifer.models.engines.scripted import ScriptedEngine
from unifer.recognition.readings import Face
from unifer.recognition.recognizer import Recognizer

HAPPY = prompts.reply(
    "The cheeks are raised (AU6). The lip corners pull up, AU12, and the lips part (AU25). There is no AU4.",
    "happiness",
)
SAD = prompts.reply("The inner brows rise: AU1. The lip corners fall, AU15.", "sadness")
POINTS = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (36.0, 80.0), (64.0, 80.0))


def recognizer(
    reply: str | Callable[[Request], str] = HAPPY, detector: Any = "whole", **settings: Any
) -> Recognizer:
    """One whose model says `reply` to every question, or what `reply` makes of it."""
    answer = reply if callable(reply) else lambda request: str(reply)
    spec = EngineSpec("scripted", Path("replies.json"))
    return Recognizer(
        spec=spec, name="Scripted", make_engine=lambda: ScriptedEngine(answer), detector=detector, **settings
    )


class FixedDetector:
    """Finds the same faces in every picture, and counts how often it was asked."""

    name = "fixed"

    def __init__(self, *faces: Face) -> None:
        self.faces = faces
        self.asked = 0

    def detect(self, image: Image.Image) -> Sequence[Face]:
        self.asked += 1
        return self.faces


def face(left: float, top: float, side: float, points: bool = False) -> Face:
    """A square face; with `points` those of a frontal one."""
    marks = tuple((left + x * side / 100, top + y * side / 100) for x, y in POINTS) if points else None
    return Face((left, top, left + side, top + side), 0.9, marks, "fixed")


def save(path: Path, size: tuple[int, int] = (200, 160), colour: str = "gray") -> Path:
    """A plain picture at `path`."""
    Image.new("RGB", size, colour).save(path)
    return path
