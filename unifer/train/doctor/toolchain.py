"""What a GPU run needs of the system besides packages: a driver for this CUDA, a C compiler, Python's
headers.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

from unifer.models.devices import gpu_states
from unifer.train.doctor.findings import DoctorFinding

DRIVER = 580
"""Oldest driver of CUDA 13, which the pinned torch and vLLM are built for (CUDA release notes, table of
driver versions).
"""


def check() -> list[DoctorFinding]:
    """Driver, compiler and headers: a problem each where it is missing. For machines with a GPU."""
    return [*_driver(), _compiler(), _headers()]


def _driver() -> list[DoctorFinding]:
    found = gpu_states()
    if not found:
        text = "nvidia-smi does not answer, so the driver's version is not known"
        return [
            DoctorFinding(
                "warning", "driver", text, f"install the driver's tools, or see that it is {DRIVER} or newer"
            )
        ]
    version = found[0].driver
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
    found = shutil.which(wanted) if wanted else shutil.which("gcc") or shutil.which("clang")
    if found is None:
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
    return DoctorFinding("ok", "C compiler", Path(found).name)


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
