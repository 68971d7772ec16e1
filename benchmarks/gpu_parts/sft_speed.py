"""SFT of a random Qwen2.5-VL on one GPU: tokens/s, use of FLOPs, peak memory against `unifer doctor`.

Shapes: `7b-lora` (LoRA on all linear layers), `3b-full` (every weight), `tiny` (UniFER-Tiny, for a try
without a GPU). The checkpoint is built from the published dimensions with UniFER-Tiny's tokenizer, the rows
are drawn faces with replies made long, the training is `unifer sft`'s own. Each shape runs in a process of
its own. Targets: the doctor's estimate within 15 % of the peak.

    python -m benchmarks.gpu_parts.sft_speed
    python -m benchmarks.gpu_parts.sft_speed --shape tiny --device cpu --steps 2

Model FLOPs utilisation is that of PaLM (Chowdhery et al., arXiv 2204.02311, appendix B): what the model must
compute, recomputation under gradient checkpointing not counted, over what the GPU could.
`unifer/train/doctor/shapes.py` counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu_parts.checkpoints import PIXELS, build_checkpoint, draw_rows
from unifer import files
from unifer.train.doctor.cost import training_pass
from unifer.train.doctor.plans import Lora, MemoryPlan
from unifer.train.doctor.shapes import ModelShape, forward_pass, shape_of

SHAPES = {
    "7b-lora": ("Qwen/Qwen2.5-VL-7B-Instruct", True),
    "3b-full": ("Qwen/Qwen2.5-VL-3B-Instruct", False),
    "tiny": (None, False),
}
WARM_UP, TARGET = 3, 0.15
PEAK_TFLOPS = {
    "H200": 989.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "B200": 2250.0,
    "H20": 148.0,
    "4090": 165.2,
}
"""Dense bf16 TFLOP/s on the makers' data sheets, by a part of the GPU's name."""


@dataclass
class Counts:
    """What the timed steps went through."""

    tokens: int = 0
    learnt: int = 0
    images: int = 0
    squares: int = 0
    """Sum of the squared lengths of the sequences, padding left out."""
    seconds: float = 0.0


@dataclass
class Seen:
    """The run as the doctor reads it, and the allocator's peaks in bytes."""

    run: Any = None
    allocated: int = 0
    reserved: int = 0


def model_flops(shape: ModelShape, counts: Counts, lora: bool) -> float:
    """FLOPs of forward and backward pass over `counts`, as `unifer doctor --card` counts.

    Recomputation is left out.
    """
    alike = (
        counts.tokens**2 / counts.squares
    )  # sequences of one length with as many tokens, and as many squared
    patches = (PIXELS // shape.patch) ** 2 if shape.hidden > 1000 else 64
    once = forward_pass(shape, alike, counts.tokens / alike, counts.learnt / alike, counts.images, patches)
    both = training_pass(shape, MemoryPlan(checkpointing=False, lora=Lora(64) if lora else None), once)
    return both.layers + both.head + both.vision


def measure(args: argparse.Namespace, name: str, folder: Path) -> dict[str, Any]:
    """Build, draw, train, count; everything of one shape."""
    import torch
    import transformers

    from unifer.train import sft, stage
    from unifer.train.doctor.plans import PlannedRun

    build_checkpoint(folder / "checkpoint", SHAPES[name][0], args.device)
    rows = draw_rows(folder / "faces", args.batch * (args.steps + WARM_UP), args.words)
    counts, seen = Counts(), Seen()

    class Meter(transformers.TrainerCallback):  # type: ignore[misc]
        """Clocks the steps after the warm-up and reads the peak before the model is saved."""

        def on_step_begin(self, arguments: Any, state: Any, control: Any, **kwargs: Any) -> None:
            _wait(args.device)
            self.started = time.perf_counter()

        def on_step_end(self, arguments: Any, state: Any, control: Any, **kwargs: Any) -> None:
            _wait(args.device)
            if state.global_step > WARM_UP:
                counts.seconds += time.perf_counter() - self.started

        def on_train_end(self, arguments: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if args.device == "cuda":
                seen.allocated, seen.reserved = (
                    torch.cuda.max_memory_allocated(),
                    torch.cuda.max_memory_reserved(),
                )

    class Measured(sft.SftStage):
        """SFT with a clock."""

        def trainer(self, this: stage.TrainingRun, dataset: Any) -> Any:
            seen.run = PlannedRun.of("sft", this.fer, this.config, this.model, gpus=1)
            trainer = super().trainer(this, dataset)
            trainer.add_callback(Meter())
            take = trainer.training_step
            trainer.training_step = lambda model, inputs, *more, **named: _counted(
                trainer, counts, inputs, take, model, *more, **named
            )
            return trainer

    _train(args, name, folder, rows, Measured())
    return _result(args, name, folder, counts, seen)


def _train(args: argparse.Namespace, name: str, folder: Path, rows: Path, stage_of_run: Any) -> None:
    from trl import ModelConfig, SFTConfig

    from unifer.train import mends, settings, stage

    mends.connect_cpu_ranks()
    gpu, (hub_id, lora) = args.device == "cuda", SHAPES[name]
    flags: dict[str, Any] = {
        "rows": rows,
        "model_name_or_path": folder / "checkpoint",
        "output_dir": folder / "out",
        "max_steps": args.steps + WARM_UP,
        "per_device_train_batch_size": args.batch,
        "gradient_checkpointing": str(args.checkpointing).lower(),
        "dtype": "bfloat16" if gpu else "float32",
        "bf16": str(gpu).lower(),
        "attn_implementation": args.attention,
        "use_peft": str(lora).lower(),
        "lora_r": 64,
        "lora_alpha": 128,
        "save_strategy": "no",
        "report_to": "none",
        "learning_rate": 1e-5,
        "preflight": "false",  # a wrong estimate must show here, not stop the run
        "processor_rescales": str(hub_id is None).lower(),
    }
    argv = [word for key, value in flags.items() for word in (f"--{key}", str(value))]
    stage.run(stage_of_run, (settings.FerArguments, SFTConfig, ModelConfig), argv)


def _counted(trainer: Any, counts: Counts, inputs: Any, take: Any, *args: Any, **named: Any) -> Any:
    if trainer.state.global_step >= WARM_UP:
        lengths = inputs["attention_mask"].sum(dim=1)
        counts.tokens += int(lengths.sum())
        counts.squares += int((lengths**2).sum())
        counts.learnt += int((inputs["labels"] != -100).sum())
        counts.images += len(inputs["image_grid_thw"])
    return take(args[0], inputs, *args[1:], **named)


def _result(args: argparse.Namespace, name: str, folder: Path, counts: Counts, seen: Seen) -> dict[str, Any]:
    import torch

    from unifer.train.doctor import memory

    shape = shape_of(files.read_json(folder / "checkpoint" / "config.json"))
    assert shape is not None
    needed = model_flops(shape, counts, SHAPES[name][1])
    result: dict[str, Any] = {
        "shape": name,
        "parameters": shape.parameters,
        "steps": args.steps,
        "tokens": counts.tokens,
        "tokens_per_second": round(counts.tokens / counts.seconds, 1),
        "model_tflops_per_second": round(needed / counts.seconds / 1e12, 3),
        "attention": args.attention,
    }
    gpu_bytes = torch.cuda.get_device_properties(0).total_memory if args.device == "cuda" else 80 * memory.GB
    made = memory.estimate(shape, seen.run.plan, gpu_bytes)
    result["doctor"] = {term.name: round(term.bytes / memory.GB, 3) for term in made.terms} | {
        "total_gb": round(made.total / memory.GB, 3)
    }
    if args.device == "cuda":
        card = torch.cuda.get_device_name(0)
        peak = args.peak_tflops or next(
            (tflops for part, tflops in PEAK_TFLOPS.items() if part in card), None
        )
        ratio = made.allocated / seen.allocated
        result |= {
            "gpu": card,
            "flops_utilisation": round(needed / counts.seconds / (peak * 1e12), 4) if peak else None,
            "max_allocated_gb": round(seen.allocated / memory.GB, 3),
            "max_reserved_gb": round(seen.reserved / memory.GB, 3),
            "estimate_over_allocated": round(ratio, 4),
            "within_target": abs(ratio - 1) <= TARGET,
        }
    return result


def _wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=tuple(SHAPES), nargs="+", default=["7b-lora", "3b-full"])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=12, help=f"timed steps, after {WARM_UP} more")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--words", type=int, default=250, help="words of a reply, about one token each")
    parser.add_argument(
        "--checkpointing", action=argparse.BooleanOptionalAction, default=True, help="gradient checkpointing"
    )
    parser.add_argument(
        "--attention", help="default: flash_attention_2 if flash-attn is installed, else sdpa"
    )
    parser.add_argument(
        "--peak-tflops", type=float, help="dense bf16 TFLOP/s of the GPU, where its name is not known here"
    )
    parser.add_argument("--out", type=Path, help="write the results there too")
    parser.add_argument("--work", type=Path, help="folder for checkpoints, 40 GB (default: a temporary one)")
    return parser


def main() -> None:
    import importlib.util

    import torch

    args = _parser().parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU here; try it with --shape tiny --device cpu --steps 2")
    if args.attention is None:
        flash = args.device == "cuda" and importlib.util.find_spec("flash_attn") is not None
        args.attention = "flash_attention_2" if flash else "sdpa"
    results = {}
    if len(args.shape) == 1:
        with tempfile.TemporaryDirectory(dir=args.work) as folder:
            results[args.shape[0]] = measure(args, args.shape[0], Path(folder))
        print(json.dumps(results[args.shape[0]]))
    else:
        for name in args.shape:
            results |= _in_a_process(name)
    if args.out:
        args.out.write_text(json.dumps(results))


def _in_a_process(name: str) -> dict[str, Any]:
    """One shape by itself: what it leaves on the GPU would count as the next one's."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        given = [word for word in sys.argv[1:] if word != "--shape" and word not in SHAPES]
        command = [
            sys.executable,
            "-m",
            "benchmarks.gpu_parts.sft_speed",
            *given,
            "--shape",
            name,
            "--out",
            str(out),
        ]
        subprocess.run(command, check=True)
        made: dict[str, Any] = json.loads(out.read_text())
    return made


if __name__ == "__main__":
    main()
