"""Settings of a run -> what it needs on disk and on each GPU, whether that fits, and which setting would make
it fit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.models import memory as sizes
from unifer.models.memory import GB, Estimate
from unifer.models.plans import DeepSpeed, Lora, MemoryPlan, Vllm
from unifer.models.shapes import KNOWN, ModelShape, shape_of, stored_parameters
from unifer.places import project_root
from unifer.train.doctor.findings import DoctorFinding, size
from unifer.train.doctor.machine import DiskNeed, ram

USUAL_GPU = 80 * GB
_SAFE = 0.92
"""Share of a GPU up to which an estimate is trusted to fit."""
TEMPLATE_TOKENS = 30
"""Tokens that the chat template adds to a prompt."""
_ROWS = 256
_ANY_SIZE = 1024 * 784
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
class PlannedRun:
    """A run as arithmetic sees it; `shape` is None for an architecture whose sizes are not known here,
    `stored` then counts its weights.
    """

    plan: MemoryPlan
    shape: ModelShape | None
    stored: int | None
    saved: int | None
    model: str

    @classmethod
    def of(cls, stage: str, fer: Any, config: Any, model: Any, gpus: int) -> PlannedRun:
        """From what `settings.parse` gives for `stage`; raises nothing that the run itself would not
        raise.
        """
        folder = _local(model.model_name_or_path)
        config_json = _read(folder / "config.json") if folder else KNOWN.get(model.model_name_or_path, {})
        shape = shape_of(config_json)
        plan = _plan(stage, fer, config, model, gpus, *_lengths(stage, fer, config, folder))
        stored = stored_parameters(folder) if folder and shape is None else None
        return cls(plan, shape, stored, config.save_total_limit, str(model.model_name_or_path))


def _local(name: str) -> Path | None:
    """The checkpoint's folder if it is on this machine: as typed, below the project, or in the hub's
    cache.
    """
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
        asked = config.per_device_train_batch_size * (
            config.steps_per_generation or config.gradient_accumulation_steps
        )
        sleeps = bool(config.vllm_enable_sleep_mode)
        engine = Vllm(config.vllm_gpu_memory_utilization, sleeps, config.vllm_tensor_parallel_size, asked)
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
    """What decides memory in a DeepSpeed configuration, given as a path or as its content; None without
    one.
    """
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


def _lengths(stage: str, fer: Any, config: Any, folder: Path | None) -> tuple[int, int, int]:
    """Tokens of the longest prompt text and completion among the first rows, and patches of an image.

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
    pixels = fer.image_size**2 or _ANY_SIZE
    return longest[0] + TEMPLATE_TOKENS, longest[1], min(pixels, _pixel_limit(folder)) // 14**2


def _counter(folder: Path | None) -> Any:
    if folder and (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda text: len(tokenizer.encode(text).ids)
    return lambda text: len(text) // 4


def _pixel_limit(folder: Path | None) -> int:
    """Most pixels that the checkpoint's processor lets through."""
    limit = 12_845_056  # Qwen2.5-VL's own
    for name in ("preprocessor_config.json", "processor_config.json"):
        raw = _read(folder / name) if folder and (folder / name).is_file() else {}
        own = raw.get("image_processor", raw)
        given = own.get("max_pixels") or (own.get("size") or {}).get("longest_edge")
        limit = int(given) if isinstance(given, int) else limit
    return limit


def disk(run: PlannedRun) -> DiskNeed | None:
    """Checkpoints (trained weights and optimizer state) and the final model; None where the model's size is
    not known.
    """
    shape, plan = run.shape, run.plan
    if shape is None:
        return None
    each = 2 if plan.deepspeed and plan.bf16 else plan.dtype_bytes
    saved = sizes.trained_parameters(shape, plan) * 4 if plan.lora else shape.parameters * each
    if plan.deepspeed and plan.deepspeed.stage < 3:
        # transformers writes model.safetensors, DeepSpeed the same weights in mp_rank_00_model_states.pt
        saved *= 2
    return DiskNeed(saved + sizes.optimizer_bytes(shape, plan), run.saved, shape.parameters * each)


def memory(run: PlannedRun, gpu: float) -> list[DoctorFinding]:
    """A line a term, and the verdict; what to change where it does not fit into `gpu` bytes."""
    if run.shape is None:
        return [_unknown(run)]
    made = sizes.estimate(run.shape, run.plan, gpu)
    lines = [DoctorFinding("ok", term.name, f"{size(term.bytes)} ({term.note})") for term in made.terms]
    return [*lines, *_host(run), _verdict(run, made, gpu)]


def _host(run: PlannedRun) -> list[DoctorFinding]:
    """What offloading puts into the memory of the machine; a share of it on each of several."""
    wanted, (total, _) = sizes.host_bytes(_known(run), run.plan), ram()
    if not wanted:
        return []
    text = f"{size(wanted)} offloaded, over all machines; this one has {size(total)}"
    short = wanted > total
    return [
        DoctorFinding(
            "warning" if short else "ok", "CPU memory", text, "more memory, or no offload" if short else ""
        )
    ]


def _unknown(run: PlannedRun) -> DoctorFinding:
    if run.stored is None:
        text = f"{run.model}: no config.json of a Qwen2.5-VL is here, so there is no estimate"
        return DoctorFinding(
            "warning", "estimate", text, "download the checkpoint, or give its folder as --model_name_or_path"
        )
    weights = f"weights alone {size(run.stored * run.plan.dtype_bytes)}"
    text = f"{run.model}: {weights}; the rest is only known for Qwen2.5-VL"
    return DoctorFinding("warning", "estimate", text, "try a step with the largest batch")


def _fits(made: Estimate, gpu: float) -> bool:
    return made.total <= gpu and not made.vllm_short


def _verdict(run: PlannedRun, made: Estimate, gpu: float) -> DoctorFinding:
    total = f"{size(made.total)} of {size(gpu)}"
    if _fits(made, gpu):
        tight = made.total > _SAFE * gpu
        remedy = f"to be safe: {_listed(run, gpu)}" if tight else ""
        return DoctorFinding(
            "warning" if tight else "ok",
            "verdict",
            f"fits{', but only just' if tight else ''}: {total}",
            remedy,
        )
    if made.total <= gpu:
        needed = (run.plan.vllm.utilization if run.plan.vllm else 0.0) + made.vllm_short / gpu
        text = (
            "does not fit: vLLM's share leaves no room for the KV cache of one sequence "
            f"({size(made.vllm_short)} short)"
        )
        return DoctorFinding("problem", "verdict", text, f"--vllm_gpu_memory_utilization {needed + 0.05:.2f}")
    return DoctorFinding("problem", "verdict", f"does not fit: {total}", _listed(run, gpu))


def _listed(run: PlannedRun, gpu: float) -> str:
    """Changes with the figure each gives: single ones that fit, else a combination, else what comes
    nearest.
    """
    for offered in (changes(run.plan), combined(run.plan)):
        tried = [(name, plan, sizes.estimate(_known(run), plan, gpu)) for name, plan in offered]
        fitting = [each for each in tried if each[2].total <= _SAFE * gpu and not each[2].vllm_short]
        if fitting:
            return "; or ".join(
                f"{_costs(_known(run), name, plan)}: {size(made.total)}" for name, plan, made in fitting[:3]
            )
    name, plan, made = min(tried, key=lambda each: each[2].total)
    return (
        f"nearest is {_costs(_known(run), name, plan)}: {size(made.total)}; use more GPUs, or a smaller model"
    )


def _known(run: PlannedRun) -> ModelShape:
    assert run.shape is not None
    return run.shape


def _costs(shape: ModelShape, name: str, plan: MemoryPlan) -> str:
    host = sizes.host_bytes(shape, plan)
    return f"{name} (and {size(host)} of CPU memory)" if host else name


def changes(plan: MemoryPlan) -> Iterator[tuple[str, MemoryPlan]]:
    """Changed plans by the flags that make them: those that change no result first, LoRA last."""
    if not plan.checkpointing:
        yield "--gradient_checkpointing true", replace(plan, checkpointing=True)
    if plan.batch > 1:
        smaller = replace(plan, batch=plan.batch // 2, accumulation=plan.accumulation * 2)
        yield (
            "--per_device_train_batch_size "
            f"{smaller.batch} --gradient_accumulation_steps {smaller.accumulation}",
            smaller,
        )
    if plan.vllm and not plan.vllm.sleeps:
        yield "--vllm_enable_sleep_mode true", replace(plan, vllm=replace(plan.vllm, sleeps=True))
    if plan.vllm and plan.vllm.utilization > 0.3:
        yield "--vllm_gpu_memory_utilization 0.3", replace(plan, vllm=replace(plan.vllm, utilization=0.3))
    yield from _sharded(plan)
    if plan.lora is None:
        yield "--use_peft true", replace(plan, lora=Lora(64), reference=False)


def combined(plan: MemoryPlan) -> Iterator[tuple[str, MemoryPlan]]:
    """Everything that makes a step small at once, under each DeepSpeed file that shards more, then with LoRA
    besides.
    """
    flags = "--gradient_checkpointing true --per_device_train_batch_size 1"
    slim = replace(plan, checkpointing=True, batch=1)
    if plan.vllm:
        flags += " --vllm_enable_sleep_mode true"
        slim = replace(slim, vllm=replace(plan.vllm, sleeps=True))
    for name, each in [("", slim), *((f"{name} ", each) for name, each in _sharded(slim))]:
        yield f"{name}{flags}", each
        if plan.lora is None:
            yield f"{name}--use_peft true {flags}", replace(each, lora=Lora(64), reference=False)


def _sharded(plan: MemoryPlan) -> Iterator[tuple[str, MemoryPlan]]:
    """The DeepSpeed files of the project that shard more than the plan does."""
    folder = project_root(Path(__file__).parent) / "train_unifer" / "configs" / "deepspeed"
    now = plan.deepspeed
    for path in sorted(folder.glob("zero*.json"), key=lambda path: (len(path.stem), path.stem)):
        try:
            zero = read_deepspeed(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            continue
        more = zero and (
            now is None or (zero.stage, zero.offload_optimizer) > (now.stage, now.offload_optimizer)
        )
        if zero and more and (plan.gpus > 1 or zero.offload_optimizer):
            yield f"--deepspeed {path.name}", replace(plan, deepspeed=zero)
