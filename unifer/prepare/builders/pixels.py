"""FER2013's pixels -> PNG files: 48 x 48 gray levels as text in a column of fer2013.csv, read once, a row at
a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.errors import InputError
from unifer.prepare.builders.tables import open_table

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 48


def write_pngs(table: Path, wanted: Mapping[tuple[int, str], Path], advance: Callable[[int], object]) -> int:
    """Write the image of each (data row from 0, Usage) into its path; how many files that made.

    A file that holds the same picture stays; one that does not is never replaced. Raises InputError: another
    picture in the way, a row that is no 48 x 48 gray levels, of another Usage, or not there.
    """
    from PIL.Image import frombytes

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
        image = frombytes("L", (SIDE, SIDE), _levels(pixels, table, number))
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


def _save(image: Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        image.save(partial, format="PNG")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _same(image: Image, path: Path) -> bool:
    from PIL import UnidentifiedImageError
    from PIL.Image import open as open_image

    try:
        with open_image(path) as other:
            return other.convert("L").tobytes() == image.tobytes()
    except (UnidentifiedImageError, OSError):
        return False
