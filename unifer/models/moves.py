"""Settings that make a run cheaper, each with the cost it would have: what moves the bottleneck. Arithmetic
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from unifer.models.cards import Card
from unifer.models.cost import Cost, Work, predict
from unifer.models.memory import estimate
from unifer.models.plans import DeepSpeed, Lora, MemoryPlan
from unifer.models.shapes import ModelShape

_WORTH = 0.03
"""Least share of the hours that a change must save to be named."""


@dataclass(frozen=True)
class Move:
    """A change of one setting, as it is typed, and the run's cost with it."""

    setting: str
    cost: Cost


def fits(shape: ModelShape, plan: MemoryPlan, card: Card) -> bool:
    """Whether the doctor's estimate of the memory stays within the card's."""
    made = estimate(shape, plan, card.memory)
    return made.total <= card.memory and not made.vllm_short


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
