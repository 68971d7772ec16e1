"""The picture of a reading: marks where the face is, and a strip that says how they were placed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.recognition.doubles import HAPPY, FixedDetector, face, recognizer, save
from unifer.recognition import drawing
from unifer.recognition.readings import Face, Reading
from unifer.recognition.recognizer import DRAWN_FACES_ONLY


def reading_of(found: Face | None, tmp_path: Path, **changes: object) -> Reading:
    detector = FixedDetector(*([found] if found else []))
    (reading,) = recognizer(HAPPY, detector=detector)(save(tmp_path / "a.png", (640, 480)))
    return replace(reading, **changes)  # type: ignore[arg-type]


def test_regions_follow_the_five_points(tmp_path: Path) -> None:
    reading = reading_of(face(100, 100, 200, points=True), tmp_path)
    places = drawing.regions(reading, (640, 480))
    assert places["eyes"][:2] == pytest.approx((200, 180))
    assert places["mouth"][0] == pytest.approx(200)
    assert places["mouth"][1] == pytest.approx(260, abs=4)
    assert places["brows"][1] < places["eyes"][1] < places["nose and cheeks"][1] < places["mouth"][1]
    assert places["mouth"][1] < places["jaw"][1]


@pytest.mark.parametrize("angle", [-30.0, 20.0])
def test_regions_turn_with_the_head(angle: float, tmp_path: Path) -> None:
    upright = face(100, 100, 200, points=True)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned = tuple(
        (200 + (x - 200) * cos - (y - 200) * sin, 200 + (x - 200) * sin + (y - 200) * cos)
        for x, y in upright.landmarks or ()
    )
    places = drawing.regions(reading_of(replace(upright, landmarks=turned), tmp_path), (640, 480))
    mouth = [(a + b) / 2 for a, b in zip(turned[3], turned[4], strict=True)]
    assert places["mouth"][:2] == pytest.approx(mouth, abs=4)
    assert places["mouth"][4] == pytest.approx(angle)


def test_without_points_the_boxs_proportions_place_them(tmp_path: Path) -> None:
    places = drawing.regions(reading_of(face(100, 100, 200), tmp_path), (640, 480))
    assert places["eyes"][:2] == (200, 180)
    whole = drawing.regions(reading_of(None, tmp_path, detector="whole"), (640, 480))
    assert whole["eyes"][:2] == pytest.approx((320, 195.8), abs=0.1)


def test_the_strip_says_how_marks_were_placed_and_what_to_beware(tmp_path: Path) -> None:
    warned = {"warnings": (DRAWN_FACES_ONLY,)}
    by_points = drawing._notes([reading_of(face(100, 100, 200, points=True), tmp_path, **warned)])
    by_box = drawing._notes([reading_of(face(100, 100, 200), tmp_path)])
    nowhere = drawing._notes([reading_of(None, tmp_path)])
    assert "five points" in by_points[0]
    assert any(DRAWN_FACES_ONLY in note for note in by_points)
    assert "a guess" in by_box[0]
    assert nowhere[0].startswith("AUs claimed: AU6 cheek raiser")
    assert all("not what is felt" in notes[-1] for notes in (by_points, by_box, nowhere))


def test_marks_lie_on_the_face_and_leave_the_rest_alone(tmp_path: Path) -> None:
    reading = reading_of(face(200, 100, 160, points=True), tmp_path)
    photo = Image.open(save(tmp_path / "b.png", (640, 480)))
    drawn = drawing.draw(photo, [reading])
    assert drawn.width == 640
    assert drawn.height > 480
    changed = [
        (x, y)
        for x in range(0, 640, 4)
        for y in range(0, 480, 4)
        if drawn.getpixel((x, y)) != photo.getpixel((x, y))
    ]
    assert changed
    # The box with its label above it, and the plates of the AUs beside it.
    assert all(190 <= x <= 520 and 60 <= y <= 290 for x, y in changed)
    mouth = drawing.regions(reading, (640, 480))["mouth"]
    assert drawn.getpixel((round(mouth[0]), round(mouth[1]))) != photo.getpixel((0, 0))


def test_boxes_fall_in_place_on_a_smaller_copy_and_small_photos_grow(tmp_path: Path) -> None:
    reading = reading_of(face(200, 100, 160), tmp_path)
    for size in ((320, 240), (1280, 960)):
        drawn = drawing.draw(Image.new("RGB", size, "gray"), [reading])
        factor = drawn.width / 640
        assert drawn.width >= 640
        assert drawn.getpixel((round(200 * factor) + 1, round(180 * factor))) != (128, 128, 128)


def test_captions_say_the_label_its_share_or_why_there_is_none(tmp_path: Path) -> None:
    reading = reading_of(face(10, 10, 100), tmp_path)
    assert drawing.caption(reading) == "happiness"
    assert drawing.caption(replace(reading, label=None, outcome="off_list")) == "off the list"
    assert (
        drawing.caption(replace(reading, label=None, outcome="no_answer", readings=2, index=1))
        == "2: no answer"
    )
    (voted,) = recognizer(HAPPY, votes=4)(save(tmp_path / "a.png"))
    assert drawing.caption(voted) == "happiness 100 %"
    assert drawing.caption(replace(voted, sure=False)) == "not sure (happiness 100 %)"
