"""Where the images of converted rows lie: paths that still mean the same picture from another file, and
pictures put in or taken out.

The rule of `dialogue/images` decides what a path means: below the image root with one, else beside the row
file.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from unifer.dialogue import images
from unifer.prepare.formats.sample import Sample


def moved(sample: Sample, source: Path, target: Path, image_root: Path | None) -> Sample:
    """`sample` with the image path that means the same picture in a row file `target` as it did in `source`.

    Paths below an image root stay as they are. Raises ValueError where the picture does not lie below the
    target's folder.
    """
    path = sample.image_path
    if image_root is not None or path.startswith("/") or source.parent.resolve() == target.parent.resolve():
        return sample
    from_target = Path(os.path.relpath(source.parent.resolve() / path, target.parent.resolve()))
    if from_target.parts[0] == os.pardir:
        raise ValueError(
            "image "
            f"{path!r} lies beside {source.name}, and no path from {target.parent} leads down to it; "
            "write the file there or above it, or say with --image-root DIR which folder image paths "
            "lie below"
        )
    return replace(sample, image_path=from_target.as_posix())


def picture(sample: Sample, source: Path, image_root: Path | None) -> bytes:
    """The bytes of the sample's image file. Raises ValueError: missing, unreadable, empty."""
    try:
        found = images.resolve(sample.image_path, image_root, source.parent).read_bytes()
    except OSError as error:
        raise ValueError(
            "image "
            f"{sample.image_path!r} cannot be embedded: {error.strerror}; give --image-root, or leave "
            "--embed out"
        ) from None
    if not found:
        raise ValueError(f"image {sample.image_path!r} is empty (0 bytes)")
    return found


def unpack(sample: Sample, found: bytes, target: Path, image_root: Path | None) -> bool:
    """Write an embedded picture to where the row's path means it; whether it was not there yet.

    Raises ValueError where another picture lies there, or the path climbs out.
    """
    path = images.resolve(sample.image_path, image_root, target.parent)
    if path.exists():
        if path.read_bytes() != found:
            raise ValueError(
                "image "
                f"{sample.image_path!r}: another picture is there already ({path}); move it, or "
                "convert elsewhere"
            )
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(found)
    return True
