"""What surrounds the features of a face.

Neck, hair, ears, the outline of the face, beard, glasses, and what hides a part of it. Knows people's looks;
the only expression that reaches it is the jaw's.
"""

from __future__ import annotations

from collections.abc import Iterator

from unifer.prepare.faces.conditions import Conditions
from unifer.prepare.faces.geometry import FaceGeometry, Jaw
from unifer.prepare.faces.identity import Identity, Palette, shadow
from unifer.prepare.faces.shapes import (
    DrawnShape,
    Pair,
    Points,
    between,
    curve,
    ellipse,
    mirrored,
    mix,
    rgba,
    stroke,
)


def outline(jaw: Jaw, identity: Identity) -> Points:
    """The contour of the face from the top, clockwise."""
    wide, jaw_wide = 36.0 * identity.face_width, 28.5 * identity.face_width * identity.jaw_width
    stretch = 0.45 * jaw.drop
    angle = jaw_wide + jaw.bulge - 0.12 * jaw.drop
    chin = 10.5 + 2.0 * jaw.thrust
    right: list[Pair] = [
        (20.0, -42.0),
        (wide - 3.0, -27.0),
        (wide, -8.0),
        (wide - 1.6 + 0.4 * jaw.bulge, 11.0 + 0.3 * stretch),
    ]
    lower: list[Pair] = [(angle, 25.5 + stretch), (chin + 8.5, jaw.y - 7.0), (chin, jaw.y - 0.8)]
    left = [(-x, y) for x, y in reversed(right)]
    shifted = [(x + jaw.x * share, y) for (x, y), share in zip(lower, (0.3, 0.8, 1.0), strict=True)]
    shifted_left = [(-x + jaw.x * share, y) for (x, y), share in zip(lower, (0.3, 0.8, 1.0), strict=True)]
    return curve(
        [(0.0, -45.5), *right, *shifted, (jaw.x, jaw.y + 0.5), *reversed(shifted_left), *left],
        closed=True,
        steps=5,
    )


def behind(identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    """Shoulders, neck, and the hair behind the face."""
    hair = rgba(mix(identity.hair, (0, 0, 0), 0.22))
    style = identity.hair_style
    if style == "long":
        yield DrawnShape(_symmetric((0, -52), [(36, -40), (46, -5), (45, 35), (38, 58)]), hair)
    elif style == "curly":
        for x, y, r in (
            (0, -42, 17),
            (22, -38, 16),
            (36, -22, 14),
            (41, -3, 11),
            (-22, -38, 16),
            (-36, -22, 14),
            (-41, -3, 11),
        ):
            yield DrawnShape(ellipse(x, y, r, r), hair)
    elif style == "bun":
        yield DrawnShape(ellipse(0, -49, 13, 9), hair)
    if style == "scarf":
        yield DrawnShape(
            _symmetric((0, -52), [(33, -43), (45, -12), (43, 25), (60, 70)]), rgba(identity.cloth)
        )
        fold = rgba(mix(identity.cloth, (0, 0, 0), 0.35), 0.7)
        for s in (-1, 1):
            yield DrawnShape(stroke(curve([(s * 36, 24), (s * 22, 47), (-s * 6, 55)]), 1.6), fold)
        return
    yield DrawnShape(
        _symmetric((0, 23), [(16, 24), (18, 50), (40, 60)]), rgba(mix(colours.skin, colours.shade, 0.5))
    )
    yield DrawnShape(_symmetric((0, 55), [(17, 49), (44, 52), (60, 64), (40, 90)]), rgba(identity.cloth))


def _symmetric(top: Pair, right: list[Pair]) -> Points:
    """The closed outline through a point on the middle line.

    `points` go down the right half; the left half mirrors it.
    """
    return curve([top, *right, *reversed(mirrored(right, -1))], closed=True)


def skull(face: FaceGeometry, identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    """Ears and the plain face."""
    for s in (-1, 1):
        x = 36.5 * identity.face_width
        yield DrawnShape(ellipse(s * x, -3.0, 4.2, 8.0), rgba(mix(colours.skin, colours.shade, 0.25)))
        yield DrawnShape(
            stroke(curve([(s * (x + 1), -8), (s * (x + 2.4), -3), (s * (x + 0.5), 2)]), 1.2),
            rgba(colours.line, 0.6),
        )
    contour = outline(face.jaw, identity)
    yield DrawnShape(contour, rgba(colours.line))
    yield DrawnShape(contour * 0.978, rgba(mix(colours.skin, colours.shade, 0.3)))
    yield DrawnShape(contour * 0.95, rgba(colours.skin))


def skin_marks(identity: Identity) -> Iterator[DrawnShape]:
    """Freckles over nose and cheeks."""
    if identity.freckles:
        spot = rgba(mix(identity.skin, (150, 76, 40), 0.6), 0.7)
        for s in (-1, 1):
            for x, y in ((9, 1), (13, 5), (17, 2), (21, 6), (12, 9), (18, 10), (25, 3), (5, -1)):
                yield DrawnShape(ellipse(s * x + y * 0.2, y, 0.75, 0.7, 8), spot)


def beard(face: FaceGeometry, identity: Identity) -> Iterator[DrawnShape]:
    """Under the mouth's own lines, so that the chin and lips stay readable."""
    kind, jaw = identity.facial_hair, face.jaw
    if kind in ("stubble", "full"):
        contour = outline(jaw, identity) * 0.965
        mouth_y = face.mouth.y
        half = [(16.0, mouth_y - 1.0), (22.0, mouth_y - 5.0), (28.5, 11.0), (33.5, -1.0)]
        inner = [*reversed(mirrored(half, -1)), (0.0, mouth_y - 1.0), *half]
        below = contour[contour[:, 1] > -1.0]
        area = between(curve(inner), below[::-1])
        yield DrawnShape(
            area, rgba(mix(identity.hair, identity.skin, 0.35), 0.3 if kind == "stubble" else 0.7)
        )
    if kind == "goatee":
        yield DrawnShape(
            ellipse(jaw.x, jaw.y - 4.5, 9.0, 5.5), rgba(mix(identity.hair, identity.skin, 0.25), 0.8)
        )


def moustache(face: FaceGeometry, identity: Identity) -> Iterator[DrawnShape]:
    """Between nose and upper lip; thin, so that a raised lip still shows."""
    if identity.facial_hair in ("moustache", "goatee", "full"):
        y = face.mouth.y - face.mouth.gap_upper - face.mouth.upper_lip - face.mouth.upper_raise * 0.6
        for s in (-1, 1):
            line = curve([(s * 0.5, y - 3.0), (s * 6.0, y - 2.6), (s * 12.0, y + 0.8)])
            yield DrawnShape(
                stroke(line, 4.0, blunt_start=True), rgba(mix(identity.hair, identity.skin, 0.12)), 2.0
            )


def front_hair(identity: Identity) -> Iterator[DrawnShape]:
    """Hair over the forehead; it ends above the brows."""
    hair, style, w = rgba(identity.hair), identity.hair_style, 37.5 * identity.face_width
    crown: list[Pair] = [(-w, -12), (-w - 1, -30), (-24, -46), (0, -51), (24, -46), (w + 1, -30), (w, -12)]
    hairlines: dict[str, list[Pair]] = {
        "short": [(w - 3, -24), (27, -35), (12, -38), (0, -37), (-12, -38), (-27, -35), (-w + 3, -24)],
        "side": [(w - 3, -20), (30, -31), (16, -40), (-4, -38), (-22, -31), (-w + 3, -18)],
        "fringe": [(w - 3, -10), (31, -28), (16, -31), (0, -32), (-16, -31), (-31, -28), (-w + 3, -10)],
        "long": [(w - 1, 2), (32, -22), (18, -36), (0, -44), (-18, -36), (-32, -22), (-w + 1, 2)],
        "bun": [(w - 3, -20), (27, -34), (12, -40), (0, -41), (-12, -40), (-27, -34), (-w + 3, -20)],
        "curly": [(w - 3, -20), (26, -34), (13, -36), (0, -38), (-13, -36), (-26, -34), (-w + 3, -20)],
    }
    if style in hairlines:
        yield DrawnShape(curve([*crown, *hairlines[style]], closed=True), hair, 1.0)
        shine = curve([(-18, -44.5), (-4, -48), (10, -47)])
        yield DrawnShape(stroke(shine, 2.2), rgba(mix(identity.hair, (255, 244, 230), 0.3), 0.6), 1.0)
    elif style == "scarf":
        yield from _scarf(identity)
    else:
        yield DrawnShape(ellipse(-9, -38, 8, 3), rgba((255, 250, 244), 0.22))


def _scarf(identity: Identity) -> Iterator[DrawnShape]:
    """A headscarf: a ring of cloth around the face."""
    outer: list[Pair] = [(0, -52), (33, -43), (45.5, -12), (42, 25), (24, 52)]
    inner: list[Pair] = [(24, 42), (33.5, 22), (35, -5), (30, -27), (16, -37), (0, -39.5)]
    rim = rgba(mix(identity.cloth, (0, 0, 0), 0.4))
    for s in (-1, 1):
        yield DrawnShape(curve(mirrored([*outer, *inner], s), closed=True), rgba(identity.cloth))
        yield DrawnShape(stroke(curve(mirrored(inner, s)), 1.3), rim)
        fold = curve(mirrored([(38, 30), (41, 2), (30, -36)], s))
        yield DrawnShape(stroke(fold, 1.6), rgba(mix(identity.cloth, (0, 0, 0), 0.35), 0.7))


def glasses(identity: Identity) -> Iterator[DrawnShape]:
    """Thin frames, so that lids stay readable."""
    if identity.glasses != "none":
        frame = (46, 38, 36)
        for s in (-1, 1):
            x = s * 17.2
            ring = (
                ellipse(x, -7.5, 12.6, 11.0)
                if identity.glasses == "round"
                else curve(_square(x), closed=True)
            )
            hole = (ring - (x, -7.5)) * 0.89 + (x, -7.5)
            yield DrawnShape(between(_looped(ring), _looped(hole)), rgba(frame), 4.0)
        yield DrawnShape(stroke(curve([(-5.0, -8.0), (0.0, -9.6), (5.0, -8.0)]), 1.8), rgba(frame), 6.0)


def _square(x: float) -> list[Pair]:
    return [
        (x + dx * 12.4, -7.5 + dy)
        for dx, dy in ((-1, -7), (-0.8, -9), (0.8, -9), (1, -7), (1, 6), (0.75, 8.6), (-0.75, 8.6), (-1, 6))
    ]


def _looped(points: Points) -> Points:
    """The outline with its first point again at its end."""
    return points[[*range(len(points)), 0]]


def occluder(conditions: Conditions, identity: Identity, colours: Palette) -> Iterator[DrawnShape]:
    """A hand, a bar, a strand of hair or a mask's edge before a part of the face."""
    place, kind = conditions.occluder_place, conditions.occluder
    side = -1 if place < 0.5 else 1
    along = (place * 2) % 1.0
    if kind == "bar" or (kind == "strand" and identity.hair_style in ("bald", "scarf")):
        x = side * (14.0 + 24.0 * along)
        bar = curve([(x - 4, -80), (x + 4, -80), (x + 7, 80), (x - 1, 80)], closed=True, steps=2)
        yield DrawnShape(bar, rgba(conditions.occluder_colour), 12.0)
    elif kind == "strand":
        line = curve(
            [(side * 12, -47), (side * (26 - 10 * along), -24), (side * (30 - 8 * along), 6), (side * 34, 30)]
        )
        yield DrawnShape(stroke(line, 7.5), rgba(identity.hair), 8.0)
    elif kind == "mask":
        y = 34.0 + 6.0 * along
        half = [(14.0, y), (30.0, 20.0), (29.0, 32.0), (15.0, 48.0)]
        cloth = curve([(0.0, y + 1.0), *half, (0.0, 51.0), *reversed(mirrored(half, -1))], closed=True)
        for s in (-1, 1):
            yield DrawnShape(
                stroke(curve([(s * 29, 21), (s * 33, 10), (s * 37, -4)]), 1.6), rgba((232, 238, 240)), 2.0
            )
        yield DrawnShape(stroke(cloth, 2.0), rgba((96, 138, 156)), 3.0)
        yield DrawnShape(cloth, rgba((164, 204, 220)), 3.0)
    elif kind == "hand":
        yield from _hand(side, along, colours)


def _hand(side: int, along: float, colours: Palette) -> Iterator[DrawnShape]:
    """Fingers that reach over one cheek from below."""
    for finger in range(4):
        x = 16.0 + 6.6 * finger + 4.0 * along
        tip = 16.0 - 5.0 * (1.5 - abs(finger - 1.5)) + 8.0 * along
        line = curve([(side * (x - 2.0), tip), (side * (x + 1.0), tip + 14), (side * (x + 7.0), 62.0)])
        yield DrawnShape(stroke(line, 8.6, blunt_start=True), rgba(colours.line), 8.0)
        yield DrawnShape(
            stroke(line, 7.0, blunt_start=True), rgba(mix(colours.skin, colours.shade, 0.12)), 8.0
        )
    yield from shadow(ellipse(side * 34.0, 52.0, 12.0, 8.0), 0.3, colours)
