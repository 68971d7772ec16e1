"""Which images a dataset's tree holds.

Every folder is listed once, when it is first needed, and no file is touched one by one. Knows names and
folders; what they mean is each builder's.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from unifer.errors import InputError

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2")
)


class _Listing(NamedTuple):
    files: frozenset[str]
    folders: tuple[str, ...]


class Tree:
    """The folders below `root`, which paths are relative to, with `/` between their parts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: dict[str, _Listing | None] = {}
        self._stems: dict[str, dict[str, str]] = {}

    def find(self, candidates: Iterable[str]) -> str | None:
        """The first of `candidates` that is there; None if none is.

        A file counts, and an image of that name in other case or with another suffix.
        """
        for path in candidates:
            folder, _, name = path.rpartition("/")
            listing = self._list(folder)
            if listing is None:
                continue
            if name in listing.files:
                return path
            if alike := self._by_stem(folder, listing).get(_stem(name)):
                return f"{folder}/{alike}" if folder else alike
        return None

    def exists(self, path: str) -> bool:
        """Whether `path` is a file or a folder."""
        folder, _, name = path.rpartition("/")
        listing = self._list(folder)
        return listing is not None and (name in listing.files or name in listing.folders)

    def images(self, folder: str) -> list[str]:
        """Names of the images in `folder`, sorted; none where there is no such folder."""
        listing = self._list(folder)
        return sorted(name for name in listing.files if _is_image(name)) if listing else []

    def files(self, folder: str, pattern: str) -> list[str]:
        """Names in `folder` that match the whole regular expression `pattern`, any case, sorted."""
        listing = self._list(folder)
        return (
            sorted(name for name in listing.files if re.fullmatch(pattern, name, re.IGNORECASE))
            if listing
            else []
        )

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in `folder`, sorted; hidden ones left out."""
        listing = self._list(folder)
        return sorted(name for name in listing.folders if not name.startswith(".")) if listing else []

    def frames(self, folder: str) -> dict[int, str]:
        """Frame number -> image name in `folder`: the last number in a name counts, `frame_00012.jpg` is 12.

        Raises InputError where two images have one number.
        """
        numbered: dict[int, str] = {}
        for name in self.images(folder):
            digits = re.findall(r"\d+", name.rpartition(".")[0])
            if digits and numbered.setdefault(int(digits[-1]), name) != name:
                both = f"{numbered[int(digits[-1])]} and {name}"
                raise InputError(
                    f"{self.root / folder}: {both} are both frame {int(digits[-1])}; keep one image a frame"
                )
        return numbered

    def _list(self, folder: str) -> _Listing | None:
        if folder not in self._listings:
            try:
                with os.scandir(self.root / folder) as entries:
                    kinds = [(entry.name, entry.is_dir()) for entry in entries]
                self._listings[folder] = _Listing(
                    frozenset(name for name, is_dir in kinds if not is_dir),
                    tuple(name for name, is_dir in kinds if is_dir),
                )
            except (FileNotFoundError, NotADirectoryError):
                self._listings[folder] = None
        return self._listings[folder]

    def _by_stem(self, folder: str, listing: _Listing) -> dict[str, str]:
        if folder not in self._stems:
            self._stems[folder] = {
                _stem(name): name for name in sorted(listing.files, reverse=True) if _is_image(name)
            }
        return self._stems[folder]


def _stem(name: str) -> str:
    return name.rpartition(".")[0].casefold() or name.casefold()


def _is_image(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")


def below(cell: str) -> str:
    """A path out of a table as one below the dataset's root: `/a//b.jpg` -> `a/b.jpg`.

    Raises ValueError: empty, climbs out, names a drive.
    """
    path = cell.replace("\\", "/").lstrip("/")
    if "//" in path or "." in path.split("/"):
        path = posixpath.normpath(path)
    if path in ("", ".") or ".." in path.split("/") or "\0" in path or path[1:3] == ":/":
        raise ValueError(
            f"{cell!r} is no image path below the dataset's folder; write it relative to that folder"
        )
    return path
