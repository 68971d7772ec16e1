"""Keeps held-out faces out of what is trained on: by id, by file, and by the bytes of the picture.

Knows pictures as files. Copies that were resized or saved again are another matter: `unifer data check` finds
those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from unifer import files
from unifer.dialogue import images
from unifer.errors import InputError


class RowImage(NamedTuple):
    """One row's picture: the row file, its own id if it has one, its path as the row says it, and the file
    that this means.
    """

    source: Path
    id: str | None
    image_path: str
    file: Path


@dataclass(frozen=True, slots=True)
class Compared:
    """What was looked at: pictures that may be trained on, those held out, and those of the former that are
    not there.
    """

    trained: int
    held_out: int
    missing: int


def picture(source: Path, id: str | None, image_path: str, image_root: Path | None) -> RowImage:
    """The picture of a row. Raises InputError for a path that climbs out of its folder."""
    try:
        return RowImage(source, id, image_path, images.resolve(image_path, image_root, source.parent))
    except images.ImageError as error:
        raise InputError(f"{source}: {error}") from None


def refuse_held_out(trained: Iterable[RowImage], held_out: Iterable[RowImage]) -> Compared:
    """Raise InputError if a picture to train on is held out too, naming the first and how many there are;
    else what was compared.

    Only pictures of equal size are read, so the cost is that of looking at the files.
    """
    held = list(held_out)
    ids = {each.id: each for each in held if each.id is not None}
    places = {each.file.resolve(): each for each in held}
    sized = defaultdict(list)
    for each in held:
        if each.file.is_file():
            sized[each.file.stat().st_size].append(each)
    digests: dict[Path, str] = {}
    found: list[tuple[RowImage, RowImage, str]] = []
    looked, missing = 0, 0
    for each in trained:
        looked += 1
        missing += not each.file.is_file()
        same = next(_same(each, ids, places, sized, digests), None)
        if same is not None:
            found.append((each, *same))
    if found:
        first, other, why = found[0]
        raise InputError(
            f"{first.source}: {len(found):,} of its faces or of the other files' are held out, the "
            "first "
            f"{first.image_path!r}: {why} as {other.image_path!r} of {other.source}. Scores on faces "
            "that were trained on say nothing; take them out of either"
        )
    return Compared(looked, len(held), missing)


def _same(
    each: RowImage,
    ids: dict[str, RowImage],
    places: dict[Path, RowImage],
    sized: dict[int, list[RowImage]],
    digests: dict[Path, str],
) -> Iterator[tuple[RowImage, str]]:
    """The held-out picture that `each` is, and by what."""
    if each.id is not None and each.id in ids:
        yield ids[each.id], "the same id"
    if each.file.resolve() in places:
        yield places[each.file.resolve()], "the same file"
    if not each.file.is_file():
        return
    alike = sized.get(each.file.stat().st_size, [])
    own = files.sha256(each.file) if alike else ""
    for other in alike:
        if digests.setdefault(other.file, "") == "":
            digests[other.file] = files.sha256(other.file)
        if digests[other.file] == own:
            yield other, "the same bytes"
