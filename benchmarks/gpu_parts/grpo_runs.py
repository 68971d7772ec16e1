"""Parts 2 to 4 of gpu_check.py: GRPO on a random model, by the project's own launcher.

What the run's metrics and its process say.

- `tiny`: UniFER-Tiny in bfloat16, asleep while it trains: do the weights arrive, is anything NaN, how far are
  sampler and trainer apart; again with vLLM's V1 runner, once in float32;
- `3b`: a random 3B by grpo_7b.yaml under ZeRO-3: peak memory against `unifer doctor`, time split of a step,
  tensors/s of a sync;
- `lora`: a random 7B (without a GPU: the tiny one) with LoRA: largest change of the base after the syncs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.gpu_parts.checkpoints import build_checkpoint, draw_rows

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "train_unifer/configs/grpo_7b.yaml"
THREE, SEVEN = "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct"
WORDS = 60
_SMALL: dict[str, object] = {
    "global_batch": 16,
    "per_device_train_batch_size": 16,
    "num_generations": 8,
    "max_completion_length": 64,
    "learning_rate": 1e-5,
    "save_strategy": "no",
    "report_to": "none",
    "dataloader_num_workers": 0,
    "preflight": "false",
    "logging_steps": 1,
}
"""Over grpo_7b.yaml: a batch for one card."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("tiny", "3b", "lora"))
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = {"tiny": tiny_runs, "3b": three_billion, "lora": lora}
        args.out.write_text(json.dumps(runs[args.kind](Path(folder), args.device)))


def tiny_runs(folder: Path, device: str) -> dict[str, Any]:
    """Four steps of each way to compute; a run that the probe refuses fails the part."""
    ways: dict[str, tuple[dict[str, object], dict[str, str]]] = {
        "bfloat16": ({}, {}),
        "bfloat16, V1 runner": ({}, {"VLLM_USE_V2_MODEL_RUNNER": "0"}),
        "float32": ({"dtype": "float32", "bf16": "false"}, {}),
    }
    flags: dict[str, object] = {"max_steps": 4, "deepspeed": "", "processor_rescales": "true"}
    figures: dict[str, Any] = {}
    for name, (own, environment) in ways.items():
        seen = grpo(folder / name.replace(" ", "-"), None, device, flags | own, environment)
        figures[f"|difference|, {name}"] = seen["difference"]
        figures[f"{name}"] = seen
    return figures


def three_billion(folder: Path, device: str) -> dict[str, Any]:
    zero3 = {"max_steps": 3, "deepspeed": str(ROOT / "train_unifer/configs/deepspeed/zero3.json")}
    seen = grpo(folder, THREE, device, zero3, {})
    return {
        "peak, GB": seen["peak_gb"],
        "doctor, GB": seen["doctor_gb"],
        "doctor over peak": round(seen["doctor_gb"] / seen["peak_gb"], 3) if seen["peak_gb"] else None,
        "step, s": seen["seconds"]["step"],
        "tensors/s of a sync": round(seen["tensors"] / seen["seconds"]["sync"], 1),
        "|difference|": seen["difference"],
        "split": seen["seconds"],
    }


def lora(folder: Path, device: str) -> dict[str, Any]:
    """Many steps on a tiny model, few on a large one.

    What an in-place merge does to a base in bfloat16 grows with the syncs.
    """
    large = device == "cuda"
    flags: dict[str, object] = {
        "use_peft": "true",
        "deepspeed": "",
        "max_steps": 3 if large else 8,
        "learning_rate": 1e-3,
    }
    if not large:
        # bfloat16 weights; --bf16 asks for a GPU. The CPU's two samplers of that precision differ more than a
        # card's.
        flags |= {
            "bf16": "false",
            "vllm_enable_sleep_mode": "false",
            "processor_rescales": "true",
            "lora_r": 4,
            "probe_limit": 1,
        }
    seen = grpo(folder, SEVEN if large else None, device, flags, {})
    figures = {
        "largest change of the base": seen["base_change"],
        "syncs": seen["steps"],
        "|difference|": seen["difference"],
    }
    if seen["base_change"] != 0:
        raise SystemExit(f"the base moved: {json.dumps(figures)}")
    return figures


def grpo(
    folder: Path, hub_id: str | None, device: str, flags: dict[str, object], environment: dict[str, str]
) -> dict[str, Any]:
    """One run by the project's launcher; its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    build_checkpoint(folder / "checkpoint", hub_id, device)
    draw_rows(folder / "faces", 64, WORDS)
    chosen = _SMALL | {
        "rows": folder / "faces" / "rlvr.json",
        "model_name_or_path": folder / "checkpoint",
        "output_dir": folder / "out",
        **flags,
    }
    if device == "cpu":
        chosen |= {"attn_implementation": "sdpa"}
    argv = [
        "--config",
        str(CONFIG),
        *(word for key, value in chosen.items() for word in (f"--{key}", str(value))),
    ]
    seen = folder / "seen.json"
    command = [
        sys.executable,
        "-m",
        "unifer.cli.launch",
        "--standalone",
        "--nproc_per_node",
        "1",
        "-m",
        "benchmarks.gpu_parts.traced_grpo",
    ]
    subprocess.run(
        [*command, *argv], cwd=ROOT, env=os.environ | environment | {"UNIFER_TRACE": str(seen)}, check=True
    )
    metrics = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    later = metrics[1:] or metrics
    seconds = {
        name: round(statistics.median(row[f"time/{name}"] for row in later), 3)
        for name in ("sync", "generate", "rewards", "score")
    }
    seconds["step"] = round(statistics.median(row["step_time"] for row in later), 3)
    return {
        "steps": len(metrics),
        "difference": max(row["sampling/sampling_logp_difference/mean"] for row in metrics),
        "seconds": seconds,
        **json.loads(seen.read_text()),
    }


if __name__ == "__main__":
    main()
