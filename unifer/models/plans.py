"""What of a training run's settings decides its memory. Plain values: how much they cost is `memory`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeepSpeed:
    """What of a DeepSpeed configuration decides memory; `reduce_bucket` in elements, None for `auto` (h
    squared).
    """

    stage: int = 0
    offload_optimizer: bool = False
    offload_parameters: bool = False
    overlap: bool = False
    reduce_bucket: int | None = None


@dataclass(frozen=True)
class Lora:
    """The adapters: `targets` as peft takes them."""

    rank: int
    targets: tuple[str, ...] = ("all-linear",)
    dropout: float = 0.05


@dataclass(frozen=True)
class Vllm:
    """A vLLM engine on the trainer's own GPU; `sequences` completions are asked of it at a time."""

    utilization: float = 0.3
    sleeps: bool = False
    tensor_parallel: int = 1
    sequences: int = 1


@dataclass(frozen=True)
class MemoryPlan:
    """The settings of a run that decide its memory; lengths are those of the longest row, `patches` those of
    one image.
    """

    gpus: int = 1
    batch: int = 1
    accumulation: int = 1
    text_tokens: int = 200
    completion_tokens: int = 200
    patches: int = 256
    dtype_bytes: int = 2
    bf16: bool = True
    moments_bytes: int | None = None
    """Bytes of optimizer moments a trained parameter; None for AdamW's two."""
    deepspeed: DeepSpeed | None = None
    lora: Lora | None = None
    four_bit: bool = False
    """Linear layers of the base in 4 bits (bitsandbytes), under LoRA."""
    freeze_vision: bool = False
    checkpointing: bool = True
    flash: bool = False
    reference: bool = False
    vllm: Vllm | None = None
