"""SFT losses of two ranks under ZeRO-2 and ZeRO-3 against one rank on the same global batch, 20 steps,
float32 on CPU.

Target: no step's loss differs by more than 1e-4. Prints JSON. A slow test holds it in CI; this prints the
numbers.

    python benchmarks/zero_parity.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEPS, BATCH = 20, 8
LAUNCHER = ROOT / "train_unifer" / "src" / "scripts" / "run_sft_fer.sh"
CONFIGS = ROOT / "train_unifer" / "configs"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faces = ["data", "faces", "--out", str(folder), "--count", "64", "--seed", "parity", "--workers", "1"]
        subprocess.run(
            [sys.executable, "-m", "unifer", *faces],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        alone = _losses(folder, "one", ranks=1)
        found = {}
        for stage in ("zero2", "zero3"):
            losses = _losses(folder, stage, 2, "--deepspeed", str(CONFIGS / "deepspeed" / f"{stage}.json"))
            found[stage] = max(abs(a - b) for a, b in zip(alone, losses, strict=True))
    print(
        json.dumps(
            {
                "steps": STEPS,
                "global_batch": BATCH,
                "first_loss": alone[0],
                "last_loss": alone[-1],
                "largest_difference": found,
            }
        )
    )


def _losses(folder: Path, name: str, ranks: int, *more: str) -> list[float]:
    out = folder / name
    steps = [
        "--max_steps",
        str(STEPS),
        "--save_steps",
        str(STEPS),
        "--logging_steps",
        "1",
        "--learning_rate",
        "1e-4",
        "--report_to",
        "none",
    ]
    argv = [
        "--config",
        str(CONFIGS / "sft_tiny.yaml"),
        "--rows",
        str(folder / "cot.json"),
        "--output_dir",
        str(out),
        *steps,
        *more,
        "--report_to",
        "none",
    ]
    argv += ["--per_device_train_batch_size", str(BATCH // ranks), "--freeze_vision_tower", "false"]
    environment = os.environ | {"NPROC": str(ranks), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(
        ["bash", str(LAUNCHER), *argv],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = json.loads((out / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


if __name__ == "__main__":
    main()
