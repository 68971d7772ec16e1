"""What this machine can compute on, found without torch so that a parent of worker processes stays light."""

from __future__ import annotations

import os
from itertools import takewhile
from pathlib import Path

from unifer import files

_DEVICES = Path("/dev")


def visible_gpus() -> list[str]:
    """Ids of the NVIDIA GPUs this process may use: those of CUDA_VISIBLE_DEVICES if set, else one a device
    file, counted from 0.

    The number of a device file is no id: in a container with /dev/nvidia2 alone, CUDA calls that GPU 0.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return list(takewhile(_is_id, (part.strip() for part in chosen.split(",") if part.strip())))
    return [str(index) for index, _ in enumerate(_DEVICES.glob("nvidia[0-9]*"))]


def _is_id(part: str) -> bool:
    """A number or a UUID. CUDA ignores all from the first part on that is neither: -1, none, or what clusters
    say for no device.
    """
    return part.isdigit() or part.startswith(("GPU-", "MIG-"))


def auto_dtype(checkpoint: Path) -> str:
    """Precision that `--dtype auto` means: bfloat16 on a GPU; on CPU what the checkpoint was saved in,
    float16 as float32.

    One rule for both engines: vLLM's own would turn a float32 checkpoint to bfloat16 on CPU, and float16 on
    some GPUs.
    """
    if visible_gpus():
        return "bfloat16"
    config = files.read_json(checkpoint / "config.json")
    saved = config.get("dtype") or config.get("torch_dtype") or (config.get("text_config") or {}).get("dtype")
    return "bfloat16" if saved == "bfloat16" else "float32"
