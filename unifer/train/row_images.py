"""The images of a row file, looked at before any weight is loaded: every one on the first start, a sample of
them later.

Hours into a run is no time to learn of a missing folder or of a half-copied file. Knows paths and the image
rule, no rows.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unifer.dialogue import images
from unifer.errors import InputError
from unifer.locks import in_turn

log = logging.getLogger(__name__)

_LATER = 256
_LISTED = 100
_REPORT = 20_000


def check(path: Path, image_paths: Sequence[str], image_root: Path | None, stamp: Path) -> None:
    """Decode the images that the rows of `path` name. Raises InputError that lists every one that cannot be
    read.

    `stamp` remembers that all of them once could, under that image root and with those files' folder: after
    that, evenly spread samples are looked at. Ranks of one machine take turns, so that one looks at all and
    the others at samples.
    """
    key = hashlib.sha256(
        f"{path.parent.resolve()}\0{image_root and image_root.resolve()}".encode()
    ).hexdigest()[:16]
    done = stamp.with_name(f"{stamp.name}-{key}")
    with in_turn(done.with_name(f"lock-{key}")):
        _look(path, image_paths, image_root, done)


def _look(path: Path, image_paths: Sequence[str], image_root: Path | None, done: Path) -> None:
    later = done.exists()
    chosen = _sample(image_paths) if later else image_paths
    if len(chosen) > _REPORT:
        log.warning("%s: looking at all %s images (first start on this file only)", path, f"{len(chosen):,}")
    with ThreadPoolExecutor(min(32, os.cpu_count() or 1)) as pool:
        broken = [
            problem
            for problem in pool.map(
                lambda image: _problem(image, image_root, path.parent), chosen, chunksize=64
            )
            if problem
        ]
    if broken:
        raise InputError(_listed(path, broken, len(chosen), image_root))
    done.touch()


def _sample(image_paths: Sequence[str]) -> list[str]:
    total = len(image_paths)
    return [image_paths[index * total // min(_LATER, total)] for index in range(min(_LATER, total))]


def _problem(image_path: str, image_root: Path | None, beside: Path) -> str | None:
    try:
        images.decode(images.resolve(image_path, image_root, beside), image_path)
    except images.ImageError as error:
        return str(error)
    return None


def _listed(path: Path, broken: Iterable[str], looked: int, image_root: Path | None) -> str:
    lines = list(broken)
    shown = "\n  ".join(lines[:_LISTED]) + (
        f"\n  ... and {len(lines) - _LISTED:,} more" if len(lines) > _LISTED else ""
    )
    where = f"below the image root {image_root}" if image_root else f"below {path.parent}"
    return (
        f"{path}: {len(lines):,} of {looked:,} images cannot be read (looked {where}):\n  {shown}\n"
        "name the folder that holds them with --image_root or UNIFER_IMAGE_ROOT, copy them again, or "
        "take their rows out"
    )
