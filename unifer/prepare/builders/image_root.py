"""A folder in which the rows' image paths resolve: relative links to the dataset's files, or PNG files of
pixels in a table.

Nothing is copied and no file of the user's is replaced. Laying out the same set again changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer.dialogue import images
from unifer.errors import InputError
from unifer.prepare.builders.pixels import write_pngs
from unifer.prepare.builders.source import SourceRow


@dataclass(frozen=True)
class Laid:
    """How many images the rows name, and how many links or files that made or changed."""

    total: int
    new: int


def lay_out(
    faces: Sequence[SourceRow], base: Path, root: Path, table: Path | None, advance: Callable[[int], object]
) -> Laid:
    """Make the image path of every face resolve below `root`. `base` holds the images, `table` the pixels of
    faces without a file.

    Everything is looked at before anything is made. Raises InputError: a path that climbs out, a file of the
    user's in the way, a folder in the way that leads into the dataset itself, pixels that are no image.
    """
    folders = _Folders(base, root)
    links, drawn, new = [], {}, 0
    for face in {face.image_path: face for face in faces}.values():
        try:
            target = images.resolve(face.image_path, root, root)
        except images.ImageError as problem:
            raise InputError(f"{face.file}:{face.row}: {problem}") from None
        if face.pixels is not None:
            drawn[face.pixels] = target
            folders.check(target)
        elif (change := folders.change(target, base / face.source)) is not None:
            links.append((target, change))
        else:
            advance(1)
    for target, destination in links:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(destination)
        advance(1)
    if drawn and table is not None:
        new = write_pngs(table, drawn, advance)
    return Laid(len({face.image_path for face in faces}), len(links) + new)


class _Folders:
    """What a link from one folder to another is spelled; each folder is resolved once."""

    def __init__(self, base: Path, root: Path) -> None:
        self._base = base.resolve()
        self._root = root
        self._real: dict[Path, Path] = {}

    def change(self, target: Path, source: Path) -> str | None:
        """The link that `target` must become to lead to `source`; None if it leads there already."""
        wanted = os.path.relpath(self._resolve(source.parent) / source.name, self._resolve(target.parent))
        if target.is_symlink():
            return None if str(target.readlink()) == wanted else wanted
        if target.exists():
            if target.samefile(source):
                return None
            raise InputError(
                f"{target}: is in the way of a link to {source}; move it away, or choose another --image-root"
            )
        self.check(target)
        return wanted

    def check(self, target: Path) -> None:
        """Raises InputError if a link on the way to `target` leads into the dataset, where nothing is to be
        written.
        """
        real = self._resolve(target.parent)
        followed = real != self._resolve(self._root) / target.parent.relative_to(self._root)
        if followed and (real == self._base or self._base in real.parents):
            raise InputError(
                f"{target}: a link leads there into the dataset ({self._base}), which is only read; "
                "choose another root"
            )

    def _resolve(self, folder: Path) -> Path:
        if folder not in self._real:
            self._real[folder] = folder.resolve()
        return self._real[folder]
