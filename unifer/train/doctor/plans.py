"""Which settings of a run decide its memory, and the plan that they make. How much it takes is `memory`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.models.families import family_named
from unifer.places import project_root
from unifer.train.doctor.shapes import KNOWN, ModelShape, shape_of, stored_parameters

TEMPLATE_TOKENS = 30
"""Tokens that the chat template adds to a prompt."""
_ROWS = 256
_ANY_SIZE = 1024 * 784
_MOST_TILES = 12
_MOMENTS = {
    "sgd": 0,
    "adafactor": 0,
    "adamw_8bit": 2,
    "adamw_bnb_8bit": 2,
    "paged_adamw_8bit": 2,
    "lion": 4,
    "adagrad": 4,
}
_NO_FLASH = ("sdpa", "eager", None)


@dataclass(frozen=True)
class DeepSpeed:
    """What of a DeepSpeed configuration decides memory.

    `reduce_bucket` is in elements, None for `auto` (h squared).
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
    """The settings of a run that decide its memory.

    Lengths are tokens of the longest row, `patches` those of one image.
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


@dataclass(frozen=True)
class PlannedRun:
    """A run as arithmetic sees it.

    `shape` is None for an architecture whose sizes are not known here; `stored` then counts its weights.
    """

    plan: MemoryPlan
    shape: ModelShape | None
    stored: int | None
    saved: int | None
    model: str

    @classmethod
    def of(cls, stage: str, fer: Any, config: Any, model: Any, gpus: int) -> PlannedRun:
        """From the settings of `stage`; raises nothing that the run itself would not raise."""
        folder = _local(model.model_name_or_path)
        config_json = _read(folder / "config.json") if folder else KNOWN.get(model.model_name_or_path, {})
        shape = shape_of(config_json)
        patches = image_patches(shape, folder, int(fer.image_size or 0))
        plan = _plan(stage, fer, config, model, gpus, *_lengths(stage, fer, config, folder), patches)
        stored = stored_parameters(folder) if folder and shape is None else None
        return cls(plan, shape, stored, config.save_total_limit, str(model.model_name_or_path))


def _local(name: str) -> Path | None:
    """The checkpoint's folder on this machine: as typed, below the project, or in the hub's cache."""
    for path in (Path(name).expanduser(), project_root(Path.cwd()) / name):
        if (path / "config.json").is_file():
            return path
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = files.read_json(path)
    except InputError:
        return {}
    return value if isinstance(value, dict) else {}


def _plan(
    stage: str, fer: Any, config: Any, model: Any, gpus: int, text: int, completion: int, patches: int
) -> MemoryPlan:
    full = getattr(model, "dtype", None) in (None, "float32", "auto")
    targets = model.lora_target_modules or ("all-linear",)
    lora = (
        Lora(model.lora_r, (targets,) if isinstance(targets, str) else tuple(targets), model.lora_dropout)
        if model.use_peft
        else None
    )
    engine = None
    if stage == "grpo" and config.use_vllm and config.vllm_mode == "colocate":
        sequences = config.per_device_train_batch_size * (
            config.steps_per_generation or config.gradient_accumulation_steps
        )
        sleeps = bool(config.vllm_enable_sleep_mode)
        engine = Vllm(config.vllm_gpu_memory_utilization, sleeps, config.vllm_tensor_parallel_size, sequences)
    return MemoryPlan(
        gpus=gpus,
        batch=config.per_device_train_batch_size,
        accumulation=config.gradient_accumulation_steps,
        text_tokens=text,
        completion_tokens=completion,
        patches=patches,
        dtype_bytes=4 if full else 2,
        bf16=bool(config.bf16) or not full,
        moments_bytes=_MOMENTS.get(str(getattr(config.optim, "value", config.optim))),
        deepspeed=read_deepspeed(config.deepspeed),
        lora=lora,
        four_bit=bool(getattr(model, "load_in_4bit", False)),
        freeze_vision=bool(fer.freeze_vision_tower),
        checkpointing=bool(config.gradient_checkpointing),
        flash=model.attn_implementation not in _NO_FLASH,
        reference=stage == "grpo" and bool(config.beta) and lora is None,
        vllm=engine,
    )


def read_deepspeed(given: Any) -> DeepSpeed | None:
    """What decides memory in a DeepSpeed configuration (its path or its content); None without one."""
    raw = _read(Path(given)) if isinstance(given, str | Path) and given else given
    if not raw:
        return None
    zero = raw.get("zero_optimization") or {}

    def offloaded(name: str) -> bool:
        return (zero.get(name) or {}).get("device", "none") != "none"

    bucket = zero.get("reduce_bucket_size", 500_000_000)
    return DeepSpeed(
        stage=int(zero.get("stage", 0)),
        offload_optimizer=offloaded("offload_optimizer"),
        offload_parameters=offloaded("offload_param"),
        overlap=bool(zero.get("overlap_comm", False)),
        reduce_bucket=int(bucket) if isinstance(bucket, int | float) else None,
    )


def _lengths(stage: str, fer: Any, config: Any, folder: Path | None) -> tuple[int, int]:
    """Tokens of the longest prompt text and completion among the first rows.

    Counted by the checkpoint's own tokenizer if it is here, else four characters a token.
    """
    count = _counter(folder)
    fields = ("question", "response") if stage == "sft" else ("problem", "solution")
    longest = [200, 200]
    try:
        rows = [row for _, row in islice(files.read_rows(Path(fer.rows)), _ROWS) if isinstance(row, dict)]
    except InputError:  # the rows' own check says it better
        rows = []
    if rows:
        longest = [max(count(str(row.get(field, ""))) for row in rows) for field in fields]
    if stage == "grpo":
        longest[1] = config.max_completion_length
    return longest[0] + TEMPLATE_TOKENS, longest[1]


def image_patches(shape: ModelShape | None, folder: Path | None, side: int) -> int:
    """Patches of an image of `side` x `side` pixels (0: of any size) in the vision tower.

    A family with tiles scales every image to whole tiles, and adds one of the whole image to several.
    """
    if shape is None or family_named(shape.family).limits == "area":
        patch = 14 if shape is None else shape.patch
        return min(side**2 or _ANY_SIZE, _pixel_limit(folder)) // patch**2
    tile = round(shape.places**0.5) * shape.patch
    given = [own["max_patches"] for own in _image_processors(folder) if "max_patches" in own]
    most = int([_MOST_TILES, *given][-1])
    return shape.places * (tiles(side, tile, most) if side else most + 1)


def tiles(side: int, tile: int, most: int) -> int:
    """Tiles that a square image is cut into, the overview included (GotOcr2ImageProcessor)."""
    rows = 1
    while (rows + 1) ** 2 <= most and 2 * side**2 > (tile * (rows + 1)) ** 2:
        rows += 1
    return 1 if rows == 1 else rows**2 + 1


def _counter(folder: Path | None) -> Any:
    if folder and (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: len(tokenizer.encode(text).ids)
    return lambda text: len(text) // 4


def _pixel_limit(folder: Path | None) -> int:
    """Most pixels that the checkpoint's processor lets through."""
    limit = 12_845_056  # Qwen2.5-VL's own
    for own in _image_processors(folder):
        given = own.get("max_pixels") or (own.get("size") or {}).get("longest_edge")
        limit = int(given) if isinstance(given, int) else limit
    return limit


def _image_processors(folder: Path | None) -> Iterator[dict[str, Any]]:
    """What the checkpoint's files say of its image processor, the newer kind of file last."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        raw = _read(folder / name) if folder and (folder / name).is_file() else {}
        yield raw.get("image_processor", raw)
