"""GPUs, cores, memory, free disk, driver, compiler: what this machine has for a run.

Asked of the system: torch is used where it is loaded already.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unifer.models.devices import gpu_states, visible_gpus
from unifer.train.doctor.findings import DoctorFinding, size
from unifer.train.rows import cache_root

DRIVER = 580
"""Oldest driver of CUDA 13, for which the pinned torch and vLLM are built (CUDA release notes, drivers)."""


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
    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return [Gpu(each.name, each.total_memory) for each in properties]


def describe(places: Mapping[str, Path], need: DiskNeed | None = None) -> list[DoctorFinding]:
    """GPUs, processor, memory, and the disks of `places` and of the cache."""
    present = gpus()
    kinds = sorted({f"{gpu.name}, {size(gpu.bytes)}" for gpu in present})
    listed = f"{len(present)} x {'; '.join(kinds)}" if present else "none: CPU"
    cores, (total, available) = len(os.sched_getaffinity(0)), ram()
    return [
        DoctorFinding("ok", "GPUs", listed),
        DoctorFinding(
            "ok",
            "processor",
            f"{cores} core{'s' if cores > 1 else ''}, {size(total)} memory, {size(available)} of it free",
        ),
        *(toolchain() if present else ()),
        *disks(places, need),
        *disks({"cache": cache_root()}),
    ]


def ram() -> tuple[float, float]:
    """Memory of the machine in bytes: all, and free."""
    page = os.sysconf("SC_PAGE_SIZE")
    return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")


def disks(places: Mapping[str, Path], need: DiskNeed | None = None) -> list[DoctorFinding]:
    """Free space where `places` are or will be made; with `need`, whether the run's checkpoints fit there."""
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
    room = f"{size(free)} free; a checkpoint takes {size(need.checkpoint)}"
    if free + taken < need.whole:
        short = f"{room}, the run {size(need.whole)}"
        return DoctorFinding(
            "problem",
            title,
            short,
            f"free {size(need.whole - free - taken)}, or an --output_dir on another disk",
        )
    if need.kept is None:
        return DoctorFinding("warning", title, f"{room}, and all are kept", "--save_total_limit 3")
    return DoctorFinding(
        "ok", title, f"{room}, the run at most {size(need.whole)} ({need.kept} kept, one more while saving)"
    )


def toolchain() -> list[DoctorFinding]:
    """Driver, compiler and headers: a problem each where it is missing. For machines with a GPU."""
    return [*_driver(), _compiler(), _headers()]


def _driver() -> list[DoctorFinding]:
    cards = gpu_states()
    if not cards:
        text = "nvidia-smi does not answer, so the driver's version is not known"
        return [
            DoctorFinding(
                "warning", "driver", text, f"install the driver's tools, or see that it is {DRIVER} or newer"
            )
        ]
    version = cards[0].driver
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < DRIVER:
        text = f"{version}; torch and vLLM are built for CUDA 13, which needs {DRIVER} or newer"
        return [
            DoctorFinding(
                "problem",
                "driver",
                text,
                f"a driver from {DRIVER} on, or on a data centre GPU NVIDIA's package cuda-compat-13-0",
            )
        ]
    return [DoctorFinding("ok", "driver", version)]


def _compiler() -> DoctorFinding:
    wanted = os.environ.get("CC")
    compiler = shutil.which(wanted) if wanted else shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        text = (
            f"{wanted or 'gcc'} is not on PATH; Triton compiles the kernels of vLLM and of TRL's "
            "fused loss with it"
        )
        return DoctorFinding(
            "problem",
            "C compiler",
            text,
            "apt install build-essential, or module load gcc, or CC=/path/to/gcc",
        )
    return DoctorFinding("ok", "C compiler", Path(compiler).name)


def _headers() -> DoctorFinding:
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if not header.is_file():
        text = f"{header.name} of this Python is missing; Triton compiles its launchers against it"
        return DoctorFinding(
            "problem",
            "Python headers",
            text,
            "apt install python3-dev, or make .venv with a Python that brings them",
        )
    return DoctorFinding("ok", "Python headers", header.parent.name)
