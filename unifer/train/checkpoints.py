"""A run's folder: which checkpoint is whole, what belongs to the run, and the final model with its
processor.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

from unifer import files, runs
from unifer.errors import InputError
from unifer.records import Json

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
_REMEDY = "choose another --output_dir, or start over with --fresh true"


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint whose trainer state was written, which is the last thing a save writes; None if
    there is none.

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


class Resume(NamedTuple):
    """How a run begins: it is `finished`, or goes on from `checkpoint`, or (None) starts."""

    finished: bool
    checkpoint: Path | None

    @property
    def step(self) -> int:
        """Optimizer steps that lie behind it."""
        return int(self.checkpoint.name.rpartition("-")[2]) if self.checkpoint else 0


START = Resume(False, None)


def claim(folder: Path, manifest: Json, start: Path, config: Any, *, fresh: bool) -> Resume:
    """Make `folder` this run's own: rank 0 decides and writes the manifest, every rank gets the same answer.

    Raises InputError, on every rank, if another run or a model that is not ours lives there, or a rank does
    not see the folder.
    """
    decided: list[Any] = [None]
    if config.process_index == 0:
        try:
            decided = [_claim(folder, manifest, start, fresh)]
        except InputError as refusal:
            decided = [refusal]
    if config.world_size > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(decided)
    if isinstance(decided[0], InputError):
        raise decided[0]
    resume: Resume = decided[0]
    if not (resume.checkpoint or folder / MANIFEST).exists():
        raise InputError(
            f"{folder}: rank {config.process_index} does not see it; output_dir must be on a disk "
            "that all machines share"
        )
    return resume


def _claim(folder: Path, manifest: Json, start: Path, fresh: bool) -> Resume:
    if folder.resolve() == start.resolve():
        raise InputError(f"--output_dir {folder}: is the checkpoint that the run starts from; {_REMEDY}")
    if fresh and (aside := files.move_aside(folder)):
        log.warning("%s: moved aside to %s", folder, aside)
    old = runs.refuse_other_run(folder / MANIFEST, manifest["identity"], _REMEDY)
    foreign = [
        path for pattern in ("checkpoint-*", "*.safetensors*", "config.json") for path in folder.glob(pattern)
    ]
    if old is None and foreign:
        raise InputError(
            f"{folder}: holds a model and no {MANIFEST}, so nothing says that it is this run's; {_REMEDY}"
        )
    if old is not None and "finished" in old["context"]:
        return Resume(True, None)
    write_manifest(folder, manifest)
    return Resume(False, last_whole(folder))


def write_manifest(folder: Path, manifest: Json, **outcome: Any) -> None:
    """The run's manifest; with `outcome` also the time it finished."""
    if outcome:
        manifest = manifest | {"context": manifest["context"] | {"finished": runs.now(), **outcome}}
    files.write_json(folder / MANIFEST, manifest)
