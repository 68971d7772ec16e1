"""Pictures reduced to what tells them apart.

That is digests of bytes and pixels, size, stored mode, and a small gray thumbnail. Knows files and pixels;
which pictures are copies of one another is `duplicates`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from unifer.dialogue import images
from unifer.parallel import in_chunks

SIDE = 32
"""Side of a thumbnail in pixels."""


@dataclass(frozen=True, slots=True)
class Look:
    """What decoding told of one picture: size in pixels, stored mode, or why it is unusable.

    The mode is Pillow's.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class Fingerprints:
    """As many entries as pictures, in their order.

    `bytes_digests` and `pixel_digests` (32 bytes each, empty where unusable) are SHA-256 of the file and of
    size and decoded RGB pixels; `thumbnails` is uint8, N x SIDE x SIDE, gray, all 0 where unusable.
    """

    looks: list[Look]
    bytes_digests: list[bytes]
    pixel_digests: list[bytes]
    thumbnails: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.looks)


def fingerprints(
    paths: Sequence[Path], workers: int = 1, advance: Callable[[int], None] | None = None
) -> Fingerprints:
    """Decode every picture of `paths` as the image rule does, in `workers` processes.

    A picture that cannot be used raises nothing. `advance` hears how many more are done.
    """
    looks: list[Look] = []
    of_bytes: list[bytes] = []
    of_pixels: list[bytes] = []
    thumbnails = np.zeros((len(paths), SIDE, SIDE), np.uint8)
    for chunk in in_chunks(_fingerprint_chunk, paths, workers, advance):
        for look, byte_digest, pixel_digest, thumbnail in chunk:
            if thumbnail:
                thumbnails[len(looks)] = np.frombuffer(thumbnail, np.uint8).reshape(SIDE, SIDE)
            looks.append(look)
            of_bytes.append(byte_digest)
            of_pixels.append(pixel_digest)
    return Fingerprints(looks, of_bytes, of_pixels, thumbnails)


def _fingerprint_chunk(paths: Sequence[Path]) -> list[tuple[Look, bytes, bytes, bytes]]:
    return [_fingerprint(path) for path in paths]


def _fingerprint(path: Path) -> tuple[Look, bytes, bytes, bytes]:
    try:
        picture, mode = images.decode_stored(path)
    except images.ImageError as error:
        return Look(problem=str(error)), b"", b"", b""
    with path.open("rb") as stream:
        byte_digest = hashlib.file_digest(stream, "sha256").digest()
    pixels = hashlib.sha256(f"{picture.width}x{picture.height}:".encode() + picture.tobytes()).digest()
    return Look(picture.width, picture.height, mode), byte_digest, pixels, thumbnail(picture).tobytes()


def thumbnail(picture: Image) -> Image:
    """`picture` as SIDE x SIDE gray levels, proportions given up.

    Averaged over areas, so that noise and format hardly show.
    """
    from PIL.Image import Resampling

    return picture.convert("L").resize((SIDE, SIDE), Resampling.LANCZOS)
