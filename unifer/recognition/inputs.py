"""Whatever holds photos -> photos: paths, folders, videos, PIL images, arrays, bytes, and iterables of them.

A photo is opened when it is read, not before: a folder of thousands costs a list of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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
        return self.name if self.time is None else f"{self.name}@{self.time:.3f}"


def photos(source: Any, every: float = EVERY) -> Iterator[Photo]:
    """The photos of `source`, in order: of a folder by name, of a video by time, every `every` seconds.

    Raises InputError for a path that is not there, a URL, a folder without photos, or a thing that is no
    photo.
    """
    from PIL import Image as pillow

    if isinstance(source, Photo):
        yield source
    elif isinstance(source, str | Path):
        yield from _at(source, every)
    elif isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        yield Photo("bytes", lambda: images.decode_bytes(data, "bytes"))
    elif isinstance(source, pillow.Image):
        name = str(getattr(source, "filename", "")) or "image"
        yield Photo(name, lambda: images.upright(source, name))
    elif hasattr(source, "__array_interface__"):
        yield Photo("array", lambda: _from_array(source))
    elif isinstance(source, Iterable):
        for each in source:
            yield from photos(each, every)
    else:
        raise InputError(
            f"{type(source).__name__} is no photo; give a path, a PIL image, an array of bytes (H x W x 3, "
            "RGB), the bytes of an image file, or a list of those"
        )


def _at(source: str | Path, every: float) -> Iterator[Photo]:
    text = str(source)
    if _URL.match(text):
        raise InputError(f"{text}: is a URL; nothing is fetched from there, save the photo and give its path")
    path = Path(source).expanduser()
    if path.is_dir():
        yield from _in_folder(path, every)
    elif not path.exists():
        raise InputError(f"{text}: no such file or folder")
    elif path.suffix.lower() in VIDEOS:
        from unifer.recognition.video import frames

        yield from frames(path, every)
    else:
        yield _from_file(path)


def _from_file(path: Path) -> Photo:
    return Photo(str(path), lambda: images.decode(path))


def _in_folder(folder: Path, every: float) -> Iterator[Photo]:
    members = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGES | VIDEOS and path.is_file()
    ]
    if not members:
        raise InputError(f"{folder}: holds no photos or videos ({', '.join(sorted(IMAGES | VIDEOS))})")
    for path in members:
        yield from _at(path, every)


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
