"""Brows, forehead, eyes, cheeks and nose, as polygons.

Knows how the measures of `geometry` look; not which AU made them so.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unifer.prepare.faces.geometry import FaceGeometry, Half
from unifer.prepare.faces.identity import FAINTEST, SCLERA, Identity, Palette, bulge, furrow, shadow
from unifer.prepare.faces.shapes import (
    DrawnShape,
    Points,
    between,
    curve,
    ellipse,
    lowered,
    mirrored,
    mix,
    rgba,
    stroke,
)

_U = np.linspace(-1.0, 1.0, 19)
_UPPER_ARC = np.sqrt(np.maximum(0.0, 1 - _U**2)) * 0.5 + (1 - _U**2) * 0.5
_LOWER_ARC = 1 - _U**2


def upper_face(face: FaceGeometry, identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    """Everything above the mouth, in the order in which it is painted."""
    for half in face.halves:
        yield from _cheek(half, colours)
        yield from _eye(half, identity, colours)
    yield from _nose(face, identity, colours)
    for half in face.halves:
        yield from _forehead(half, colours)
        yield from _brow(half, identity, colours)
    yield from _brow_knot(face, colours)


def _lids(half: Half) -> tuple[Points, Points]:
    """Upper and lower lid margins from the inner to the outer corner of the image's left to right."""
    x = half.sign * half.eye[0] + _U * half.eye_width
    tilt = -0.9 * _U * half.sign
    y = half.eye[1] + tilt
    upper = np.stack([x, y - half.lid_upper * _UPPER_ARC], axis=1)
    lower = np.stack([x, y + half.lid_lower * _LOWER_ARC], axis=1)
    return upper, lower


def _eye(half: Half, identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    upper, lower = _lids(half)
    socket = ellipse(half.sign * half.eye[0], half.eye[1] - 1.0, half.eye_width + 2.6, 8.2)
    yield DrawnShape(socket, rgba(colours.shade, 0.2))
    lid_top = lowered(upper, -(3.0 * half.crease + 0.4))
    yield DrawnShape(between(lid_top, upper), rgba(mix(colours.skin, colours.shade, 0.45), half.crease))
    openness = half.lid_upper + half.lid_lower
    if openness > 0.8:
        yield DrawnShape(between(upper, lower), rgba(SCLERA))
        for radius, colour in (
            (4.7, mix(identity.eye_colour, (0, 0, 0), 0.35)),
            (3.9, identity.eye_colour),
            (2.2, (12, 8, 8)),
        ):
            yield DrawnShape(_clipped(half, radius, upper, lower), rgba(colour))
        glint = ellipse(
            half.sign * half.eye[0] + 1.5, half.eye[1] - min(2.0, half.lid_upper * 0.5), 0.9, 0.9, 8
        )
        if half.lid_upper > 2.2:
            yield DrawnShape(glint, rgba((255, 255, 255)))
        yield DrawnShape(between(upper, lowered(upper, min(1.3, 0.25 * openness))), rgba((40, 24, 20), 0.35))
    yield DrawnShape(stroke(lower, 0.9), rgba(colours.line, 0.75))
    yield DrawnShape(stroke(upper, 1.7 + 0.9 * identity.lashes), rgba((24, 14, 12)))
    if half.crease > FAINTEST:
        yield DrawnShape(stroke(lid_top[2:-2], 0.9), rgba(colours.line, 0.6 * half.crease))
    yield from _eye_furrows(half, lower, colours)


def _clipped(half: Half, radius: float, upper: Points, lower: Points) -> Points:
    """A disc of the iris, cut by the lids."""
    disc = ellipse(half.sign * half.eye[0], half.eye[1] - 0.5, radius, radius)
    disc[:, 1] = np.clip(
        disc[:, 1],
        np.interp(disc[:, 0], upper[:, 0], upper[:, 1]),
        np.interp(disc[:, 0], lower[:, 0], lower[:, 1]),
    )
    return disc


def _eye_furrows(half: Half, lower: Points, colours: Palette) -> Iterator[DrawnShape]:
    """Crow's feet, the tense lower lid, bags."""
    s, (x, y), f = half.sign, half.eye, half.furrows
    tense = lowered(lower[3:-3], 2.4)
    yield from furrow(tense, f["tense_lid"], colours, 2.0)
    if f["tense_lid"] > FAINTEST:
        yield DrawnShape(
            between(lowered(lower[3:-3], 0.5), lowered(tense, -0.6)), rgba(colours.glow, 0.5 * f["tense_lid"])
        )
    yield from furrow(lowered(lower[4:-4], 5.0), f["bag"], colours, 1.2)
    start = x + half.eye_width + 1.2
    for rise, length in ((-4.6, 5.2), (-0.6, 6.4), (3.8, 5.4)):
        ray = [
            (start, y + rise * 0.35),
            (start + length * 0.55, y + rise * 0.75),
            (start + length, y + rise * 1.35),
        ]
        yield from furrow(curve(mirrored(ray, s)), f["crow"], colours, 1.7)


def _cheek(half: Half, colours: Palette) -> Iterator[DrawnShape]:
    s, f = half.sign, half.furrows
    lift = f["cheek"]
    for radius in (8.5, 6.0):
        blush = ellipse(s * 20.5, 11.0 - 4.5 * lift, radius, radius * 0.72)
        yield DrawnShape(blush, rgba(mix(colours.skin, (214, 70, 60), 0.4), 0.16 + 0.2 * lift))
    yield from bulge(ellipse(s * 20.5, 5.5 - 1.5 * lift, 7.0, 3.0), 0.9 * lift, colours)
    fold = [
        (s * 9.5, 1.5),
        (s * 14.0, 3.4 - lift),
        (s * 20.0, 3.6 - 1.6 * lift),
        (s * 27.0, 0.4 - 1.5 * lift),
    ]
    yield from furrow(curve(fold), 0.9 * lift if lift > 0.25 else 0.0, colours, 1.8)


def _brow(half: Half, identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    dark = mix(identity.hair, (22, 14, 12), 0.62)
    line = curve(mirrored(half.brow, half.sign), steps=6)
    yield DrawnShape(stroke(line, 4.7 * identity.brow_thickness, blunt_start=True), rgba(dark), 1.0)


def _forehead(half: Half, colours: Palette) -> Iterator[DrawnShape]:
    """Horizontal wrinkles: in the middle for the inner raiser, above the peak for the outer one."""
    s, f = half.sign, half.furrows
    for level, height in enumerate((-28.0, -31.6, -35.0)):
        share = 1.0 - 0.18 * level
        middle = [(0.0, height + 1.2), (s * 4.5, height + 0.2), (s * 10.5, height - 0.4)]
        yield from furrow(curve(middle), f["forehead_inner"] * share, colours, 1.5)
        outer = [(s * 12.5, height + 0.2), (s * 20.0, height - 1.8), (s * 27.5, height + 1.6)]
        yield from furrow(curve(outer), f["forehead_outer"] * share, colours, 1.5)


def _brow_knot(face: FaceGeometry, colours: Palette) -> Iterator[DrawnShape]:
    """Vertical furrows between drawn-together brows."""
    depth = max(half.furrows["glabella"] for half in face.halves)
    yield from shadow(ellipse(0.0, -18.0, 3.4, 5.5), 0.6 * depth, colours)
    for half in face.halves:
        s = half.sign
        line = [(s * 2.6, -25.5), (s * 1.7, -20.5), (s * 2.5, -15.5)]
        yield from furrow(curve(line), half.furrows["glabella"], colours, 2.1)


def _nose(face: FaceGeometry, identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    length = identity.nose_length
    tip_y = 8.6 * length - sum(half.furrows["nose"] for half in face.halves) * 0.9
    yield DrawnShape(ellipse(0.0, tip_y - 0.4, 4.6, 4.0), rgba(colours.glow, 0.3), 7.0)
    yield DrawnShape(
        curve([(-1.3, -9.0), (1.3, -9.0), (1.5, tip_y - 4), (-1.5, tip_y - 4)], closed=True),
        rgba(colours.glow, 0.3),
        5.0,
    )
    side = [(3.6, -11.0), (2.9, -5.0), (4.0, 2.0), (5.2, tip_y - 3.2)]
    yield DrawnShape(stroke(curve(side), 1.3), rgba(colours.shade, 0.75), 3.0)
    for half in face.halves:
        s, (x, y), f = half.sign, half.wing, half.furrows
        wing = [(x - 2.0, y - 4.6), (x + 0.4, y - 3.0), (x + 0.3, y + 0.2), (x - 2.2, y + 1.3)]
        yield DrawnShape(stroke(curve(mirrored(wing, s)), 1.6), rgba(colours.line, 0.85), 4.0)
        yield DrawnShape(
            ellipse(s * (x * 0.48), y + 1.2, 1.7 * identity.nose_width, 1.05, 12),
            rgba(colours.line, 0.9),
            5.0,
        )
        for level in range(3):
            top = -8.5 + 3.4 * level
            crinkle = [(s * 0.9, top - 1.0), (s * 3.6, top + 0.2), (s * 6.6, top + 2.9)]
            yield from furrow(curve(crinkle), 0.75 * f["nose"], colours, 1.5)
    root = face.halves[0].furrows["nose"] * 0.5 + face.halves[1].furrows["nose"] * 0.5
    yield from furrow(curve([(-4.6, -11.4), (0.0, -12.6), (4.6, -11.4)]), root, colours, 1.8)
    base = [(-2.6, tip_y + 3.4), (0.0, tip_y + 4.4), (2.6, tip_y + 3.4)]
    yield DrawnShape(stroke(curve(base), 1.4), rgba(colours.line, 0.7), 5.0)
