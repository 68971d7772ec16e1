"""Whatever holds photos: the same pixels by every way, and one clear line for what is no photo."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.recognition.doubles import FixedDetector, recognizer, save
from unifer.dialogue import images
from unifer.dialogue.images import ImageError
from unifer.errors import InputError
from unifer.recognition.inputs import Photo, photos


def opened(source: Any) -> list[Image.Image]:
    return [photo.open() for photo in photos(source)]


def test_the_pixels_are_the_same_by_every_way(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(noise).save(path)
    whole = images.decode(path)
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), Image.open(path), noise):
        (picture,) = opened(source)
        assert picture.mode == "RGB"
        assert picture.tobytes() == whole.tobytes()
    assert len(opened(np.stack([noise, noise]))) == 2
    assert opened(noise[:, :, 0])[0].size == (60, 40)


@pytest.mark.parametrize("way", ["path", "bytes", "image"])
def test_orientation_comes_before_detection(way: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (60, 40), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif)
    source: Any = {"path": path, "bytes": path.read_bytes(), "image": Image.open(path)}[way]
    assert opened(source)[0].size == (40, 60)
    (reading,) = recognizer(detector=FixedDetector())(source)
    assert (reading.width, reading.height) == (40, 60)


def test_a_folder_is_read_deep_by_name_and_hidden_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "a.JPG", "deep/c.webp", ".hidden.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    names = [Path(photo.name).name for photo in photos(tmp_path)]
    assert names == ["a.JPG", "b.png", "c.webp"]


def test_what_is_no_photo_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    sources: tuple[tuple[Any, str], ...] = (
        ("https://example.org/face.jpg", "is a URL"),
        (tmp_path / "none.jpg", "no such file or folder"),
        (tmp_path / "empty", "holds no photos"),
        (17, "int is no photo"),
    )
    for source, problem in sources:
        with pytest.raises(InputError, match=problem):
            list(photos(source))
    broken: tuple[tuple[Any, str], ...] = (
        (b"", "is empty"),
        (b"\xff\xd8\xff half a JPEG", "cannot be decoded|not an image"),
        (np.zeros((4, 4)), "float64"),
        (np.zeros((4, 4, 7), dtype=np.uint8), "has shape"),
    )
    for source, problem in broken:
        with pytest.raises(ImageError, match=problem):
            opened(source)


def test_truncated_and_huge_photos_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = io.BytesIO()
    Image.effect_noise((200, 200), 80).convert("RGB").save(store, "JPEG")
    with pytest.raises(ImageError, match="cannot be decoded"):
        opened(store.getvalue()[: len(store.getvalue()) // 2])
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(ImageError, match="at most 1,000"):
        opened(store.getvalue())
    with pytest.raises(ImageError, match="at most 1,000"):
        opened(Image.new("RGB", (100, 100)))


def test_a_photo_is_opened_only_when_it_is_read() -> None:
    def never() -> Image.Image:
        raise AssertionError("opened")

    assert [photo.key for photo in photos([Photo("a", never), Photo("a", never, 1.5)])] == ["a", "a@1.500"]
