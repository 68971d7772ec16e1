"""Flags of a small GRPO run on drawn faces, float32 on CPU."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = ROOT / "train_unifer" / "checkpoints" / "UniFER-Tiny-Base"

_FAST = {
    "per_device_train_batch_size": 8,
    "num_generations": 4,
    "max_completion_length": 24,
    "learning_rate": "1e-3",
    "logging_steps": 1,
    "report_to": "none",
    "bf16": "false",
    "dtype": "float32",
    "gradient_checkpointing": "false",
    "processor_rescales": "true",
    "vllm_importance_sampling_correction": "false",
}


def flags(corpus: Path, model: Path, out: Path, **more: object) -> list[str]:
    """Command-line flags; `more` wins."""
    chosen = {"rows": corpus / "rlvr.json", "model_name_or_path": model, "output_dir": out, **_FAST, **more}
    return [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
