"""A photo with its readings drawn on it: boxes, labels, Action Units on their regions, warnings.

Where a detector gave five points the regions are placed by them, else by the proportions of the box, which is
a guess; the line below the picture says which. Warnings stand there too, so that a picture passed on carries
them along.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from unifer.action_units import REGIONS
from unifer.recognition.readings import Face, Reading

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

LEAST_SIDE = 640
"""Smaller photos are blown up to this many pixels, or the writing on them would cover them."""
COLOURS = MappingProxyType(
    {
        "brows": "#E69F00",
        "eyes": "#56B4E9",
        "nose and cheeks": "#009E73",
        "mouth": "#F0E442",
        "jaw": "#CC79A7",
    }
)
"""Region -> colour: Okabe and Ito's, which colour-blind readers tell apart."""
_BOX, _INK, _PAPER = "#FFFFFF", "#222222", "#FFFFFF"


class _Ellipse(NamedTuple):
    """A region in face coordinates: middle and half axes; (0, 0) and (1, 1) are corners of the box."""

    x: float
    y: float
    across: float
    down: float


_BY_BOX: Mapping[str, _Ellipse] = MappingProxyType(
    {
        "brows": _Ellipse(0.5, 0.27, 0.37, 0.07),
        "eyes": _Ellipse(0.5, 0.40, 0.37, 0.08),
        "nose and cheeks": _Ellipse(0.5, 0.58, 0.33, 0.10),
        "mouth": _Ellipse(0.5, 0.77, 0.22, 0.08),
        "jaw": _Ellipse(0.5, 0.91, 0.20, 0.07),
    }
)
_BY_POINTS: Mapping[str, _Ellipse] = MappingProxyType(
    {
        "brows": _Ellipse(0.0, -0.27, 0.85, 0.15),
        "eyes": _Ellipse(0.0, 0.0, 0.85, 0.18),
        "nose and cheeks": _Ellipse(0.0, 0.55, 0.80, 0.22),
        "mouth": _Ellipse(0.0, 1.08, 0.55, 0.20),
        "jaw": _Ellipse(0.0, 1.45, 0.50, 0.18),
    }
)
"""Region -> ellipse in units of the distance between the eyes, along their line and along the line to the
mouth, whose middle lies at about 1.1; `x` and `y` count from the middle of the eyes.
"""


def draw(photo: Image, readings: Sequence[Reading]) -> Image:
    """A copy of `photo`, upright, with all its `readings` on it and a strip of notes below.

    Nothing is written.
    """
    from PIL import ImageDraw
    from PIL.Image import Resampling

    # Boxes are in pixels of the whole photo, of which this may be a small copy.
    scale = max(1.0, LEAST_SIDE / max(photo.size))
    size = round(photo.width * scale), round(photo.height * scale)
    picture = (
        photo.convert("RGB").resize(size, Resampling.LANCZOS) if scale > 1 else photo.convert("RGB").copy()
    )
    pen = ImageDraw.Draw(picture, "RGBA")
    for reading in readings:
        factor = picture.width / (reading.width or photo.width)
        _one(pen, picture.size, reading, factor)
    return _with_notes(picture, _notes(readings))


def save(picture: Image, path: Path) -> None:
    """Write the PNG whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    picture.save(part, format="PNG")
    part.replace(path)


def _one(pen: ImageDraw, size: tuple[int, int], reading: Reading, factor: float) -> None:
    line = max(2, round(max(size) / 320))
    font = _font(max(13, round(max(size) / 42)))
    box = (
        [side * factor for side in reading.face.box]
        if reading.face
        else [0.0, 0.0, float(size[0]), float(size[1])]
    )
    if reading.face:
        pen.rectangle(box, outline=_INK, width=2 * line)
        pen.rectangle(box, outline=_BOX, width=line)
    if placeable(reading):
        _mark_regions(pen, size, reading, factor, _font(max(11, round(max(size) / 56))))
    _plate(pen, size, (box[0], box[1]), caption(reading), font, _PAPER)


def caption(reading: Reading) -> str:
    """`happiness 75 %`, `not sure (fear 38 %)`, `no answer`: what is said of one face in a few words."""
    number = f"{reading.index + 1}: " if reading.readings > 1 else ""
    if reading.failed:
        return f"{number}failed"
    if reading.label is None:
        return f"{number}{'off the list' if reading.outcome == 'off_list' else 'no answer'}"
    if reading.votes is None:
        return f"{number}{reading.label}"
    share = f"{reading.label} {100 * reading.votes.confidence:.0f} %"
    return f"{number}{share}" if reading.sure else f"{number}not sure ({share})"


def placeable(reading: Reading) -> bool:
    """Whether it is known where the face is: a box, or a picture that is said to be a crop of one."""
    return reading.face is not None or reading.detector == "whole"


def regions(
    reading: Reading, size: tuple[float, float]
) -> dict[str, tuple[float, float, float, float, float]]:
    """Region -> (x, y, half width, half height, degrees) of its ellipse, in pixels of the photo.

    `size` is the photo's, for readings of the whole picture.
    """
    width, height = size
    # Crops of faces leave some room around them, as the benchmark's do.
    face = reading.face or Face((0.1 * width, 0.08 * height, 0.9 * width, 0.9 * height))
    if face.landmarks is None:
        left, top, _, _ = face.box
        return {
            name: (
                left + e.x * face.width,
                top + e.y * face.height,
                e.across * face.width,
                e.down * face.height,
                0.0,
            )
            for name, e in _BY_BOX.items()
        }
    (x0, y0), (x1, y1) = face.landmarks[:2]
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    mouth = [sum(point[axis] for point in face.landmarks[3:5]) / 2 for axis in (0, 1)]
    apart = math.hypot(x1 - x0, y1 - y0) or 1.0
    # The unit along the face follows the mouth, so that a face seen from below or above keeps its mouth.
    down = (mouth[0] - middle[0]) / 1.1, (mouth[1] - middle[1]) / 1.1
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
    return {
        name: (middle[0] + e.y * down[0], middle[1] + e.y * down[1], e.across * apart, e.down * apart, angle)
        for name, e in _BY_POINTS.items()
    }


def _mark_regions(
    pen: ImageDraw, size: tuple[int, int], reading: Reading, factor: float, font: FreeTypeFont | ImageFont
) -> None:
    """An ellipse per region with a claim; beside the face, from brows to jaw, which AUs those are."""
    places = regions(reading, (reading.width or size[0] / factor, reading.height or size[1] / factor))
    lines = []
    for region in REGIONS:
        claims = [claim for claim in reading.action_units if claim.region == region]
        if not claims:
            continue
        x, y, across, down, angle = places[region]
        outline = _outline(x * factor, y * factor, across * factor, down * factor, angle)
        pen.polygon(outline, fill=COLOURS[region] + "38")
        pen.line([*outline, outline[0]], fill=COLOURS[region], width=max(2, round(max(size) / 320)))
        # Shares would run into the next face's plates.
        shown = _share if reading.readings == 1 else lambda share: ""
        text = ", ".join(f"AU{claim.number}" + shown(claim.share) for claim in claims)
        lines.append((y * factor, text, COLOURS[region]))
    box = reading.face.box if reading.face else (0.0, 0.0, size[0] / factor, size[1] / factor)
    _beside(pen, size, (box[0] * factor, box[2] * factor), lines, font)


def _beside(
    pen: ImageDraw,
    size: tuple[int, int],
    edges: tuple[float, float],
    lines: Sequence[tuple[float, str, str]],
    font: FreeTypeFont | ImageFont,
) -> None:
    """Plates on the right of a face, or on its left where there is more room, none upon another."""
    widest = max((pen.textlength(text, font=font) for _, text, _ in lines), default=0) + 16
    on_right = edges[1] + widest <= size[0] or size[0] - edges[1] >= edges[0]
    free = 0.0
    for wanted, text, colour in lines:
        width = pen.textlength(text, font=font) + 10
        at = edges[1] + 6 if on_right else edges[0] - 6 - width
        free = _plate(pen, size, (at, max(wanted - 10, free)), text, font, colour, above=False) + 1


def _share(share: float | None) -> str:
    return "" if share is None else f" {100 * share:.0f} %"


def _outline(x: float, y: float, across: float, down: float, angle: float) -> list[tuple[float, float]]:
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    steps = [2 * math.pi * step / 48 for step in range(48)]
    points = [(across * math.cos(step), down * math.sin(step)) for step in steps]
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in points]


def _plate(
    pen: ImageDraw,
    size: tuple[int, int],
    at: tuple[float, float],
    text: str,
    font: FreeTypeFont | ImageFont,
    paper: str,
    above: bool = True,
) -> float:
    """Text on paper with its lower (or upper) left corner at a place, moved until it is within the picture.

    Returns where it ends below.
    """
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 10, bottom - top + 8
    x = min(max(0.0, at[0]), max(0.0, size[0] - width))
    y = min(max(0.0, at[1] - height if above else at[1]), max(0.0, size[1] - height))
    pen.rectangle((x, y, x + width, y + height), fill=paper)
    pen.text((x + 5 - left, y + 4 - top), text, font=font, fill=_INK)
    return y + height


def _notes(readings: Sequence[Reading]) -> list[str]:
    placed = [reading for reading in readings if reading.action_units and placeable(reading)]
    notes = []
    if any(reading.face and reading.face.landmarks for reading in placed):
        notes.append("AU marks placed by the face's five points.")
    if any(not (reading.face and reading.face.landmarks) for reading in placed):
        notes.append(
            "AU marks placed by the proportions of the box or crop, a guess: no points of the face are known."
        )
    hidden = [reading for reading in readings if reading.action_units and not placeable(reading)]
    for reading in hidden:
        notes.append(
            "AUs claimed: " + ", ".join(f"AU{claim.number} {claim.name}" for claim in reading.action_units)
        )
    warnings = dict.fromkeys(warning for reading in readings for warning in reading.warnings)
    return [
        *notes,
        *(f"Beware: {warning}." for warning in warnings),
        "What an expression looks like, not what is felt.",
    ]


def _with_notes(picture: Image, notes: Sequence[str]) -> Image:
    from PIL import Image, ImageDraw

    font = _font(max(12, round(picture.width / 48)))
    # By the letters of the notes themselves, which are narrower than any one letter tells.
    letter = ImageDraw.Draw(picture).textlength("".join(notes), font=font) / sum(map(len, notes))
    columns = max(16, int(0.96 * (picture.width - 16) / letter))
    lines = [line for note in notes for line in textwrap.wrap(note, columns)]
    height = round(1.45 * max(12, round(picture.width / 48)))
    sheet = Image.new("RGB", (picture.width, picture.height + height * len(lines) + 12), _PAPER)
    sheet.paste(picture)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        pen.text((8, picture.height + 6 + number * height), line, font=font, fill=_INK)
    return sheet


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
