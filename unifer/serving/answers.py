"""What is sent back, as JSON: readings as `unifer predict` writes them, and where to draw their AUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from unifer.recognition.answering import PhotoReadings
from unifer.recognition.drawing import placeable, regions
from unifer.recognition.readings import FORMAT, Face, Reading
from unifer.records import Json

NOTICE = (
    "A reading says what an expression looks like to a model: not what a person feels, no diagnosis, and no "
    "basis for decisions about people."
)
"""On the page and in every answer."""


def faces_answer(name: str, size: tuple[int, int], faces: Sequence[Face], detector: str) -> Json:
    """The faces of a photo, from left to right."""
    width, height = size
    return {
        "format": FORMAT,
        "photo": name,
        "width": width,
        "height": height,
        "detector": detector,
        "faces": [asdict(face) for face in faces],
    }


def read_answer(model: str, done: PhotoReadings) -> Json:
    """The readings of a photo, each with its marks: region -> ellipse, and how that was placed."""
    width, height = done.photo.size or (0, 0)
    warnings = dict.fromkeys(warning for reading in done.readings for warning in reading.warnings)
    return {
        "format": FORMAT,
        "photo": done.photo.name,
        "model": model,
        "width": width,
        "height": height,
        "faces": done.photo.faces,
        "detector": done.photo.detector,
        "readings": [each.to_json() for each in done.readings],
        "marks": [_marks(each, (width, height)) for each in done.readings],
        "warnings": list(warnings),
        "notice": NOTICE,
    }


def _marks(reading: Reading, size: tuple[int, int]) -> Json | None:
    """Ellipses as x, y, half width, half height in pixels, degrees; None where no face's place is known."""
    if not placeable(reading):
        return None
    points = reading.face is not None and reading.face.landmarks is not None
    return {
        "placed_by": "points" if points else "box",
        "regions": {
            name: [round(value, 2) for value in each] for name, each in regions(reading, size).items()
        },
    }
