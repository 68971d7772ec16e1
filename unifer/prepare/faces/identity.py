"""Whose face it is: everything about a drawn person that no muscle moves, and the colours of furrows.

Knows colours, proportions and hair; not expressions (`expressions`), nor the scene (`conditions`), nor where
furrows lie (`upper_face`, `lower_face`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from unifer.prepare.faces.shapes import RGB, DrawnShape, Points, mix, rgba, stroke

HairStyle = Literal["bald", "short", "side", "fringe", "long", "bun", "curly", "scarf"]
FacialHair = Literal["none", "stubble", "moustache", "goatee", "full"]
Glasses = Literal["none", "round", "square"]


class Complexion(NamedTuple):
    """A skin tone and the lip colour that stays distinct on it."""

    skin: RGB
    lips: RGB


COMPLEXIONS = (
    Complexion((246, 217, 194), (201, 80, 84)),
    Complexion((246, 208, 177), (196, 76, 78)),
    Complexion((236, 188, 148), (186, 66, 68)),
    Complexion((217, 163, 120), (166, 54, 60)),
    Complexion((190, 134, 94), (143, 42, 52)),
    Complexion((158, 106, 72), (184, 70, 76)),
    Complexion((128, 84, 58), (176, 70, 78)),
    Complexion((114, 76, 55), (174, 70, 78)),
)
HAIR_COLOURS: tuple[RGB, ...] = (
    (28, 22, 22), (46, 32, 26), (74, 48, 32), (110, 70, 40), (156, 104, 56),
    (206, 166, 96), (150, 62, 34), (168, 166, 164), (222, 220, 216),
)  # fmt: skip
EYE_COLOURS: tuple[RGB, ...] = (
    (54, 32, 20),
    (84, 52, 28),
    (112, 84, 44),
    (72, 104, 62),
    (62, 104, 150),
    (96, 116, 128),
)
CLOTH_COLOURS: tuple[RGB, ...] = (
    (54, 78, 120),
    (142, 52, 60),
    (64, 106, 84),
    (96, 74, 120),
    (188, 144, 64),
    (70, 74, 82),
    (204, 204, 210),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """One person. Proportions are factors around 1; `age` runs from 0 (no lines) to 1 (deep lines)."""

    skin: RGB = COMPLEXIONS[1].skin
    lips: RGB = COMPLEXIONS[1].lips
    hair: RGB = HAIR_COLOURS[1]
    hair_style: HairStyle = "short"
    face_width: float = 1.0
    jaw_width: float = 1.0
    chin_length: float = 1.0
    brow_thickness: float = 1.0
    brow_arch: float = 1.0
    eye_colour: RGB = EYE_COLOURS[1]
    eye_size: float = 1.0
    eye_spacing: float = 1.0
    nose_width: float = 1.0
    nose_length: float = 1.0
    lip_fullness: float = 1.0
    mouth_width: float = 1.0
    age: float = 0.0
    lashes: float = 0.3
    facial_hair: FacialHair = "none"
    glasses: Glasses = "none"
    freckles: bool = False
    cloth: RGB = CLOTH_COLOURS[0]

    @classmethod
    def sample(cls, rng: Random) -> Identity:
        """A random person: skin, hair, proportions, age lines, beard, glasses and freckles."""
        complexion, bearded = rng.choice(COMPLEXIONS), rng.random() < 0.5
        age = max(0.0, rng.uniform(-0.5, 1.0))
        light = sum(complexion.skin) > 520
        hair = rng.choice(HAIR_COLOURS[-2:] if age > 0.7 else HAIR_COLOURS[:7] if light else HAIR_COLOURS[:3])
        return cls(
            skin=_jitter(complexion.skin, 6, rng),
            lips=_jitter(complexion.lips, 8, rng),
            hair=_jitter(hair, 8, rng),
            hair_style=rng.choice(_SHORTER_STYLES if bearded else _LONGER_STYLES),
            face_width=rng.uniform(0.93, 1.06),
            jaw_width=rng.uniform(0.88, 1.1),
            chin_length=rng.uniform(0.96, 1.04),
            brow_thickness=rng.uniform(0.95, 1.45) if bearded else rng.uniform(0.75, 1.1),
            brow_arch=rng.uniform(0.7, 1.3),
            eye_colour=_jitter(rng.choice(EYE_COLOURS if light else EYE_COLOURS[:3]), 8, rng),
            eye_size=rng.uniform(0.92, 1.12),
            eye_spacing=rng.uniform(0.96, 1.05),
            nose_width=rng.uniform(0.85, 1.2),
            nose_length=rng.uniform(0.92, 1.06),
            lip_fullness=rng.uniform(0.85, 1.2),
            mouth_width=rng.uniform(0.92, 1.08),
            age=age,
            lashes=rng.uniform(0.0, 0.4) if bearded else rng.uniform(0.4, 1.0),
            facial_hair=rng.choice(_BEARDS) if bearded else "none",
            glasses=rng.choice(("round", "square")) if rng.random() < 0.15 else "none",
            freckles=light and rng.random() < 0.15,
            cloth=_jitter(rng.choice(CLOTH_COLOURS), 12, rng),
        )


_BEARDS: tuple[FacialHair, ...] = (
    *("none", "none", "none", "stubble", "stubble"),
    *("moustache", "goatee", "full"),
)
_SHORTER_STYLES: tuple[HairStyle, ...] = ("bald", "short", "short", "side", "curly")
_LONGER_STYLES: tuple[HairStyle, ...] = ("side", "fringe", "long", "long", "bun", "curly", "scarf")


def _jitter(colour: RGB, spread: int, rng: Random) -> RGB:
    """The colour, lighter or darker by at most `spread`, its tint moved a little."""
    shift = rng.uniform(-spread, spread)
    red, green, blue = (
        min(255, max(0, channel + round(shift + rng.uniform(-0.25, 0.25) * spread))) for channel in colour
    )
    return red, green, blue


TEETH: RGB = (250, 247, 240)
INSIDE: RGB = (70, 18, 24)
TONGUE: RGB = (226, 116, 124)
SCLERA: RGB = (250, 249, 246)

FAINTEST = 0.03
"""A furrow shallower than this is not drawn."""


class Palette(NamedTuple):
    """The colours of a person's face.

    Skin, its outlines (`line`), its shadows (`shade`), its highlights (`glow`), and the lips in three tones.
    """

    skin: RGB
    line: RGB
    shade: RGB
    glow: RGB
    lips: RGB
    lips_dark: RGB
    lips_light: RGB


def palette(identity: Identity) -> Palette:
    """The colours of a person; lines stay dark enough to be read on every skin."""
    skin = identity.skin
    return Palette(
        skin=skin,
        line=mix(skin, (44, 12, 6), 0.72),
        shade=mix(skin, (96, 34, 20), 0.42),
        glow=mix(skin, (255, 244, 228), 0.45),
        lips=identity.lips,
        lips_dark=mix(identity.lips, (50, 8, 16), 0.42),
        lips_light=mix(identity.lips, (255, 226, 220), 0.32),
    )


def furrow(line: Points, depth: float, colours: Palette, width: float = 1.7) -> Iterator[DrawnShape]:
    """A skin furrow: wider and darker the deeper it is."""
    if depth > FAINTEST:
        yield DrawnShape(
            stroke(line, width * (0.45 + 0.6 * min(depth, 1.2))), rgba(colours.line, 0.12 + 0.66 * depth)
        )


def bulge(area: Points, depth: float, colours: Palette) -> Iterator[DrawnShape]:
    """Skin that stands out and catches the light."""
    if depth > FAINTEST:
        yield DrawnShape(area, rgba(colours.glow, 0.55 * depth), 1.0)


def shadow(area: Points, depth: float, colours: Palette) -> Iterator[DrawnShape]:
    """Skin that falls into shadow."""
    if depth > FAINTEST:
        yield DrawnShape(area, rgba(colours.shade, 0.6 * depth))
