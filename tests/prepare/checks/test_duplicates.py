"""Copies of pictures are found however they were made, and alike faces are not taken for copies."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.prepare.checks.rows import cut, face
from unifer.prepare import faces
from unifer.prepare.checks import duplicates, pictures

Change = Callable[[Image.Image], Image.Image]


def prints(folder: Path, shown: list[Image.Image], suffix: str = ".png") -> pictures.Fingerprints:
    paths = []
    for index, picture in enumerate(shown):
        paths.append(folder / f"{index:03d}{suffix}")
        picture.save(paths[-1])
    return pictures.fingerprints(paths)


def jpeg(quality: int) -> Change:
    def change(picture: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        return Image.open(io.BytesIO(stream.getvalue())).convert("RGB")

    return change


COPIES: dict[str, Change] = {
    "jpeg 95": jpeg(95),
    "jpeg 30": jpeg(30),
    "half": lambda picture: picture.resize((56, 56)),
    "double": lambda picture: picture.resize((224, 224)),
    "gray": lambda picture: picture.convert("L"),
    "cut": lambda picture: cut(picture, 0.03),
    "cut, jpeg 60": lambda picture: jpeg(60)(cut(picture, 0.03)),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.85),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_changed_copy_is_found_and_other_faces_are_not(tmp_path: Path, name: str) -> None:
    shown = [face(index) for index in range(12)]
    found = duplicates.copies(prints(tmp_path, [*shown, COPIES[name](shown[3])]))
    assert found.same == list(range(13))
    assert found.alike == [duplicates.CopyPair(3, 12, "near")]


def test_the_same_pixels_in_another_format_are_exact(tmp_path: Path) -> None:
    face(0).save(tmp_path / "a.png")
    face(0).save(tmp_path / "b.bmp")
    found = pictures.fingerprints([tmp_path / "a.png", tmp_path / "b.bmp"])
    assert duplicates.copies(found).same == [0, 0]
    assert found.bytes_digests[0] != found.bytes_digests[1]


def test_a_mirrored_copy_is_told_from_a_near_one(tmp_path: Path) -> None:
    shown = [face(index) for index in range(8)]
    found = duplicates.copies(prints(tmp_path, [*shown, jpeg(80)(ImageOps.mirror(shown[5]))]))
    assert found.alike == [duplicates.CopyPair(5, 8, "mirror")]


def test_another_expression_of_the_same_person_is_no_copy(tmp_path: Path) -> None:
    """One short hash takes these for copies: all but the mouth and the brows is the same."""
    rng = Random("one person")
    person, scene = faces.Identity.sample(rng), faces.Conditions.clear()
    shown = [
        faces.draw(faces.Expression.of(dict.fromkeys(units, 4.0), None), person, scene)
        for units in ((), (6, 12, 25), (1, 4, 15, 17), (1, 2, 5, 26), (4, 5, 7, 23))
    ]
    assert duplicates.copies(prints(tmp_path, shown)).alike == []


def test_flat_pictures_are_copies_by_their_pixels_alone(tmp_path: Path) -> None:
    flat = [Image.new("RGB", (40, 40), (level, level, level)) for level in (10, 10, 200)]
    found = duplicates.copies(prints(tmp_path, flat))
    assert found.same == [0, 0, 2]
    assert found.alike == []


def test_copies_are_found_across_tiles_and_in_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [face(index) for index in range(70)]
    paths = []
    for index, picture in enumerate([*shown, jpeg(60)(shown[1])]):
        paths.append(tmp_path / f"{index}.png")
        picture.save(paths[-1])
    heard: list[int] = []
    found = pictures.fingerprints(paths, workers=2, advance=heard.append)
    assert sum(heard) == len(paths)
    monkeypatch.setattr(duplicates, "_TILE", 16)
    compared: list[int] = []
    assert duplicates.copies(found, compared.append).alike == [duplicates.CopyPair(1, 70, "near")]
    assert sum(compared) == len(paths)


def test_an_unreadable_picture_has_a_problem_and_no_copies(tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    found = pictures.fingerprints([tmp_path / "torn.jpg", tmp_path / "none.jpg", tmp_path / "torn.jpg"])
    assert [look.problem is not None for look in found.looks] == [True, True, True]
    copies = duplicates.copies(found)
    assert (copies.same, copies.alike) == ([0, 1, 2], [])


def test_no_pictures_are_no_copies() -> None:
    copies = duplicates.copies(pictures.fingerprints([]))
    assert (copies.same, copies.alike) == ([], [])


def test_a_leak_is_the_closest_copy_in_the_test_set() -> None:
    copies = duplicates.Copies(
        [0, 0, 2, 3, 4], [duplicates.CopyPair(2, 3, "mirror"), duplicates.CopyPair(2, 4, "near")]
    )
    assert duplicates.leaks(copies, {1, 2}, {0, 3, 4}) == [(1, 0, "exact"), (2, 4, "near")]
    assert duplicates.leaks(copies, {3}, {4}) == []


def test_chains_of_alike_pictures_do_not_leak_from_end_to_end() -> None:
    """Frames of a video: each is like the next, the last is not like the first."""
    copies = duplicates.Copies(
        [0, 1, 2], [duplicates.CopyPair(0, 1, "near"), duplicates.CopyPair(1, 2, "near")]
    )
    assert duplicates.leaks(copies, {0}, {2}) == []
