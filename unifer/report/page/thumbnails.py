"""Small copies of the images of a page, encoded in several processes and packed into one limited text.

Knows files and pixels; which images matter most is the order it is given. Each copy can be read out of the
text alone: the page makes a data URL of a slice, so nothing is decoded before it is looked at.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from unifer.dialogue.images import ImageError, preview, resolve
from unifer.parallel import in_chunks

SIZES = ((128, 60), (112, 58), (96, 55), (80, 50), (64, 45), (56, 40))
"""Side in pixels and WebP quality, largest first; the largest at which all images fit is chosen."""
_EFFORT = 2
"""Of WebP, 0 to 6: at this size the next ones cost seven tenths more time for 4 % of the bytes."""
_TRIED = 40
"""Images that are encoded at each size to foretell how large all will be."""
_SPARE = 1.1


class PageImage(NamedTuple):
    """An image file, and how its row names it."""

    path: Path
    name: str


@dataclass
class Thumbnails:
    """The packed copies.

    `places` has start and end within `text` of each image, `faults` why others cannot be shown.
    """

    side: int = 0
    text: str = ""
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    faults: dict[Path, str] = field(default_factory=dict)
    left_out: int = 0
    """Images that can be shown and did not fit."""

    def place_of(self, path: Path | str) -> object:
        """[start, end] of the copy of the image `path`, or why there is none; a text says so itself."""
        if isinstance(path, str):
            return path
        place = self.places.get(path)
        if place is not None:
            return list(place)
        return self.faults.get(path, "left out to keep this page small")


def pack(
    pictures: Sequence[PageImage],
    budget: int,
    advance: Callable[[int], None] | None = None,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    workers: int | None = None,
) -> Thumbnails:
    """Copies of `pictures`, the most wanted first, as base64 in at most `budget` characters.

    A broken image is a fault, not an error. `sizes` are the sides in pixels and qualities to choose from,
    largest first.
    """
    side, quality, expected = _choose(pictures, budget, sizes)
    thumbnails, pieces, used = Thumbnails(side), [], 0
    # Where not all fit, those that cannot are not drawn either.
    some = pictures[: int(_SPARE * budget / expected) + 1] if expected else pictures
    work = partial(_encoded, side=side, quality=quality)
    results = (
        each for chunk in in_chunks(work, some, workers or os.cpu_count() or 1, advance) for each in chunk
    )
    for picture, result in zip(some, results, strict=True):
        if isinstance(result, str):
            thumbnails.faults[picture.path] = result
            continue
        text = base64.b64encode(result).decode("ascii")
        if used + len(text) <= budget:
            pieces.append(text)
            thumbnails.places[picture.path] = (used, used + len(text))
            used += len(text)
    thumbnails.text = "".join(pieces)
    thumbnails.left_out = len(pictures) - len(thumbnails.places) - len(thumbnails.faults)
    return thumbnails


def _choose(
    pictures: Sequence[PageImage], budget: int, sizes: Sequence[tuple[int, int]]
) -> tuple[int, int, float]:
    """Side and quality at which all pictures should fit, else the smallest; characters of one of them."""
    tried = pictures[:: max(1, len(pictures) // _TRIED)]
    expected = 0.0
    for side, quality in sizes:
        lengths = [len(each) for each in _encoded(tried, side, quality) if isinstance(each, bytes)]
        expected = 4 / 3 * sum(lengths) / len(lengths) + 2 if lengths else 0.0
        if expected * len(pictures) <= budget:
            break
    return side, quality, expected


def _encoded(pictures: Sequence[PageImage], side: int, quality: int) -> list[bytes | str]:
    """WebP bytes of each picture, or what is wrong with it."""
    return [_one(picture, side, quality) for picture in pictures]


def _one(picture: PageImage, side: int, quality: int) -> bytes | str:
    try:
        small = preview(picture.path, side, picture.name)
    except ImageError as error:
        return str(error)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=quality, method=_EFFORT)
    return buffer.getvalue()


def image_file(name: str, root: Path | None, folders: Sequence[Path]) -> Path | str:
    """The image file of a row, looked for beside the dataset's question files; or why its path is refused."""
    try:
        paths = [resolve(name, root, folder) for folder in folders]
    except ImageError as error:
        return str(error)
    return next((path for path in paths if path.is_file()), paths[0])
