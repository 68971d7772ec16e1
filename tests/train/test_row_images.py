"""Images of a row file: each that cannot be read is named before training; a whole look is not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from unifer.dialogue import images
from unifer.errors import InputError
from unifer.train.rows import check_images


@pytest.fixture
def faces(tmp_path: Path) -> list[str]:
    for index in range(300):
        Image.new("RGB", (8, 8), (index % 256, 0, 0)).save(tmp_path / f"{index}.png")
    return [f"{index}.png" for index in range(300)]


def test_every_unreadable_image_is_listed_and_not_the_first_alone(tmp_path: Path, faces: list[str]) -> None:
    (tmp_path / "7.png").unlink()
    (tmp_path / "8.png").write_bytes((tmp_path / "8.png").read_bytes()[:40])
    with pytest.raises(InputError) as refusal:
        check_images(tmp_path / "rows.json", [*faces, "../outside.png"], None, tmp_path / "stamp")
    text = str(refusal.value)
    assert "rows.json: 3 of 301 images cannot be read" in text
    assert all(name in text for name in ("'7.png' is missing", "'8.png'", "'../outside.png' climbs out"))
    assert not list(tmp_path.glob("stamp*")), "a start that failed must look at all of them again"


def test_later_starts_look_at_a_sample_and_another_root_at_all(
    tmp_path: Path, faces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    stock = images.decode

    def decode(path: Path, name: str) -> object:
        looked.append(name)
        return stock(path, name)

    monkeypatch.setattr(images, "decode", decode)
    for count in (300, 256):
        looked.clear()
        check_images(tmp_path / "rows.json", faces, None, tmp_path / "stamp")
        assert len(looked) == count
    looked.clear()
    check_images(tmp_path / "rows.json", faces, tmp_path, tmp_path / "stamp")
    assert len(looked) == 300
