"""From a photo and a face in it to the picture that the model is shown, and what is amiss with it.

The crop is a square around the middle of the face's box, wider than its longer side by `margin` on every
side: faces keep their proportions when the image rule makes them a square. A benchmark's own crops may be
tighter or wider, therefore margin and turn are recorded with every reading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unifer.recognition.readings import CropArea, Face

if TYPE_CHECKING:
    from PIL.Image import Image

SMALL = 48
"""Pixels of a face's shorter side below which a reading is warned of: a fifth of the 224 that models are
shown.
"""
_TILT = 20.0
"""Degrees between the line through the eyes and the picture's, from which a head counts as tilted."""
_TURN = 0.35
"""How far the nose may stand off the middle of the eyes, in distances between them: about 30 degrees of
turn.
"""


@dataclass(frozen=True)
class CropSettings:
    """How a face is cut out of its photo."""

    margin: float = 0.25
    """On each side, as a share of the face's longer side."""
    align: bool = False
    """Turn the crop until the eyes are level; for detectors that give five points."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 3:
            raise ValueError(f"margin {self.margin} is not a number from 0 (the face's box alone) to 3")


def crop(image: Image, face: Face, settings: CropSettings) -> tuple[Image, CropArea]:
    """The square around `face`, turned where asked for and possible. Beyond the photo it is black."""
    left, top, right, bottom = face.box
    half = max(right - left, bottom - top) * (0.5 + settings.margin)
    middle = (left + right) / 2, (top + bottom) / 2
    side = max(1, round(2 * half))
    start = round(middle[0] - side / 2), round(middle[1] - side / 2)
    box = (*start, start[0] + side, start[1] + side)
    angle = tilt(face.landmarks) if settings.align and face.landmarks else 0.0
    area = CropArea(tuple(map(float, box)), settings.margin, round(angle, 2))  # type: ignore[arg-type]
    return (image.crop(box) if not angle else _turned(image, middle, side, angle)), area


def tilt(points: Sequence[tuple[float, float]]) -> float:
    """Degrees by which the line from the left eye to the right one falls."""
    (x0, y0), (x1, y1) = points[0], points[1]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def _turned(image: Image, middle: tuple[float, float], side: int, angle: float) -> Image:
    from PIL.Image import Resampling, Transform

    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # Where each pixel of the crop lies in the photo: turned around the middle, which both share.
    half = side / 2
    data = (
        *(cos, -sin, middle[0] - cos * half + sin * half),
        *(sin, cos, middle[1] - sin * half - cos * half),
    )
    return image.transform((side, side), Transform.AFFINE, data, Resampling.BICUBIC)


def flaws(face: Face, size: tuple[int, int], settings: CropSettings) -> list[str]:
    """What about this face makes its reading doubtful: small, cut by the picture's edge, tilted, turned."""
    notes = []
    if min(face.width, face.height) < SMALL:
        notes.append(f"small face: {face.width:.0f} x {face.height:.0f} pixels")
    left, top, right, bottom = face.box
    if left <= 0 or top <= 0 or right >= size[0] or bottom >= size[1]:
        notes.append("face cut by the edge of the picture")
    if face.landmarks is None:
        if settings.align:
            notes.append(f"not aligned: {face.detector} gives no points")
        return notes
    angle = tilt(face.landmarks)
    if abs(angle) > _TILT and not settings.align:
        notes.append(f"head tilted by {abs(angle):.0f} degrees")
    (x0, y0), (x1, y1), (x2, y2) = face.landmarks[:3]
    apart = math.hypot(x1 - x0, y1 - y0) or 1.0
    along = ((x2 - (x0 + x1) / 2) * (x1 - x0) + (y2 - (y0 + y1) / 2) * (y1 - y0)) / apart
    if abs(along) / apart > _TURN:
        notes.append("head turned to the side")
    return notes
