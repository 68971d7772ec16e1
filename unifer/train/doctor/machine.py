"""GPUs, cores, memory and free disk of this machine, asked of the system: torch is used where it is loaded
already.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unifer.models.devices import gpu_states, visible_gpus
from unifer.train.doctor import toolchain
from unifer.train.doctor.findings import DoctorFinding, size
from unifer.train.rows import cache_root


class Gpu(NamedTuple):
    """A GPU that this process may use."""

    name: str
    bytes: float


class DiskNeed(NamedTuple):
    """What a run writes: one checkpoint, how many are kept at a time, and the final model; bytes."""

    checkpoint: float
    kept: int | None
    final: float

    @property
    def whole(self) -> float:
        """All of it: a new checkpoint is written before the oldest goes."""
        return self.checkpoint * ((self.kept or 1) + 1) + self.final


def gpus() -> list[Gpu]:
    """The NVIDIA GPUs that this process may use."""
    visible = visible_gpus()
    if not visible:
        return []
    torch: Any = sys.modules.get("torch")
    if torch is None and (listed := [Gpu(each.name, float(each.total)) for each in gpu_states()]):
        return listed
    if torch is None:
        import torch
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return [Gpu(each.name, each.total_memory) for each in found]


def describe(places: Mapping[str, Path], need: DiskNeed | None = None) -> list[DoctorFinding]:
    """GPUs, processor, memory, and the disks of `places` and of the cache."""
    found = gpus()
    kinds = sorted({f"{gpu.name}, {size(gpu.bytes)}" for gpu in found})
    listed = f"{len(found)} x {'; '.join(kinds)}" if found else "none: CPU"
    cores, (total, available) = len(os.sched_getaffinity(0)), ram()
    return [
        DoctorFinding("ok", "GPUs", listed),
        DoctorFinding(
            "ok",
            "processor",
            f"{cores} core{'s' if cores > 1 else ''}, {size(total)} memory, {size(available)} of it free",
        ),
        *(toolchain.check() if found else ()),
        *disks(places, need),
        *disks({"cache": cache_root()}),
    ]


def ram() -> tuple[float, float]:
    """Memory of the machine in bytes: all, and free."""
    page = os.sysconf("SC_PAGE_SIZE")
    return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")


def disks(places: Mapping[str, Path], need: DiskNeed | None = None) -> list[DoctorFinding]:
    """Free space where `places` are or will be made; with `need`, whether the checkpoints of the run go
    there.
    """
    return [_disk(name, path, need) for name, path in places.items()]


def _disk(name: str, path: Path, need: DiskNeed | None) -> DoctorFinding:
    folder = next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    title = f"disk of {name}"
    if need is None:
        enough = free > 2**30
        return DoctorFinding(
            "ok" if enough else "warning", title, f"{size(free)} free", "" if enough else "free some space"
        )
    taken = sum(each.stat().st_size for each in path.glob("checkpoint-*/**/*") if each.is_file())
    asked = f"{size(free)} free; a checkpoint takes {size(need.checkpoint)}"
    if free + taken < need.whole:
        short = f"{asked}, the run {size(need.whole)}"
        return DoctorFinding(
            "problem",
            title,
            short,
            f"free {size(need.whole - free - taken)}, or an --output_dir on another disk",
        )
    if need.kept is None:
        return DoctorFinding("warning", title, f"{asked}, and all are kept", "--save_total_limit 3")
    return DoctorFinding(
        "ok", title, f"{asked}, the run at most {size(need.whole)} ({need.kept} kept, one more while saving)"
    )
