"""What a run goes through, what that costs on a card by its data sheet, and what would make it cheaper."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.train.doctor.cards import Card
from unifer.train.doctor.cost import Cost, Sampler, Work, predict
from unifer.train.doctor.findings import DoctorFinding
from unifer.train.doctor.memory import estimate
from unifer.train.doctor.needs import disk
from unifer.train.doctor.plans import TEMPLATE_TOKENS, DeepSpeed, Lora, MemoryPlan, PlannedRun
from unifer.train.doctor.shapes import KNOWN, ModelShape, shape_of

PUBLISHED_ROWS = {"sft": 230_000, "grpo": 360_000}
"""Rows of the published files, UniFER-CoT-230K and UniFER-RLVR-360K."""
PROMPT_TOKENS, REPLY_TOKENS, LONGEST = 120, 300, 2
"""Assumed where no row says it: tokens of a prompt, mean tokens of a reply, longest reply over the mean.

A prompt is counted with its template (questions of FERBench, four characters per token).
"""
_FIRST = 256
_WORTH = 0.03
"""Least share of the hours that a change must save to be named."""
_SHOWN = 0.01
"""Share of a step below which a part is not shown."""


_NAMED = {
    r"(?:UniFER|Qwen2\.5-VL)-(\d+)B": "Qwen/Qwen2.5-VL-{}B-Instruct",
    r"Qwen2-?VL-(\d+)B": "Qwen/Qwen2-VL-{}B-Instruct",
    r"Qwen3-?VL-(\d+)B": "Qwen/Qwen3-VL-{}B-Instruct",
    r"InternVL3-(\d+)B": "OpenGVLab/InternVL3-{}B-hf",
}
"""What a name says of a model's size -> the hub id of that size."""


def named(run: PlannedRun) -> tuple[PlannedRun, str]:
    """The run with the shape of the published model that its name means, and what to say of that.

    Only where its own config.json is not here.
    """
    if run.shape is not None or run.stored is not None:
        return run, ""
    sizes = ((re.search(name, run.model), hub_id) for name, hub_id in _NAMED.items())
    hub_id = next((hub_id.format(size[1]) for size, hub_id in sizes if size), "")
    shape = shape_of(KNOWN.get(hub_id, {}))
    return (
        (replace(run, shape=shape), f"{run.model} is not here: the shape of {hub_id}, by its name")
        if shape
        else (run, "")
    )


def work_of(stage: str, fer: Any, config: Any, run: PlannedRun) -> tuple[Work, list[str]]:
    """What the run goes through, and what was assumed because no file says it.

    `config` is what `examination.read_plan` gives.
    """
    assumed: list[str] = []
    rows = _rows(stage, Path(fer.rows), assumed)
    text, reply = _means(stage, Path(fer.rows), assumed)
    grpo = stage == "grpo"
    longest = reply
    if grpo:
        reply = min(REPLY_TOKENS, config.max_completion_length / 2)
        longest = min(config.max_completion_length, LONGEST * reply)
        assumed.append(f"replies of {reply:.0f} tokens, the longest of a step {longest:.0f}: assumed")
    step = run.plan.gpus * run.plan.batch * run.plan.accumulation
    group = config.num_generations if grpo else 1
    iterations = config.num_iterations if grpo else 1
    steps = (
        config.max_steps
        if config.max_steps > 0
        else math.ceil(rows * config.num_train_epochs * group * iterations / step)
    )
    zero, need = run.plan.deepspeed, disk(run)
    if zero and (zero.offload_optimizer or zero.offload_parameters):
        assumed.append("offloading to CPU memory is not counted and takes long")
    work = Work(
        steps=steps,
        text_tokens=text,
        reply_tokens=reply,
        longest_reply=longest,
        checkpoint_bytes=need.checkpoint if need else 0.0,
        save_steps=_save_steps(config, steps),
    )
    return (_rollouts(work, fer, config, run, assumed), assumed) if grpo else (work, assumed)


def _rollouts(work: Work, fer: Any, config: Any, run: PlannedRun, assumed: list[str]) -> Work:
    """`work` with what GRPO adds to it."""
    sampler: Sampler = (
        ("server" if config.vllm_mode == "server" else "vllm") if config.use_vllm else "transformers"
    )
    if sampler == "server":
        assumed.append("one GPU that serves and does not train, besides --gpus")
    accumulation = config.gradient_accumulation_steps
    reuse = config.num_iterations * (config.steps_per_generation or accumulation) / accumulation
    trained = getattr(fer, "trained_completions", None)
    return replace(
        work,
        padded=True,
        group=config.num_generations,
        sampler=sampler,
        servers=1 if sampler == "server" else 0,
        reuse=reuse,
        trained=trained / config.num_generations if trained else 1.0,
        scorings=1 if reuse > 1 or (config.use_vllm and config.vllm_importance_sampling_correction) else 0,
        reference=bool(config.beta),
    )


def _rows(stage: str, path: Path, assumed: list[str]) -> int:
    try:
        return sum(1 for _ in files.read_rows(path))
    except InputError:
        assumed.append(f"{PUBLISHED_ROWS[stage]:,} rows, as published: {path.name} is not here")
        return PUBLISHED_ROWS[stage]


def _means(stage: str, path: Path, assumed: list[str]) -> tuple[float, float]:
    """Mean tokens of prompt (with its template) and reply over the first rows, four characters a token."""
    fields = ("question", "response") if stage == "sft" else ("problem", "solution")
    try:
        rows = [row for _, row in islice(files.read_rows(path), _FIRST) if isinstance(row, dict)]
    except InputError:
        rows = []
    if not rows:
        what = f"prompts of {PROMPT_TOKENS} tokens" + (
            f" and replies of {REPLY_TOKENS}" if stage == "sft" else ""
        )
        assumed.append(f"{what}: assumed")
        return PROMPT_TOKENS, REPLY_TOKENS
    prompt, reply = (sum(len(str(row.get(field, ""))) // 4 for row in rows) / len(rows) for field in fields)
    return prompt + TEMPLATE_TOKENS, reply


def _save_steps(config: Any, steps: int) -> int:
    strategy = str(getattr(config.save_strategy, "value", config.save_strategy))
    if strategy == "epoch":
        return math.ceil(steps / max(1, config.num_train_epochs))
    if strategy != "steps":
        return 0
    return math.ceil(config.save_steps * steps) if config.save_steps < 1 else int(config.save_steps)


def findings(run: PlannedRun, work: Work, card: Card, assumed: Sequence[str]) -> list[DoctorFinding]:
    """The parts of a step, their sum over the run, the bottleneck with what moves it, the assumptions."""
    if run.shape is None:
        text = f"{run.model}: no config.json of a known family is here, so there is no prediction"
        return [
            DoctorFinding(
                "warning", "cost", text, "download the checkpoint, or give its folder as --model_name_or_path"
            )
        ]
    cost = predict(run.shape, run.plan, work, card)
    parts = [part for part in cost.parts if part.seconds >= _SHOWN * cost.step]
    lines = [
        DoctorFinding("ok", part.name, f"{seconds(part.seconds)} ({part.seconds / cost.step:.0%})")
        for part in parts
    ]
    whole = (
        f"{work.steps:,} steps of {seconds(cost.step)}: {cost.hours:,.1f} hours, "
        f"{cost.gpu_hours:,.0f} GPU-hours"
    )
    worst = cost.bottleneck
    text = f"{worst.name}, {worst.seconds / cost.step:.0%} of a step" + (
        f", bound by {worst.bound}" if worst.bound else ""
    )
    lines += [
        DoctorFinding("ok", "step", seconds(cost.step)),
        DoctorFinding("ok", "run", f"{whole} on {cost.gpus} x {card.title}"),
        DoctorFinding("ok", "bottleneck", text, listed(cost, moves(run.shape, run.plan, work, card))),
    ]
    return [
        *lines,
        DoctorFinding(
            "ok",
            "predicted, not measured",
            "; ".join([*assumed, "docs/cost.md lists what is assumed of the card"]),
        ),
    ]


def listed(now: Cost, offered: Sequence[Move], count: int = 3) -> str:
    """The first changes with the hours each leaves; some change the result, which docs/training.md tells."""
    return "; or ".join(f"{move.setting}: {move.cost.hours:,.1f} hours" for move in offered[:count])


def seconds(value: float) -> str:
    """Seconds as people read them."""
    return f"{value:.0f} s" if value >= 99.5 else f"{value:.1f} s" if value >= 9.95 else f"{value:.2f} s"


@dataclass(frozen=True)
class Move:
    """A change of one setting, as it is typed, and the run's cost with it."""

    setting: str
    cost: Cost


def fits(shape: ModelShape, plan: MemoryPlan, card: Card) -> bool:
    """Whether the doctor's estimate of the memory stays within the card's."""
    estimated = estimate(shape, plan, card.memory)
    return estimated.total <= card.memory and not estimated.vllm_short


def moves(shape: ModelShape, plan: MemoryPlan, work: Work, card: Card) -> list[Move]:
    """Changes that fit into the card and save at least 3 % of the hours, the one that saves most first."""
    now = predict(shape, plan, work, card).hours
    tried = [
        Move(name, predict(shape, other, task, card))
        for name, other, task in _changes(plan, work)
        if fits(shape, other, card)
    ]
    return sorted(
        (move for move in tried if move.cost.hours < (1 - _WORTH) * now), key=lambda move: move.cost.hours
    )


def _changes(plan: MemoryPlan, work: Work) -> Iterator[tuple[str, MemoryPlan, Work]]:
    """(setting, plan, work): one change at a time."""
    if plan.accumulation % 2 == 0:
        larger = replace(plan, batch=plan.batch * 2, accumulation=plan.accumulation // 2)
        yield f"--per_device_train_batch_size {larger.batch}", larger, work
    if plan.checkpointing:
        yield "--gradient_checkpointing false", replace(plan, checkpointing=False), work
    if plan.deepspeed and plan.deepspeed.stage == 3 and not plan.deepspeed.offload_parameters:
        yield (
            "--deepspeed zero2.json",
            replace(plan, deepspeed=DeepSpeed(2, overlap=plan.deepspeed.overlap)),
            work,
        )
    if plan.lora is None:
        yield "--use_peft true", replace(plan, lora=Lora(64), reference=False), work
    if plan.patches and not plan.freeze_vision:
        yield "--freeze_vision_tower true", replace(plan, freeze_vision=True), work
    step = plan.gpus * plan.batch * plan.accumulation
    doubled = replace(plan, accumulation=plan.accumulation * 2)
    yield (
        f"--global_batch {2 * step}",
        doubled,
        replace(work, steps=-(-work.steps // 2), save_steps=-(-work.save_steps // 2)),
    )
    if work.save_steps:
        yield f"--save_steps {2 * work.save_steps}", plan, replace(work, save_steps=2 * work.save_steps)
    if work.sampler != "none":
        yield from _of_grpo(plan, work)


def _of_grpo(plan: MemoryPlan, work: Work) -> Iterator[tuple[str, MemoryPlan, Work]]:
    if work.reference:
        yield "--beta 0", replace(plan, reference=False), replace(work, reference=False)
    if work.scorings and work.reuse == 1:
        yield "--vllm_importance_sampling_correction false", plan, replace(work, scorings=0)
    if (
        work.trained == 1 and work.group > 2 and not work.reference
    ):  # a KL term of fewer completions is another KL term
        yield f"--trained_completions {work.group // 2}", plan, replace(work, trained=0.5)
    shorter = replace(work, reply_tokens=work.reply_tokens / 2, longest_reply=work.longest_reply / 2)
    yield "replies half as long", plan, shorter
