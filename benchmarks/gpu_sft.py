"""SFT of a randomly initialised Qwen2.5-VL on one GPU: tokens/s, model FLOPs utilisation, peak memory against `unifer doctor`.

Shapes: `7b-lora` (LoRA on all linear layers), `3b-full` (every weight), `tiny` (UniFER-Tiny, for a try without a GPU). The checkpoint
is built from the published dimensions with UniFER-Tiny's tokenizer, the rows are drawn faces with replies made long, the training
is `unifer sft`'s own. Each shape runs in a process of its own. Targets: the doctor's estimate within 15 % of the peak.

    python benchmarks/gpu_sft.py
    python benchmarks/gpu_sft.py --shape tiny --device cpu --steps 2

Model FLOPs utilisation is that of PaLM (Chowdhery et al., arXiv 2204.02311, appendix B): what the model must compute, recomputation
under gradient checkpointing not counted, over what the GPU could. A token costs 2 FLOPs a weight forward, 2 for the gradient of its
input and 2 for the gradient of a trained weight, and attention 4 x width x context forward, twice that backward. Counted are the
decoder for every token, the head for the tokens that are learnt, the vision tower for every patch and its merger for every image
token; the embedding is a look-up.
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

from unifer import files
from unifer.models.shapes import KNOWN, Shape, shape_of

SHAPES = {"7b-lora": ("Qwen/Qwen2.5-VL-7B-Instruct", True), "3b-full": ("Qwen/Qwen2.5-VL-3B-Instruct", False), "tiny": (None, False)}
PIXELS, WARM_UP, TARGET = 224, 3, 0.15
PEAK_TFLOPS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "B200": 2250.0, "H20": 148.0, "4090": 165.2}
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


def model_flops(shape: Shape, counts: Counts, lora: bool) -> float:
    """FLOPs of forward and backward pass over `counts`, by the rule of this module's docstring."""
    passes = 4 if lora else 6  # a frozen weight needs no gradient of its own; the adapters' are below a percent
    linears = list(shape.linears())
    decoder = sum(each.inputs * each.outputs * each.times for each in linears if not each.vision)
    merger = sum(each.inputs * each.outputs for each in linears if each.name.startswith("mlp."))
    blocks = sum(each.inputs * each.outputs * each.times for each in linears if each.vision) - merger
    embedding = shape.channels * shape.temporal_patch * shape.patch**2 * shape.vision_hidden
    patches = (PIXELS // shape.patch) ** 2 if shape.hidden > 1000 else 64
    window = 64 * 0.875 + patches * 0.125 if shape.depth == 32 else patches  # 28 of 32 blocks look at windows of 8 x 8 patches
    attention = 12 * shape.hidden * shape.layers * counts.squares
    seeing = 12 * shape.vision_hidden * shape.depth * window * counts.images * patches
    return (
        passes * decoder * counts.tokens
        + passes * shape.vocabulary * shape.hidden * counts.learnt
        + passes * (blocks + embedding) * counts.images * patches
        + passes * merger * counts.images * patches / shape.merge**2
        + attention
        + seeing
    )


def build_checkpoint(folder: Path, hub_id: str | None, device: str) -> None:
    """A random checkpoint of the shape of `hub_id` that takes UniFER-Tiny's tokens and 224 x 224 pixels; None is UniFER-Tiny."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

    from unifer.models import tiny

    if hub_id is None:
        tiny.build(folder)
        return
    tiny.build(folder / "tiny")
    processor: Any = Qwen2_5_VLProcessor.from_pretrained(folder / "tiny")
    processor.image_processor.size = {"shortest_edge": 28**2, "longest_edge": PIXELS**2}
    own = files.read_json(folder / "tiny" / "config.json")
    known = KNOWN[hub_id]
    tokens = {name: own[name] for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")}
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}
    ends = {name: own["text_config"][name] for name in ("eos_token_id", "pad_token_id")}
    text = {**known["text_config"], **ends, "rope_parameters": rope, "tie_word_embeddings": known["tie_word_embeddings"]}
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=known["vision_config"], tie_word_embeddings=known["tie_word_embeddings"], **tokens
    )
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        model: Any = Qwen2_5_VLForConditionalGeneration(config)
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def draw_rows(folder: Path, count: int, words: int) -> Path:
    """Drawn faces by `unifer data faces`, their reasoning repeated to about `words` words."""
    from unifer.cli import main as unifer

    if unifer(["data", "faces", "--out", str(folder), "--count", str(count), "--workers", "1"]):
        raise SystemExit("drawing faces failed")
    rows = files.read_json(folder / "cot.json")
    for row in rows:
        think, answer = row["response"].split("</think>")
        reasoning = think.removeprefix("<think>")
        times = max(1, words // max(1, len(reasoning.split())))
        row["response"] = f"<think>{' '.join([reasoning.strip()] * times)}</think>{answer}"
    files.write_rows(folder / "long.json", rows)
    return folder / "long.json"


def measure(args: argparse.Namespace, name: str, folder: Path) -> dict[str, Any]:
    """Build, draw, train, count; everything of one shape."""
    import torch
    import transformers

    from unifer.train import sft, stage
    from unifer.train.doctor import needs

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
                seen.allocated, seen.reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()

    class Measured(sft.Sft):
        """SFT with a clock."""

        def trainer(self, this: stage.Run, dataset: Any) -> Any:
            seen.run = needs.Run.of("sft", this.fer, this.config, this.model, gpus=1)
            trainer = super().trainer(this, dataset)
            trainer.add_callback(Meter())
            take = trainer.training_step
            trainer.training_step = lambda model, inputs, *more, **named: _counted(trainer, counts, inputs, take, model, *more, **named)
            return trainer

    _train(args, name, folder, rows, Measured())
    return _result(args, name, folder, counts, seen)


def _train(args: argparse.Namespace, name: str, folder: Path, rows: Path, stage_of_run: Any) -> None:
    from trl import ModelConfig, SFTConfig

    from unifer.train import cpu_ranks, settings, stage

    cpu_ranks.prepare()
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

    from unifer.models import memory

    shape = shape_of(files.read_json(folder / "checkpoint" / "config.json"))
    assert shape is not None
    flops = model_flops(shape, counts, SHAPES[name][1])
    result: dict[str, Any] = {
        "shape": name,
        "parameters": shape.parameters,
        "steps": args.steps,
        "tokens": counts.tokens,
        "tokens_per_second": round(counts.tokens / counts.seconds, 1),
        "model_tflops_per_second": round(flops / counts.seconds / 1e12, 3),
        "attention": args.attention,
    }
    gpu_bytes = torch.cuda.get_device_properties(0).total_memory if args.device == "cuda" else 80 * memory.GB
    made = memory.estimate(shape, seen.run.plan, gpu_bytes)
    result["doctor"] = {term.name: round(term.bytes / memory.GB, 3) for term in made.terms} | {"total_gb": round(made.total / memory.GB, 3)}
    if args.device == "cuda":
        card = torch.cuda.get_device_name(0)
        peak = args.peak_tflops or next((tflops for part, tflops in PEAK_TFLOPS.items() if part in card), None)
        ratio = made.allocated / seen.allocated
        result |= {
            "gpu": card,
            "flops_utilisation": round(flops / counts.seconds / (peak * 1e12), 4) if peak else None,
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES), nargs="+", default=["7b-lora", "3b-full"])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=12, help=f"timed steps, after {WARM_UP} more")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--words", type=int, default=250, help="words of a reply, about one token each")
    parser.add_argument("--checkpointing", action=argparse.BooleanOptionalAction, default=True, help="gradient checkpointing")
    parser.add_argument("--attention", help="default: flash_attention_2 if flash-attn is installed, else sdpa")
    parser.add_argument("--peak-tflops", type=float, help="dense bf16 TFLOP/s of the GPU, where its name is not known here")
    parser.add_argument("--work", type=Path, help="folder for checkpoints, 40 GB (default: a temporary one)")
    return parser


def main() -> None:
    import importlib.util

    import torch

    args = _parser().parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("gpu_sft.py: no GPU here; try the script itself with --shape tiny --device cpu --steps 2")
    if args.attention is None:
        flash = args.device == "cuda" and importlib.util.find_spec("flash_attn") is not None
        args.attention = "flash_attention_2" if flash else "sdpa"
    if len(args.shape) == 1:
        with tempfile.TemporaryDirectory(dir=args.work) as folder:
            print(json.dumps(measure(args, args.shape[0], Path(folder))))
        return
    rest = [word for word in sys.argv[1:] if word != "--shape" and word not in SHAPES]
    for name in args.shape:
        # A process of its own: what one shape leaves on the GPU would count as the other's.
        subprocess.run([sys.executable, __file__, "--shape", name, *rest], check=True)


if __name__ == "__main__":
    main()
