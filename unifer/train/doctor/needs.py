"""What a planned run needs on disk and on each GPU, whether that fits, and what would make it fit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from unifer.models.families import FAMILIES
from unifer.places import project_root
from unifer.train.doctor import memory as sizes
from unifer.train.doctor.findings import DoctorFinding, size
from unifer.train.doctor.machine import DiskNeed, ram
from unifer.train.doctor.memory import GB, Estimate
from unifer.train.doctor.plans import Lora, MemoryPlan, PlannedRun, read_deepspeed
from unifer.train.doctor.shapes import ModelShape

USUAL_GPU = 80 * GB
_SAFE = 0.92
"""Share of a GPU up to which an estimate is trusted to fit."""


def disk(run: PlannedRun) -> DiskNeed | None:
    """What the run writes: checkpoints (weights, optimizer state), the final model; None of unknown size."""
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
    need = sizes.estimate(run.shape, run.plan, gpu)
    lines = [DoctorFinding("ok", term.name, f"{size(term.bytes)} ({term.note})") for term in need.terms]
    return [*lines, *_host(run), _verdict(run, need, gpu)]


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
        text = f"{run.model}: no config.json of a known family is here, so there is no estimate"
        return DoctorFinding(
            "warning", "estimate", text, "download the checkpoint, or give its folder as --model_name_or_path"
        )
    weights = f"weights alone {size(run.stored * run.plan.dtype_bytes)}"
    text = f"{run.model}: {weights}; the rest is only known for {_families()}"
    return DoctorFinding("warning", "estimate", text, "try a step with the largest batch")


def _families() -> str:
    return ", ".join(family.name for family in FAMILIES)


def _fits(need: Estimate, gpu: float) -> bool:
    return need.total <= gpu and not need.vllm_short


def _verdict(run: PlannedRun, need: Estimate, gpu: float) -> DoctorFinding:
    total = f"{size(need.total)} of {size(gpu)}"
    if _fits(need, gpu):
        tight = need.total > _SAFE * gpu
        remedy = f"to be safe: {_listed(run, gpu)}" if tight else ""
        return DoctorFinding(
            "warning" if tight else "ok",
            "verdict",
            f"fits{', but only just' if tight else ''}: {total}",
            remedy,
        )
    if need.total <= gpu:
        needed = (run.plan.vllm.utilization if run.plan.vllm else 0.0) + need.vllm_short / gpu
        text = (
            "does not fit: vLLM's share leaves no room for the KV cache of one sequence "
            f"({size(need.vllm_short)} short)"
        )
        return DoctorFinding("problem", "verdict", text, f"--vllm_gpu_memory_utilization {needed + 0.05:.2f}")
    return DoctorFinding("problem", "verdict", f"does not fit: {total}", _listed(run, gpu))


def _listed(run: PlannedRun, gpu: float) -> str:
    """Changes with the figure each gives: single ones that fit, else a combination, else the nearest."""
    for offered in (changes(run.plan), combined(run.plan)):
        tried = [(name, plan, sizes.estimate(_known(run), plan, gpu)) for name, plan in offered]
        fitting = [each for each in tried if each[2].total <= _SAFE * gpu and not each[2].vllm_short]
        if fitting:
            return "; or ".join(
                f"{_costs(_known(run), name, plan)}: {size(need.total)}" for name, plan, need in fitting[:3]
            )
    name, plan, need = min(tried, key=lambda each: each[2].total)
    return (
        f"nearest is {_costs(_known(run), name, plan)}: {size(need.total)}; use more GPUs, or a smaller model"
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
            f"--per_device_train_batch_size {smaller.batch} --gradient_accumulation_steps "
            f"{smaller.accumulation}",
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
    """All that makes a step small at once, under each DeepSpeed file that shards more, then with LoRA."""
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
