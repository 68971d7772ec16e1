"""Curves, brush strokes and colours: the vocabulary in which a face is drawn, as flat polygons.

Knows plane geometry alone; not faces (`head`, `upper_face`, `lower_face`), nor pixels (`drawing`). Points are
arrays of shape (n, 2) in hundred-and-twelfths of the frame, x to the right, y downwards, (0, 0) its centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Pair = tuple[float, float]
RGB = tuple[int, int, int]


class DrawnShape(NamedTuple):
    """A filled polygon; `lift` is how far it stands out of the head's surface, for turned heads."""

    points: Points
    colour: tuple[int, int, int, int]
    lift: float = 0.0


@lru_cache(maxsize=64)
def _basis(count: int, closed: bool, steps: int) -> Points:
    """Catmull-Rom weights, shape (samples, count): `basis @ control points` are the points on the curve."""
    segments = count if closed else count - 1
    t = np.arange(steps) / steps
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )
    basis = np.zeros((segments * steps + (0 if closed else 1), count))
    for segment in range(segments):
        for offset in range(4):
            index = segment + offset - 1
            index = index % count if closed else min(max(index, 0), count - 1)
            basis[segment * steps : (segment + 1) * steps, index] += weights[:, offset]
    if not closed:
        basis[-1, -1] = 1.0
    return basis


@lru_cache(maxsize=8)
def _circle(count: int) -> Points:
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def curve(control: Sequence[Pair], closed: bool = False, steps: int = 6) -> Points:
    """The smooth curve through the control points."""
    points: Points = _basis(len(control), closed, steps) @ np.array(control, dtype=np.float64)
    return points


def ellipse(x: float, y: float, rx: float, ry: float, count: int = 24) -> Points:
    """The outline of an upright ellipse."""
    points = np.empty((count, 2))
    points[:, 0] = _circle(count)[:, 0] * rx + x
    points[:, 1] = _circle(count)[:, 1] * ry + y
    return points


@lru_cache(maxsize=64)
def _taper(count: int, blunt_start: bool) -> NDArray[np.float64]:
    """Half widths along a brush stroke of width 1, thin at its ends; shape (count,)."""
    t = np.linspace(0.0, 1.0, count)
    widths: NDArray[np.float64] = 0.5 * (0.12 + 0.88 * np.sin(np.pi * t) ** 0.6)
    if blunt_start:
        widths = (
            0.5
            * np.minimum(1.0, np.sqrt(np.maximum(0.0, 1.02 - t) * 1.6))
            * (0.8 + 0.2 * np.minimum(1, t * 5))
        )
    return widths


def stroke(line: Points, width: float, blunt_start: bool = False) -> Points:
    """The outline of a brush stroke along a line: tapered at both ends, or blunt where it starts."""
    tangent = np.empty_like(line)
    tangent[1:-1] = line[2:] - line[:-2]
    tangent[0] = line[1] - line[0]
    tangent[-1] = line[-1] - line[-2]
    length = np.hypot(tangent[:, 0], tangent[:, 1])
    length += 1e-9
    reach = _taper(len(line), blunt_start) * width / length
    offset = np.empty_like(line)
    offset[:, 0] = tangent[:, 1] * reach
    offset[:, 1] = tangent[:, 0] * -reach
    return np.concatenate([line + offset, (line - offset)[::-1]])


def lowered(points: Points, distance: float) -> Points:
    """The points moved down, or up by a negative distance."""
    moved = points.copy()
    moved[:, 1] += distance
    return moved


def between(upper: Points, lower: Points) -> Points:
    """The area between two curves that run in the same direction."""
    return np.concatenate([upper, lower[::-1]])


def mirrored(points: Sequence[Pair], sign: int) -> list[Pair]:
    """Points given for the right half of the image, on the half that `sign` (+1 right, -1 left) says."""
    return [(sign * x, y) for x, y in points]


def rgba(colour: RGB, alpha: float = 1.0) -> tuple[int, int, int, int]:
    """A colour with an opacity in [0, 1]."""
    return (*colour, round(255 * min(1.0, max(0.0, alpha))))


def mix(colour: RGB, other: RGB, share: float) -> RGB:
    """`share` of the other colour, the rest of the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue
