"""The image rule: what each kind of bad or odd image becomes, and which paths are refused."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unifer.dialogue import images
from unifer.dialogue.images import ImageError, ImageRule

RED, WHITE = (255, 0, 0), (255, 255, 255)


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a huge size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def _truncated(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:300])


def _float(path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(path, "TIFF")


def _wide_integers(path: Path) -> None:
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(path, "TIFF")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "is missing"),
    "zero-byte": (lambda path: path.write_bytes(b""), "is empty"),
    "truncated": (_truncated, "cannot be decoded"),
    "non-image": (lambda path: path.write_text("<html>404</html>"), "not an image"),
    "postscript": (
        lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"),
        "not an image",
    ),
    "bomb": (lambda path: path.write_bytes(_png_header(60_000, 60_000)), "allowed"),
    "large": (lambda path: path.write_bytes(_png_header(9_000, 9_000)), "9000 x 9000"),
    "folder": (lambda path: path.mkdir(), "not a file"),
    "pipe": (lambda path: os.mkfifo(path), "not a file"),
    "float": (_float, "floating-point"),
    "32-bit": (_wide_integers, "32-bit"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_image_is_named_as_in_its_row_with_the_reason(kind: str, tmp_path: Path) -> None:
    make, reason = BAD[kind]
    path = tmp_path / "face.png"
    make(path)
    with pytest.raises(ImageError, match=reason) as caught:
        images.decode(path, "/RAF-DB/face.png")
    assert "/RAF-DB/face.png" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def _decoded(tmp_path: Path, image: Image.Image, kind: str = "PNG", **options: object) -> Image.Image:
    path = tmp_path / "face"
    image.save(path, kind, **options)
    return images.decode(path)


def test_16_bit_gray_is_scaled_not_clipped_to_white(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    got = np.asarray(_decoded(tmp_path, Image.fromarray(levels)))
    assert got[0, :, 0].tolist() == [0, 1, 128, 255]
    assert got.shape == (1, 4, 3)


def test_palette_transparency_becomes_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    got = _decoded(tmp_path, image, transparency=0)
    assert [got.getpixel((0, 0)), got.getpixel((1, 0))] == [WHITE, RED]


@pytest.mark.parametrize(("mode", "pixel"), [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))])
def test_transparency_becomes_white_not_black(mode: str, pixel: tuple[int, ...], tmp_path: Path) -> None:
    assert _decoded(tmp_path, Image.new(mode, (2, 2), pixel)).getpixel((0, 0)) == WHITE


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    got = _decoded(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF")
    assert (got.mode, got.getpixel((4, 4))) == ("RGB", RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    levels = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    got = _decoded(tmp_path, Image.fromarray(levels), exif=exif)
    with Image.open(tmp_path / "face") as stored:
        assert np.array_equal(np.asarray(got), np.asarray(ImageOps.exif_transpose(stored)))


def test_damaged_exif_does_not_lose_the_image(tmp_path: Path) -> None:
    got = _decoded(tmp_path, Image.new("RGB", (8, 8), RED), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert got.size == (8, 8)


def test_animation_shows_its_first_frame(tmp_path: Path) -> None:
    got = _decoded(
        tmp_path,
        Image.new("RGB", (8, 8), RED),
        "GIF",
        save_all=True,
        append_images=[Image.new("RGB", (8, 8), WHITE)],
    )
    assert got.getpixel((4, 4)) == RED


@pytest.mark.parametrize(
    "path", ["../secret.png", "/../secret.png", "/a/../../secret.png", "a\\..\\..\\secret.png", "/.."]
)
@pytest.mark.parametrize("with_root", [True, False])
def test_path_that_climbs_out_is_refused(path: str, with_root: bool, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="climbs out"):
        images.resolve(path, tmp_path / "root" if with_root else None, tmp_path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("", "names no file"), ("/", "names no file"), ("a\0b", "NUL"), ("C:\\faces\\1.png", "drive")],
)
def test_path_that_names_no_file_is_refused(path: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=reason):
        images.resolve(path, None, tmp_path)


def test_leading_slash_is_below_the_image_root_not_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIFER_IMAGE_ROOT", str(tmp_path / "faces"))
    assert images.resolve("/RAF-DB/aligned/1.jpg", None, tmp_path) == tmp_path / "faces/RAF-DB/aligned/1.jpg"
    assert images.resolve("/RAF-DB/1.jpg", tmp_path / "other", tmp_path) == tmp_path / "other/RAF-DB/1.jpg"
    assert images.resolve("a/../1.jpg", None, tmp_path) == tmp_path / "1.jpg"
    assert images.resolve("sub\\1.jpg", None, tmp_path) == tmp_path / "sub/1.jpg"


def test_without_flag_or_variable_images_lie_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNIFER_IMAGE_ROOT", raising=False)
    for folder in ("data", "train_unifer", "eval_rafdb/data"):
        (tmp_path / folder).mkdir(parents=True)
    assert images.resolve("/x.png", None, tmp_path / "eval_rafdb/data") == tmp_path / "data/images/x.png"


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (8, 8), RED).save(tmp_path / "elsewhere/1.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/RAF-DB").symlink_to(tmp_path / "elsewhere")
    assert images.decode(images.resolve("/RAF-DB/1.png", tmp_path / "root", tmp_path)).getpixel((0, 0)) == RED


@pytest.mark.parametrize("size", [0, 27, 100, -28])
def test_size_that_is_no_whole_number_of_patches_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 28"):
        ImageRule(size)


@pytest.mark.slow
@pytest.mark.parametrize("size", [112, 224, None])
def test_fit_gives_what_qwen_vl_utils_gives_for_the_published_message(
    size: int | None, tmp_path: Path
) -> None:
    from qwen_vl_utils import process_vision_info

    path = tmp_path / "face.png"
    Image.effect_noise((150, 90), 60).convert("RGB").save(path)
    forced = {} if size is None else {"resized_height": size, "resized_width": size}
    theirs, _ = process_vision_info(
        [{"role": "user", "content": [{"type": "image", "image": str(path), **forced}]}]
    )
    ours = images.load(path, ImageRule(size))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs[0]))
    assert ours.size == ((size, size) if size else (140, 84))


@pytest.mark.slow
def test_hopeless_proportions_are_an_image_error_not_a_crash() -> None:
    with pytest.raises(ImageError, match="aspect ratio"):
        images.fit(Image.new("RGB", (4200, 4)), ImageRule(None), "strip.png")
