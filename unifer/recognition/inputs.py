"""Whatever holds photos -> photos: paths, folders, videos, PIL images, arrays, bytes, and iterables of them.

A photo is opened when it is read, not before: a folder of thousands costs a list of names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.dialogue import images
from unifer.errors import InputError
from unifer.recognition.readings import Face

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2")
)
VIDEOS = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv"))
EVERY = 0.5
"""Seconds between the frames of a video that are read."""
_NAMELESS = ("bytes", "image", "array")
"""What is called by its kind and a number, in order."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True)
class Photo:
    """One picture to read: its name, how to open it, and where the faces are if somebody knows."""

    name: str
    open: Callable[[], Image]
    """The picture, upright and RGB. Raises ImageError. Called once, in any thread."""
    time: float | None = None
    """Seconds from the start, for a frame of a video."""
    faces: tuple[Face, ...] | None = None

    @property
    def key(self) -> str:
        """The name; of a frame with its time."""
        return key_of(self.name, self.time)

    def with_faces(self, faces: tuple[Face, ...] | None) -> Photo:
        """The same photo with its faces named; None leaves it to a detector."""
        return self if faces is None else replace(self, faces=faces)


def key_of(name: str, time: float | None) -> str:
    """What tells one picture of a run from the others."""
    return name if time is None else f"{name}@{time:.3f}"


def photos(source: Any, every: float = EVERY) -> Iterator[Photo]:
    """The photos of `source`, in order: of a folder by name, of a video by time, every `every` seconds.

    Raises InputError for a path that is not there, a URL, a folder without photos, or a thing that is no
    photo.
    """
    numbers: Counter[str] = Counter()
    for photo in _photos(source, every):
        numbers[photo.name] += photo.name in _NAMELESS
        yield replace(photo, name=f"{photo.name}-{numbers[photo.name]}") if photo.name in _NAMELESS else photo


def _photos(source: Any, every: float) -> Iterator[Photo]:
    from PIL import Image as pillow

    if isinstance(source, Photo):
        yield source
    elif isinstance(source, str | Path):
        for path in members(source):
            yield from _from_file(path, every)
    elif isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        yield Photo("bytes", lambda: images.decode_bytes(data, "bytes"))
    elif isinstance(source, pillow.Image):
        name = str(getattr(source, "filename", "")) or "image"
        yield Photo(name, lambda: images.upright(source, name))
    elif hasattr(source, "__array_interface__") and source.ndim < 4:
        yield Photo("array", lambda: _from_array(source))
    elif isinstance(source, Iterable):
        for each in source:
            yield from _photos(each, every)
    else:
        raise InputError(
            f"{type(source).__name__} is no photo; give a path, a PIL image, an array of bytes (H x W x 3, "
            "RGB), the bytes of an image file, or a list of those"
        )


def members(source: str | Path) -> list[Path]:
    """The files that a path means: itself, or the photos and videos in the folder, deep, by name.

    Raises InputError: a URL, nothing there, a folder without any.
    """
    text = str(source)
    if _URL.match(text):
        raise InputError(f"{text}: is a URL; nothing is fetched from there, save the photo and give its path")
    path = Path(source).expanduser()
    if path.is_dir():
        found = [each for each in sorted(path.rglob("*")) if _readable(each) and each.is_file()]
        if not found:
            raise InputError(f"{text}: holds no photos or videos ({', '.join(sorted(IMAGES | VIDEOS))})")
        return found
    if not path.exists():
        raise InputError(f"{text}: no such file or folder")
    return [path]


def is_video(path: Path) -> bool:
    """By its name: what is no video by name is opened as a photo."""
    return path.suffix.lower() in VIDEOS


def _readable(path: Path) -> bool:
    return path.suffix.lower() in IMAGES | VIDEOS and not path.name.startswith(".")


def _from_file(path: Path, every: float) -> Iterator[Photo]:
    if is_video(path):
        from unifer.recognition.video import frames

        yield from frames(path, every)
    else:
        yield Photo(str(path), lambda: images.decode(path))


def _from_array(array: Any) -> Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(array)
    gray = values.ndim == 2
    if (
        values.dtype != np.uint8
        or not (gray or (values.ndim == 3 and values.shape[2] in (3, 4)))
        or not values.size
    ):
        raise images.ImageError(
            "array",
            f"has shape {values.shape} and type {values.dtype}; a photo is H x W x 3 (RGB), H x W x 4 "
            "or H x W of uint8",
        )
    return images.upright(Image.fromarray(values), "array")
