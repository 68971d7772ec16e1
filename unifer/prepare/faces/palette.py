"""The colours of one person's face, derived from skin and lips, and the furrows drawn in them.

Knows colour alone; where furrows lie is the business of `upper_face` and `lower_face`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from unifer.prepare.faces.identity import Identity
from unifer.prepare.faces.shapes import RGB, DrawnShape, Points, mix, rgba, stroke

TEETH: RGB = (250, 247, 240)
INSIDE: RGB = (70, 18, 24)
TONGUE: RGB = (226, 116, 124)
SCLERA: RGB = (250, 249, 246)

FAINTEST = 0.03
"""A furrow shallower than this is not drawn."""


class Palette(NamedTuple):
    """Skin, its outlines (`line`), its shadows (`shade`), its highlights (`glow`), and the lips in three
    tones.
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
