"""Flags of short SFT runs on the CPU, and the weights that they leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FAST = [
    "--per_device_train_batch_size",
    "4",
    "--learning_rate",
    "1e-3",
    "--logging_steps",
    "1",
    "--report_to",
    "none",
    "--bf16",
    "false",
]
PLAIN = [
    "--dtype",
    "float32",
    "--gradient_checkpointing",
    "false",
    "--seed",
    "0",
    "--processor_rescales",
    "true",
]


def flags(corpus: Path, model: Path, out: Path, *more: str) -> list[str]:
    return [
        "--rows",
        str(corpus / "cot.json"),
        "--model_name_or_path",
        str(model),
        "--output_dir",
        str(out),
        *FAST,
        *PLAIN,
        *more,
    ]


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))
