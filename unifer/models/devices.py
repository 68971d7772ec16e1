"""What this machine can compute on, and who holds it, without torch: parents of workers stay light.

What nvidia-smi says of the GPUs (driver, memory, processes) is nothing where it does not answer.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from unifer import files
from unifer.errors import InputError

_DEVICES = Path("/dev")


def visible_gpus() -> list[str]:
    """Ids of the NVIDIA GPUs that this process may use.

    Those of CUDA_VISIBLE_DEVICES if set, else one per device file, counted from 0. The number of a device
    file is no id: in a container with /dev/nvidia2 alone, CUDA calls that GPU 0.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return list(takewhile(_is_id, (part.strip() for part in chosen.split(",") if part.strip())))
    return [str(index) for index, _ in enumerate(_DEVICES.glob("nvidia[0-9]*"))]


def _is_id(part: str) -> bool:
    """A number or a UUID.

    CUDA ignores all from the first part on that is neither: -1, none, or what clusters say for no device.
    """
    return part.isdigit() or part.startswith(("GPU-", "MIG-"))


def auto_dtype(checkpoint: Path) -> str:
    """Precision that `--dtype auto` means: bfloat16 on a GPU.

    On CPU what the checkpoint was saved in, float16 as float32. One rule for both engines: vLLM's own would
    turn a float32 checkpoint to bfloat16 on CPU, and float16 on some GPUs.
    """
    if visible_gpus():
        return "bfloat16"
    config = files.read_json(checkpoint / "config.json")
    saved = config.get("dtype") or config.get("torch_dtype") or (config.get("text_config") or {}).get("dtype")
    return "bfloat16" if saved == "bfloat16" else "float32"


_MIB = 2**20
_SECONDS = 20
_VLLM_SHARE = 0.92
"""vLLM's own default of the share of a GPU that it takes, and wants free at its start."""


@dataclass(frozen=True)
class GpuState:
    """One GPU: sizes in bytes; `uuid` as the driver names it."""

    uuid: str
    name: str
    driver: str
    total: int
    used: int


def gpu_states(first: int | None = None) -> list[GpuState]:
    """The `first` visible GPUs (None: all), in the driver's order.

    Empty without any, or where nvidia-smi does not answer.
    """
    query = "--query-gpu=uuid,name,driver_version,memory.total,memory.used"
    return [
        GpuState(uuid, name, driver, int(float(total)) * _MIB, int(float(used)) * _MIB)
        for uuid, name, driver, total, used in _nvidia_smi(query, 5, visible_gpus()[:first])
    ]


def holders(gpu: GpuState) -> list[str]:
    """`process 123 (VLLM::EngineCore, 70 GB)` for each that this machine shows on `gpu`."""
    rows = _nvidia_smi("--query-compute-apps=gpu_uuid,pid,process_name,used_memory", 4, visible_gpus())
    return [
        f"process {pid} ({_title(pid, name)}, {_gigabytes(used)})"
        for uuid, pid, name, used in rows
        if uuid == gpu.uuid
    ]


def refuse_full(share: float | None, first: int | None = None) -> None:
    """Raise InputError where a GPU has less than `share` of its memory free, and say who holds it.

    Only the `first` visible GPUs are looked at. None: vLLM's default share; all visible GPUs.
    """
    for number, gpu in enumerate(gpu_states(first)):
        wanted = (share or _VLLM_SHARE) * gpu.total
        free = gpu.total - gpu.used
        if free < wanted:
            holder = (
                ", ".join(holders(gpu))
                or "a process that this machine does not show (another user's, or another container's)"
            )
            have = (
                f"{free / 2**30:.0f} of {gpu.total / 2**30:.0f} GB are free, {wanted / 2**30:.0f} are "
                "asked for"
            )
            raise InputError(
                f"GPU {number} ({gpu.name}): {have}; held by {holder}. End it, choose other GPUs with "
                "CUDA_VISIBLE_DEVICES, or ask for less with --gpu-memory-utilization "
                f"{max(0.05, free / gpu.total - 0.03):.2f}"
            )


def _nvidia_smi(query: str, columns: int, ids: Sequence[str]) -> Iterator[list[str]]:
    if not ids:
        return
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits", "-i", ",".join(ids)]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in listing.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == columns and all(cell and not cell.startswith("[") for cell in cells):
            yield cells


def _title(pid: str, name: str) -> str:
    """What the process calls itself; vLLM's engine says so there, while the driver knows it as Python."""
    try:
        title = (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        )
    except OSError:
        title = ""
    return title[:60] or Path(name).name


def _gigabytes(mib: str) -> str:
    return f"{float(mib) * _MIB / 2**30:.0f} GB" if mib.replace(".", "", 1).isdigit() else mib
