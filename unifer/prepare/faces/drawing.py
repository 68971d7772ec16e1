"""From an expression, a person and a scene to pixels; and pictures in captioned rows on one sheet.

Knows projection, painting and light; nothing of AUs (`geometry`) or of how a feature looks (`upper_face`,
`lower_face`, `head`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from unifer.prepare.faces import head
from unifer.prepare.faces.conditions import Conditions
from unifer.prepare.faces.expressions import Expression
from unifer.prepare.faces.geometry import measure
from unifer.prepare.faces.identity import Identity, palette
from unifer.prepare.faces.lower_face import lower_face
from unifer.prepare.faces.shapes import DrawnShape, Points, ellipse, rgba
from unifer.prepare.faces.upper_face import upper_face

FRAME = 112.0
"""Width of the frame in the units of `shapes`."""

SUPERSAMPLING = 3

_HEAD_DEPTH = 38.0


def draw(expression: Expression, identity: Identity, conditions: Conditions, size: int = 112) -> Image.Image:
    """The face as an RGB image of size x size pixels; the same arguments give the same bytes."""
    side = size * SUPERSAMPLING
    canvas = Image.new("RGB", (side, side), conditions.background[0])
    brushes = ImageDraw.Draw(canvas, "RGB"), ImageDraw.Draw(canvas, "RGBA")
    backdrop, person = list(_backdrop(conditions)), list(_person(expression, identity, conditions))
    _paint(
        brushes,
        backdrop,
        np.concatenate([shape.points for shape in backdrop]) if backdrop else np.empty((0, 2)),
        side,
    )
    points = np.concatenate([shape.points for shape in person])
    lifts = np.repeat([shape.lift for shape in person], [len(shape.points) for shape in person])
    _paint(brushes, person, _posed(points, lifts, conditions), side)
    return _developed(canvas.reduce(SUPERSAMPLING), conditions)


def _person(expression: Expression, identity: Identity, conditions: Conditions) -> Iterator[DrawnShape]:
    """All shapes of the person, back to front."""
    face, colours = measure(expression, identity), palette(identity)
    yield from head.behind(identity, colours)
    yield from head.skull(face, identity, colours)
    yield from head.skin_marks(identity)
    yield from head.beard(face, identity)
    yield from upper_face(face, identity, colours)
    yield from lower_face(face, colours)
    yield from head.moustache(face, identity)
    yield from head.front_hair(identity)
    yield from head.glasses(identity)
    yield from head.occluder(conditions, identity, colours)


def _paint(
    brushes: tuple[ImageDraw.ImageDraw, ImageDraw.ImageDraw],
    shapes: list[DrawnShape],
    placed: Points,
    side: int,
) -> None:
    """Fill the shapes in order.

    `placed` holds all their points, one shape after the other, in units of the frame. The first brush covers,
    the second blends: blending is the slower by far, and most shapes are opaque.
    """
    cover, blend = brushes
    pixels = (placed + FRAME / 2) * (side / FRAME)
    start = 0
    for shape in shapes:
        end = start + len(shape.points)
        corners = pixels[start:end].ravel().tolist()
        if shape.colour[3] == 255:
            cover.polygon(corners, fill=shape.colour[:3])
        else:
            blend.polygon(corners, fill=shape.colour)
        start = end


def _posed(points: Points, lifts: NDArray[np.float64], conditions: Conditions) -> Points:
    """Points on the head after its turn.

    The head's surface is half an ellipsoid, seen from the front without perspective.
    """
    yaw, pitch, roll = radians(conditions.yaw), radians(conditions.pitch), radians(conditions.roll)
    x, y = points[:, 0], points[:, 1]
    depth = _HEAD_DEPTH * np.sqrt(np.maximum(0.0, 1 - (x / 46.0) ** 2 - (y / 62.0) ** 2)) + lifts
    if conditions.yaw:
        x, depth = x * cos(yaw) + depth * sin(yaw), depth * cos(yaw) - x * sin(yaw)
    y = y * cos(pitch) + depth * sin(pitch)
    # The front half of a turned head leaves its middle; half of the way back keeps the face in the frame.
    x, y = x - 0.5 * _HEAD_DEPTH * sin(yaw), y - 0.5 * _HEAD_DEPTH * sin(pitch)
    turned = np.stack([x * cos(roll) - y * sin(roll), x * sin(roll) + y * cos(roll)], axis=1)
    return turned * conditions.scale + conditions.shift


def _backdrop(conditions: Conditions) -> Iterator[DrawnShape]:
    """A quiet second tone behind the head."""
    colour = rgba(conditions.background[1])
    if conditions.backdrop == "split":
        yield DrawnShape(np.array([(-60.0, -60.0), (10.0, -60.0), (-10.0, 60.0), (-60.0, 60.0)]), colour)
    elif conditions.backdrop == "stripes":
        for x in range(-56, 56, 28):
            yield DrawnShape(np.array([(x, -60.0), (x + 14.0, -60.0), (x + 14.0, 60.0), (x, 60.0)]), colour)
    elif conditions.backdrop == "discs":
        for x, y, radius in ((-46, -40, 16), (44, -46, 12), (50, -4, 14), (-52, 8, 11), (40, 38, 10)):
            yield DrawnShape(ellipse(x, y, radius, radius), colour)


@lru_cache(maxsize=4)
def _normals(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far the head's surface faces right and up at each pixel, in [-1, 1]; each of shape (size, size)."""
    grid = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(grid / 0.8, grid)
    shrink = np.maximum(1.0, np.sqrt(x * x + y * y))
    return (x / shrink).astype(np.float32), (-y / shrink).astype(np.float32)


def _developed(image: Image.Image, conditions: Conditions) -> Image.Image:
    """Light, blur and sensor noise."""
    right, up = _normals(image.width)
    angle, strength = radians(conditions.light), conditions.light_strength
    light = (
        right * np.float32(strength * cos(angle)) + up * np.float32(strength * sin(angle)) + np.float32(1.0)
    )
    colour = np.array(conditions.light_colour, dtype=np.float32) * np.float32(conditions.brightness)
    pixels = np.asarray(image, dtype=np.float32) * light[:, :, None] * colour
    if conditions.blur:
        lens = ImageFilter.GaussianBlur(conditions.blur * image.width / FRAME)
        pixels = np.asarray(
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(lens), dtype=np.float32
        )
    if conditions.noise:
        grain = np.random.default_rng(conditions.seed).standard_normal(light.shape, dtype=np.float32)
        pixels = pixels + grain[:, :, None] * np.float32(conditions.noise)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


_INK = (38, 38, 42)


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image.Image]]],
    title: str = "",
    gap: int = 6,
    caption_width: int = 96,
    font_size: int = 15,
) -> Image.Image:
    """One row of images per (caption, images), on white.

    Rows may differ in length; the tallest image sets a row's height.
    """
    widths = [sum(image.width + gap for image in images) for _, images in rows]
    heights = [max((image.height for image in images), default=font_size) + gap for _, images in rows]
    top = gap + (2 * font_size if title else 0)
    sheet = Image.new("RGB", (caption_width + max(widths, default=0) + gap, top + sum(heights)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(font_size)
    if title:
        pen.text((gap, gap), title, fill=_INK, font=font)
    for (caption, images), height in zip(rows, heights, strict=True):
        pen.text((gap, top + (height - gap) // 2), caption, fill=_INK, font=font, anchor="lm")
        left = caption_width
        for image in images:
            sheet.paste(image, (left, top))
            left += image.width + gap
        top += height
    return sheet
