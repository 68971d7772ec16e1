"""A folder in which the rows' image paths resolve: links to the dataset's files, or PNG files of pixels.

Links are relative. The pixels are FER2013's: 48 x 48 gray levels as text in a column of fer2013.csv, read
once, a row at a time. Nothing is copied and no file of the user's is replaced. Laying out the same set again
changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from unifer.dialogue import images
from unifer.errors import InputError
from unifer.prepare.builders.label_tables import open_table
from unifer.prepare.builders.source import SourceRow


@dataclass(frozen=True)
class ImageRoot:
    """How many images the rows name, and how many links or files were made or changed for them."""

    total: int
    new: int


def lay_out(
    faces: Sequence[SourceRow], base: Path, root: Path, table: Path | None, advance: Callable[[int], object]
) -> ImageRoot:
    """Make the image path of every face resolve below `root`.

    `base` holds the images, `table` the pixels of faces without a file. Everything is looked at before
    anything is made. Raises InputError: a path that climbs out, a file of the user's in the way, a folder in
    the way that leads into the dataset itself, pixels that are no image.
    """
    folders = _Folders(base, root)
    links, pixels, new = [], {}, 0
    for face in {face.image_path: face for face in faces}.values():
        try:
            target = images.resolve(face.image_path, root, root)
        except images.ImageError as problem:
            raise InputError(f"{face.file}:{face.row}: {problem}") from None
        if face.pixels is not None:
            pixels[face.pixels] = target
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
    if pixels and table is not None:
        new = write_pngs(table, pixels, advance)
    return ImageRoot(len({face.image_path for face in faces}), len(links) + new)


class _Folders:
    """How a link from one folder to another is spelled; each folder is resolved once."""

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
        """Raises InputError if a link on the way to `target` leads into the dataset, which is only read."""
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


SIDE = 48


def write_pngs(table: Path, wanted: Mapping[tuple[int, str], Path], advance: Callable[[int], object]) -> int:
    """Write the image of each (data row from 0, Usage) into its path; how many files that made.

    A file that holds the same picture stays; one that does not is never replaced. Raises InputError: another
    picture in the way, a row that is no 48 x 48 gray levels, of another Usage, or not there.
    """
    opened, columns = open_table(table, (("pixels",), ("Usage",)))
    left, new = {row: (usage, path) for (row, usage), path in wanted.items()}, 0
    for row, (number, (pixels, usage)) in enumerate(opened.rows(*columns)):
        expected = left.pop(row, None)
        if expected is None:
            continue
        if usage != expected[0]:
            raise InputError.at(
                table,
                number,
                f"is of {usage}, the label table says {expected[0]}: the tables do not belong together",
            )
        image = Image.frombytes("L", (SIDE, SIDE), _levels(pixels, table, number))
        path = expected[1]
        if not path.exists():
            _save(image, path)
            new += 1
        elif not _same(image, path):
            raise InputError(
                f"{path}: holds another picture than {table}:{number}; move it away, or choose "
                "another --image-root"
            )
        advance(1)
    if left:
        raise InputError(f"{table}: ends before data row {min(left)}; {len(left):,} faces are missing in it")
    return new


def _levels(text: str, table: Path, row: int) -> bytes:
    try:
        levels = bytes(map(int, text.split()))
    except ValueError:
        raise InputError.at(table, row, "holds pixels that are no gray levels 0 to 255") from None
    if len(levels) != SIDE * SIDE:
        raise InputError.at(
            table, row, f"holds {len(levels)} pixels; {SIDE * SIDE} are expected ({SIDE} x {SIDE})"
        )
    return levels


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        image.save(partial, format="PNG")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _same(image: Image.Image, path: Path) -> bool:
    try:
        with Image.open(path) as other:
            return other.convert("L").tobytes() == image.tobytes()
    except (UnidentifiedImageError, OSError):
        return False
