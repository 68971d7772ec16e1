"""What the model is shown of a photo: the square around a face, upright, and what is amiss with it."""

from __future__ import annotations

import math

import pytest
from PIL import Image, ImageDraw

from tests.recognition.doubles import face
from unifer.recognition import crops
from unifer.recognition.crops import CropSettings
from unifer.recognition.readings import Face


def test_the_crop_is_a_square_with_its_margin() -> None:
    image = Image.new("RGB", (400, 300), "white")
    picture, area = crops.crop(image, Face((100, 100, 180, 200)), CropSettings(0.25))
    assert picture.size == (150, 150)
    assert area.box == (65.0, 75.0, 215.0, 225.0)
    assert (area.margin, area.angle) == (0.25, 0.0)
    assert picture.getextrema() == ((255, 255),) * 3


def test_beyond_the_photo_it_is_black_and_nothing_is_squeezed() -> None:
    picture, area = crops.crop(
        Image.new("RGB", (100, 100), "white"), Face((0, 0, 100, 100)), CropSettings(0.5)
    )
    assert picture.size == (200, 200)
    assert area.box == (-50.0, -50.0, 150.0, 150.0)
    assert picture.getpixel((10, 10)) == (0, 0, 0)
    assert picture.getpixel((100, 100)) == (255, 255, 255)


@pytest.mark.parametrize("angle", [-40, -15, 25, 60])
def test_aligned_eyes_are_level(angle: float) -> None:
    image = Image.new("RGB", (400, 400))
    turn = math.radians(angle)
    eyes = [(200 + side * 40 * math.cos(turn), 200 + side * 40 * math.sin(turn)) for side in (-1, 1)]
    pen = ImageDraw.Draw(image)
    for (x, y), colour in zip(eyes, ("red", "lime"), strict=True):
        pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour)
    found = Face((120, 120, 280, 280), 1.0, (*eyes, (200.0, 200.0), (200.0, 240.0), (200.0, 240.0)), "fixed")
    picture, area = crops.crop(image, found, CropSettings(0.25, align=True))
    assert area.angle == pytest.approx(angle, abs=0.01)
    heights = [_middle(picture.getchannel(channel)) for channel in ("R", "G")]
    assert heights[0][1] == pytest.approx(heights[1][1], abs=1.5)
    assert heights[0][0] < heights[1][0]
    assert heights[1][0] - heights[0][0] == pytest.approx(80, abs=2)


def _middle(channel: Image.Image) -> tuple[float, float]:
    left, top, right, bottom = channel.point(lambda value: 255 * (value > 100)).getbbox() or (0, 0, 0, 0)
    return (left + right) / 2, (top + bottom) / 2


def test_doubtful_faces_are_named() -> None:
    size, settings = (400, 300), CropSettings()
    assert crops.flaws(face(100, 100, 100, points=True), size, settings) == []
    assert crops.flaws(face(100, 100, 30), size, settings) == ["small face: 30 x 30 pixels"]
    assert crops.flaws(face(0, 100, 100), size, settings) == ["face cut by the edge of the picture"]
    tilted = Face((100, 100, 200, 200), 1, ((130, 120), (160, 160), (130, 150), (110, 160), (130, 180)))
    assert crops.flaws(tilted, size, settings) == ["head tilted by 53 degrees"]
    assert crops.flaws(tilted, size, CropSettings(align=True)) == []
    turned = Face((100, 100, 200, 200), 1, ((110, 140), (140, 140), (139, 160), (112, 180), (132, 180)))
    assert crops.flaws(turned, size, settings) == ["head turned to the side"]
    assert crops.flaws(face(100, 100, 100), size, CropSettings(align=True)) == [
        "not aligned: fixed gives no points"
    ]
