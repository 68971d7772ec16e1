"""The image rule: from a row's `image_path` to the RGB picture that a model is shown, in every stage.

Three steps, each usable alone: `resolve` (path -> file), `decode` (file -> RGB, no torch), `fit` (RGB -> the
size of the rule, through qwen-vl-utils as the published pipeline does). Knows no question and no model. All
functions are thread-safe.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from unifer.places import default_image_root
from unifer.records import Json

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

VERSION = "fer-image-1"
"""Changes whenever `decode` or `fit` would give other pixels; written in every manifest."""

PATCH = 28
"""Side in pixels of the square that Qwen2.5-VL turns into one token (14-pixel patches, merged 2 x 2)."""

MAX_PIXELS = 80_000_000
"""Larger images are refused by their header, before a decompression bomb is unpacked."""

# Formats that photographs come in. Others are left out on purpose: decoding EPS, for one, runs Ghostscript.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000")
_ORIENTATION = 0x0112


class ImageError(ValueError):
    """One image cannot be used; the message names it as its row does, and says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"image {name!r} {reason}")


@dataclass(frozen=True)
class ImageRule:
    """Side in pixels to which every image is forced; None keeps proportions (sides rounded to `unit`)."""

    size: int | None = 224
    unit: int = PATCH
    """Side of the square that the model's family turns into one token."""

    def __post_init__(self) -> None:
        if self.size is not None and (self.size < self.unit or self.size % self.unit):
            low = 4 * self.unit
            raise ValueError(
                f"image size {self.size} is not a multiple of {self.unit}, such as {low}, 224 (published) "
                "or 448"
            )

    def to_json(self) -> Json:
        # Where `PATCH` would give the same pixels, the rule is the same whatever family it was made for.
        same = self.unit == PATCH or (self.size is not None and self.size % PATCH == 0)
        own = {} if same else {"unit": self.unit}
        return {"version": VERSION, "size": self.size, **own}


def resolve(image_path: str, root: Path | None, beside: Path) -> Path:
    """The file that a row's `image_path` means; whether it exists is not looked at.

    With a `root` (the user's `--image-root`) every path lies below it. Without, a path with a leading `/`
    lies below `places.default_image_root`, any other beside its question file, in the folder `beside`. A path
    must stay below that folder by its spelling; links inside it are followed wherever they lead, for the user
    made them. Raises ImageError: climbing out, a drive letter, NUL, nothing.
    """
    if "\0" in image_path:
        raise ImageError(image_path, "holds a NUL character")
    text = image_path.strip().replace("\\", "/")
    if re.match(r"[A-Za-z]:/", text):
        raise ImageError(image_path, "names a drive; write it relative to the image root, with a leading '/'")
    below = os.path.normpath(text.lstrip("/") or ".")
    if below == ".":
        raise ImageError(image_path, "names no file")
    if below.split("/")[0] == "..":
        raise ImageError(
            image_path,
            "climbs out of its folder; write it relative to the image root (--image-root), with a "
            "leading '/'",
        )
    if root is None:
        root = default_image_root(beside) if text.startswith("/") else beside
    return root / below


def load(
    path: Path, rule: ImageRule, name: str | None = None, change: Callable[[Image], Image] | None = None
) -> Image:
    """The picture that the model is shown: `decode`, then `fit`; `change` (a damage) comes between them.

    Raises ImageError as they do.
    """
    image = decode(path, name)
    return fit(image if change is None else change(image), rule, name or str(path))


def decode(path: Path, name: str | None = None) -> Image:
    """First frame of `path` as 8-bit RGB, upright by its EXIF orientation, transparency on white.

    16-bit gray is scaled, not clipped. `name` is what errors call the image: its `image_path` in the row.
    Raises ImageError: missing, empty, truncated, not an image, too large, pixels without an agreed range
    (32-bit).
    """
    return decode_stored(path, name)[0]


def preview(path: Path, side: int, name: str | None = None) -> Image:
    """A small copy for people, at most `side` pixels high and wide; never what a model is shown.

    JPEG files are decoded at the smallest of their own scales that will do, so a large photograph costs
    little. Raises ImageError as `decode` does.
    """
    from PIL import Image

    small = decode_stored(path, name, least=2 * side)[0]
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def decode_stored(path: Path, name: str | None = None, *, least: int | None = None) -> tuple[Image, str]:
    """What `decode` gives, and the Pillow mode of the file (`RGB`, `L` gray, `P` palette, `RGBA`, ...).

    With `least`, a JPEG file may come out smaller than it is, but not below that many pixels either way.
    """
    name = name or str(path)
    _check_file(path, name)
    return _decoded(path, name, least)


def decode_bytes(data: bytes, name: str, most: int | None = None) -> Image:
    """What `decode` gives for a file in memory. `most`: pixels allowed; None: `MAX_PIXELS`."""
    if not data:
        raise ImageError(name, "is empty (0 bytes)")
    return _decoded(io.BytesIO(data), name, None, most)[0]


def upright(image: Image, name: str) -> Image:
    """What `decode` gives for a picture that somebody opened already: RGB, turned, transparency on white."""
    _check_size(image, name)
    return _turned(_rgb(image, name), _orientation(image))


def _decoded(
    stored: Path | IO[bytes], name: str, least: int | None, most: int | None = None
) -> tuple[Image, str]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(stored, formats=_FORMATS) as image:
            _check_size(image, name, most)
            if least is not None:
                image.draft(None, (least, least))
            image.load()
            return _turned(_rgb(image, name), _orientation(image)), image.mode
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(name, f"is not an image of a known format ({', '.join(_FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(name, f"has more than the {most or MAX_PIXELS:,} pixels allowed") from None
    # Decoders of broken files raise whatever they stumble on; here is the one boundary where that becomes a
    # record.
    except Exception as error:
        raise ImageError(
            name, f"cannot be decoded: {' '.join(str(error).split()) or type(error).__name__}"
        ) from None


def fit(image: Image, rule: ImageRule, name: str = "image") -> Image:
    """`image` at the size of `rule`, resampled as qwen-vl-utils does.

    Raises ImageError for proportions beyond 200:1 (size None).
    """
    from qwen_vl_utils import fetch_image

    wanted = {} if rule.size is None else {"resized_height": rule.size, "resized_width": rule.size}
    try:
        fitted: Image = fetch_image({"image": image, **wanted}, image_patch_size=rule.unit // 2)
    except ValueError as error:
        raise ImageError(name, f"cannot be resized: {error}") from None
    return fitted


def _check_file(path: Path, name: str) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(
            name, "is missing: no such file below the image root or beside the question file"
        ) from None
    except OSError as error:
        raise ImageError(name, f"cannot be opened: {error.strerror}") from None
    if not path.is_file():  # a pipe or device would block or never end
        raise ImageError(name, "is not a file")
    if size == 0:
        raise ImageError(name, "is empty (0 bytes)")


def _check_size(image: Image, name: str, most: int | None = None) -> None:
    most = MAX_PIXELS if most is None else most
    if image.width * image.height > most:
        raise ImageError(name, f"has {image.width} x {image.height} pixels; at most {most:,} are allowed")


def _rgb(image: Image, name: str) -> Image:
    from PIL import Image

    if image.mode.startswith("I;16") or image.mode == "I":
        return _from_16_bit(image, name)
    if image.mode == "F":
        raise ImageError(
            name, "has floating-point pixels, which have no agreed range; save it with 8 or 16 bits a channel"
        )
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGB", layered.size, (255, 255, 255))
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return image.convert("RGB")


def _from_16_bit(image: Image, name: str) -> Image:
    """Gray levels 0..65535 -> 0..255, rounded; Pillow's own conversion clips all above 255 to white."""
    import numpy as np
    from PIL import Image

    levels = np.asarray(image).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise ImageError(
            name, "has 32-bit pixels, which have no agreed range; save it with 8 or 16 bits a channel"
        )
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")


def _orientation(image: Image) -> int:
    """EXIF orientation 1..8; 1 (upright) where the tag is absent or the EXIF block is damaged."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason to refuse good pixels
        return 1


def _turned(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose

    turns: dict[int, Transpose] = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image
