"""The detector that comes with the install: on scikit-image's own photos, which its wheel holds."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unifer.recognition.cascade import Cascade, merge_boxes
from unifer.recognition.detectors import overlap

skimage = pytest.importorskip("skimage", reason="comes with the full environment")
PHOTOS = Path(skimage.__file__).parent / "data"
ASTRONAUT = (172, 74, 278, 190)
"""Her face in the photo of 512 x 512, from the hairline to the chin and from ear to ear, measured by hand."""
SIZES = (128, 160, 200, 256, 320, 400, 512, 1024)
NO_PERSON = (
    *("brick.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png", "color.png"),
    *("grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "logo.png", "moon.png"),
    *("microaneurysms.png", "motorcycle_left.png", "motorcycle_right.png", "page.png", "phantom.png"),
    *("retina.jpg", "rocket.jpg", "text.png", "chessboard_GRAY.png", "chessboard_RGB.png"),
)


def photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


@pytest.mark.parametrize("side", SIZES)
def test_one_face_is_found_at_every_size(side: int) -> None:
    (found,) = Cascade().detect(photo("astronaut.png").resize((side, side), Image.Resampling.LANCZOS))
    truth = [edge * side / 512 for edge in ASTRONAUT]
    assert overlap(found.box, truth) >= 0.5
    assert found.score is not None
    assert found.score >= 9


@pytest.mark.parametrize("name", NO_PERSON)
def test_nothing_is_found_where_nobody_is(name: str) -> None:
    assert not Cascade().detect(photo(name))


def test_a_wide_photo_with_two_faces_gives_two() -> None:
    person = photo("astronaut.png").resize((256, 256))
    sheet = Image.new("RGB", (560, 256), "gray")
    sheet.paste(person, (0, 0))
    sheet.paste(person, (300, 0))
    assert len(Cascade().detect(sheet)) == 2


def test_threads_do_not_disturb_each_other() -> None:
    detector, person, answers = Cascade(), photo("astronaut.png"), []
    work: Any = lambda: answers.append(tuple(detector.detect(person)))  # noqa: E731
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3)])
def test_slivers_have_no_face(size: tuple[int, int]) -> None:
    assert not Cascade().detect(Image.new("RGB", size))


def test_windows_that_overlap_are_one_face() -> None:
    boxes = [(0.0, 0.0, 10.0, 10.0), (1.0, 0.0, 11.0, 10.0), (0.0, 1.0, 10.0, 11.0), (50.0, 50.0, 60.0, 60.0)]
    assert merge_boxes(boxes) == [((0.0, 0.0, 10.0, 10.0), 3), ((50.0, 50.0, 60.0, 60.0), 1)]
