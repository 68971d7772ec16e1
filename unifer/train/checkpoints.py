"""A run's folder: which checkpoint is whole, what belongs to the run, and the final model with its processor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.records import Json

MANIFEST = "manifest.json"
_REMEDY = "choose another --output_dir, or start over with --fresh true"


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint whose trainer state was written, which is the last thing a save writes; None if there is none.

    One that a kill left half-written is passed over.
    """
    found = [
        (int(match[1]), path)
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name)) and _has_state(path)
    ]
    return max(found)[1] if found else None


def _has_state(checkpoint: Path) -> bool:
    try:
        return isinstance(json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def finished(folder: Path, identity: Json) -> bool:
    """Whether the run in `folder` is this very run and is done. Raises InputError if another run lives there."""
    old = runs.refuse_other_run(folder / MANIFEST, identity, _REMEDY)
    return old is not None and "finished" in old["context"]


def move_aside(folder: Path) -> Path | None:
    """Rename `folder` to `folder.1` (or the first free number), so that a fresh start loses nothing. None if it is not there."""
    if not folder.exists():
        return None
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    return folder.rename(aside)


def write_manifest(folder: Path, manifest: Json, **outcome: Any) -> None:
    """The run's manifest; with `outcome` also the time it finished."""
    if outcome:
        manifest = manifest | {"context": manifest["context"] | {"finished": runs.now(), **outcome}}
    files.write_json(folder / MANIFEST, manifest)
