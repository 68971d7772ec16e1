"""Mouth, the folds around it, and chin, as polygons.

Knows how the measures of `geometry` look; not which AU made them so.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unifer.prepare.faces.geometry import FaceGeometry, Half, Mouth
from unifer.prepare.faces.identity import FAINTEST, INSIDE, TEETH, TONGUE, Palette, bulge, furrow, shadow
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

_T = np.linspace(-1.0, 1.0, 25)
_ABS = np.abs(_T)
_CUPID = 1 - 0.16 * np.exp(-((_T / 0.16) ** 2)) + 0.1 * np.exp(-(((_ABS - 0.3) / 0.16) ** 2))
_UPPER_BODY = (1 - _ABS**2.0) ** 0.8 * _CUPID
_LOWER_BODY = (1 - _ABS**2.4) ** 0.75
_SNEER = np.exp(-(((_ABS - 0.38) / 0.3) ** 2)) * (1 - _ABS**4)


class Lips:
    """The four edges of the mouth from left to right.

    Outer and inner edge of the upper lip, inner and outer edge of the lower lip.
    """

    def __init__(self, face: FaceGeometry) -> None:
        mouth, (left, right) = face.mouth, face.halves
        reach = np.where(_T < 0, left.corner[0], right.corner[0])
        bend = np.where(_T < 0, left.corner_bend, right.corner_bend)
        corner_y = np.where(_T < 0, left.corner[1], right.corner[1])
        self.x: NDArray[np.float64] = mouth.x + _T * reach
        line = mouth.y + (corner_y - mouth.y) * _ABS**bend
        opening = 1 - _ABS**mouth.squareness
        upper = line - mouth.gap_upper * opening - 0.45 * mouth.upper_raise * _SNEER
        lower = line + (mouth.gap_lower + mouth.lower_drop) * opening
        self.upper_inner = self._edge(upper)
        self.lower_inner = self._edge(np.maximum(lower, upper))
        self.upper_outer = self._edge(
            upper - mouth.upper_lip * _UPPER_BODY - 0.55 * mouth.upper_raise * _SNEER
        )
        self.lower_outer = self._edge(np.maximum(lower, upper) + mouth.lower_lip * _LOWER_BODY)

    def _edge(self, y: NDArray[np.float64]) -> Points:
        return np.stack([self.x, y], axis=1)


def lower_face(face: FaceGeometry, colours: Palette) -> Iterator[DrawnShape]:
    """Everything from the cheeks' folds to the chin, in the order in which it is painted."""
    lips = Lips(face)
    for half in face.halves:
        yield from _folds(half, face.mouth.x, colours)
    yield from _chin(face, lips, colours)
    yield from _mouth(face.mouth, lips, colours)
    yield from _lip_lines(face.mouth, lips, colours)


def _mouth(mouth: Mouth, lips: Lips, colours: Palette) -> Iterator[DrawnShape]:
    """Inside, teeth, tongue, then the lips over them."""
    height = float((lips.lower_inner[:, 1] - lips.upper_inner[:, 1]).max())
    yield DrawnShape(between(lips.upper_outer, lips.upper_inner), rgba(colours.lips), 2.0)
    yield DrawnShape(between(lips.lower_inner, lips.lower_outer), rgba(colours.lips), 2.0)
    if mouth.lower_lip > 1.2:
        middle = lips.lower_inner[6:-6] * 0.5 + lips.lower_outer[6:-6] * 0.5
        yield DrawnShape(stroke(middle, mouth.lower_lip * 0.42), rgba(colours.lips_light, 0.85), 2.0)
    if height > 0.7:
        yield DrawnShape(between(lips.upper_inner, lips.lower_inner), rgba(INSIDE), 2.0)
        yield from _inside(mouth, lips, height)
    weight = 1.1 + 1.5 * mouth.press + 0.2 * mouth.tight
    edge = colours.lips_dark if height > 0.7 else mix(colours.lips_dark, (20, 4, 8), 0.6)
    yield DrawnShape(stroke(lips.upper_inner, weight), rgba(edge), 2.0)
    if height > 0.7:
        yield DrawnShape(stroke(lips.lower_inner, 0.8), rgba(colours.lips_dark), 2.0)
    yield DrawnShape(stroke(lips.upper_outer, 0.8), rgba(colours.lips_dark, 0.85), 2.0)
    yield DrawnShape(stroke(lips.lower_outer, 0.9), rgba(colours.lips_dark, 0.8), 2.0)
    yield from _tongue_and_bite(mouth, lips)


def _inside(mouth: Mouth, lips: Lips, height: float) -> Iterator[DrawnShape]:
    """Teeth and tongue in the open mouth.

    Teeth hang from the upper edge and stand on the lower one; the tongue lies at the bottom of a wide mouth.
    """
    upper, lower = lips.upper_inner[2:-2], lips.lower_inner[2:-2]
    if height > 7.0:
        x, bottom = mouth.x, float(lower[:, 1].max())
        bed = ellipse(x, bottom - 0.5, 7.0, height * 0.32)
        bed[:, 1] = np.minimum(bed[:, 1], np.interp(bed[:, 0], lower[:, 0], lower[:, 1]))
        yield DrawnShape(bed, rgba(mix(TONGUE, INSIDE, 0.25)), 1.0)
    teeth = min(0.7 + height * 0.32, 3.6) * mouth.upper_teeth
    if teeth > 0.4:
        yield DrawnShape(
            between(upper, np.stack([upper[:, 0], np.minimum(upper[:, 1] + teeth, lower[:, 1])], axis=1)),
            rgba(TEETH),
            1.0,
        )
    row = min(height * 0.45, 3.6) * mouth.lower_teeth
    if row > 0.4:
        top = np.stack([lower[:, 0], np.maximum(lower[:, 1] - row, upper[:, 1] + teeth + 0.5)], axis=1)
        yield DrawnShape(between(np.minimum(top, lower), lower), rgba(TEETH), 1.0)


def _tongue_and_bite(mouth: Mouth, lips: Lips) -> Iterator[DrawnShape]:
    x, y = mouth.x, float(lips.lower_inner[12, 1])
    if mouth.tongue > FAINTEST:
        reach = 4.0 + 7.5 * mouth.tongue
        side, tip = y + reach * 0.6, y + reach
        shape = [
            (x - 6.2, y - 1.8),
            (x, y - 2.8),
            (x + 6.2, y - 1.8),
            (x + 5.6, side),
            (x, tip),
            (x - 5.6, side),
        ]
        yield DrawnShape(curve(shape, closed=True), rgba(mix(TONGUE, INSIDE, 0.55)), 3.0)
        inner = [(x + (px - x) * 0.86, py - 0.5) for px, py in shape]
        yield DrawnShape(curve(inner, closed=True), rgba(TONGUE), 3.0)
        yield DrawnShape(
            stroke(curve([(x, y - 1.5), (x, y + reach * 0.7)]), 1.0), rgba(mix(TONGUE, INSIDE, 0.5)), 3.0
        )
    if mouth.bite > FAINTEST:
        top = lips.upper_inner[6:-6]
        bottom = lowered(top, 1.0 + 4.2 * mouth.bite)
        yield DrawnShape(between(top, bottom), rgba(TEETH), 3.0)
        yield DrawnShape(stroke(bottom, 1.3), rgba(INSIDE, 0.9), 3.0)
        yield DrawnShape(
            stroke(np.stack([top[6], (top[6] + bottom[6]) / 2, bottom[6]]), 0.6), rgba((150, 130, 120)), 3.0
        )


def _lip_lines(mouth: Mouth, lips: Lips, colours: Palette) -> Iterator[DrawnShape]:
    """Fine lines of a tightened, puckered, pressed or sucked-in mouth."""
    radial = 0.45 * max(mouth.pucker, mouth.tight)
    if radial > FAINTEST:
        for at in (5, 8, 12, 16, 19):
            lean = (at - 12) / 12
            for edge, direction in ((lips.upper_outer[at], -1.0), (lips.lower_outer[at], 1.0)):
                start = edge + np.array((0.0, 0.6 * direction))
                end = start + np.array((1.9 * lean, direction * 2.9))
                yield from furrow(np.stack([start, (start + end) / 2, end]), radial, colours, 1.4)
    if mouth.press > FAINTEST:
        yield from bulge(
            between(lowered(lips.upper_outer[4:-4], -3.6), lowered(lips.upper_outer[4:-4], -0.8)),
            mouth.press,
            colours,
        )
        yield from bulge(
            between(lowered(lips.lower_outer[4:-4], 0.8), lowered(lips.lower_outer[4:-4], 3.6)),
            mouth.press,
            colours,
        )
        yield from furrow(lowered(lips.lower_outer[3:-3], 4.4), mouth.press, colours, 1.7)
    if mouth.suck > FAINTEST:
        for edge, offset in ((lips.upper_outer, -2.6), (lips.lower_outer, 2.6)):
            yield from shadow(between(edge[1:-1], lowered(edge[1:-1], offset)), 1.2 * mouth.suck, colours)
            yield from furrow(lowered(edge[1:-1], offset), mouth.suck, colours, 1.2)


def _folds(half: Half, mouth_x: float, colours: Palette) -> Iterator[DrawnShape]:
    """What moves in the cheeks.

    The nasolabial fold in its three parts, dimple, puffed cheek, pouch, and the pull beside a stretched
    mouth.
    """
    s, (wing_x, wing_y), f = half.sign, half.wing, half.furrows
    x, y = half.corner[0] + s * mouth_x, half.corner[1]
    top = [(wing_x - 0.4, wing_y - 6.5), (wing_x + 2.2, wing_y - 4.5), (wing_x + 4.6, wing_y + 0.5)]
    yield from furrow(curve(mirrored(top, s)), f["fold_top"], colours, 1.9)
    mid = [(wing_x + 2.6, wing_y - 1.0), (wing_x + 5.2, wing_y + 3.5), (wing_x + 6.6, wing_y + 9.0)]
    yield from furrow(curve(mirrored(mid, s)), f["fold_mid"], colours, 3.0)
    yield from bulge(ellipse(s * (wing_x + 8.8), wing_y + 1.5, 2.8, 5.2), 0.7 * f["fold_mid"], colours)
    smile = [
        (wing_x + 2.0, wing_y - 2.0),
        (wing_x + 7.5, wing_y + 3.2),
        (max(x + 3.6, 17.0), y - 4.0),
        (max(x + 4.4, 17.5), y + 3.0),
    ]
    yield from furrow(curve(mirrored(smile, s)), f["fold_smile"], colours, 2.1)
    yield from bulge(ellipse(s * (x + 6.8), y - 5.0, 6.2, 5.6), 0.8 * f["puff"], colours)
    yield from bulge(ellipse(s * (x + 6.2), y - 6.2, 3.8, 3.4), 0.7 * f["puff"], colours)
    under_cheek = [(x + 13.2, y - 7.0), (x + 12.6, y - 1.0), (x + 7.8, y + 2.2), (x + 1.8, y + 0.4)]
    yield from furrow(curve(mirrored(under_cheek, s)), 0.8 * f["puff"], colours, 1.9)
    yield from shadow(ellipse(s * (x + 1.6), y, 1.9, 3.0), f["dimple"], colours)
    yield from bulge(ellipse(s * (x + 6.0), y - 0.6, 2.4, 4.6), f["dimple"], colours)
    dimple = [(x + 1.0, y - 5.8), (x + 3.6, y - 2.4), (x + 3.8, y + 1.2), (x + 1.6, y + 4.6)]
    yield from furrow(curve(mirrored(dimple, s)), f["dimple"], colours, 2.4)
    pouch = [(x - 1.0, y + 2.2), (x + 2.0, y + 2.6), (x + 3.2, y + 7.5)]
    yield from furrow(curve(mirrored(pouch, s)), f["pouch"], colours, 2.2)
    for step in range(2):
        pull = [(x + 2.0 + 3.0 * step, y - 4.4), (x + 3.3 + 3.0 * step, y), (x + 1.8 + 2.8 * step, y + 5.4)]
        yield from furrow(curve(mirrored(pull, s)), f["stretch"] * (0.75 - 0.2 * step), colours, 1.6)
    hollow = [(22.0, 6.0), (27.0, 14.0), (24.0, 30.0), (19.0, 20.0)]
    yield from shadow(curve(mirrored(hollow, s), closed=True), 0.4 * f["hollow"], colours)
    masseter = [(25.5, 12.0), (28.5, 20.0), (27.0, 29.0)]
    yield from furrow(curve(mirrored(masseter, s)), f["masseter"], colours, 2.6)
    yield from bulge(ellipse(s * 31.0, 21.0, 3.0, 7.5), 1.3 * f["masseter"], colours)


def _chin(face: FaceGeometry, lips: Lips, colours: Palette) -> Iterator[DrawnShape]:
    jaw, x = face.jaw, face.jaw.x
    under = float(lips.lower_outer[12, 1])
    line = max(0.25, max(half.furrows["lower_lip_line"] for half in face.halves))
    yield from furrow(
        curve([(x - 7.0, under + 2.0), (x, under + 3.2), (x + 7.0, under + 2.0)]), line, colours, 1.9
    )
    top = min(under + 3.0, jaw.y - 6.0)
    if jaw.chin_raise > FAINTEST:
        half = [(3.6, top + 0.9), (6.8, top + 4.0), (8.0, max(top + 6.5, jaw.y - 4.0))]
        boss = [(x + dx, y) for dx, y in (*reversed(mirrored(half, -1)), (0.0, top), *half)]
        yield from bulge(
            ellipse(x, (top + jaw.y) / 2, 6.5, max(2.0, (jaw.y - top) / 2 - 1.5)),
            0.9 * jaw.chin_raise,
            colours,
        )
        yield from furrow(curve(boss), jaw.chin_raise, colours, 2.2)
        middle = (top + jaw.y) / 2 - 0.5
        for dx, dy in ((-3.4, 0.6), (0.0, -0.8), (3.4, 0.6), (-1.8, 2.8), (1.8, 2.8)):
            yield from shadow(ellipse(x + dx, middle + dy, 1.0, 0.9, 8), 1.5 * jaw.chin_raise, colours)
    if jaw.thrust > FAINTEST:
        yield from shadow(ellipse(x, under + 2.6, 9.0, 2.4), 1.4 * jaw.thrust, colours)
        yield from bulge(ellipse(x, jaw.y - 5.2, 9.5, 4.0), 1.3 * jaw.thrust, colours)
