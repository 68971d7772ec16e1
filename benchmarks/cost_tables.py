"""The tables of docs/cost.md, as Markdown: inputs, what SFT and GRPO cost, two published runs predicted.

    python benchmarks/cost_tables.py

It needs no GPU and no torch. Every figure comes from `unifer/train/doctor/cost.py`; a test holds docs/cost.md
to what this prints. The recipes are those of sft_7b.yaml and grpo_7b.yaml, with the step kept where the GPUs
can share it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.published_runs import Published, runs, shape, zero
from unifer.train.doctor import needs, price
from unifer.train.doctor.cards import CARDS, Card, ratios
from unifer.train.doctor.cost import Work, predict
from unifer.train.doctor.memory import GB, estimate
from unifer.train.doctor.plans import MemoryPlan, PlannedRun, Vllm
from unifer.train.doctor.price import fits, moves

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
PATCHES, LONGEST_REPLY = 256, 1024
"""Patches of a 224 x 224 image; `max_completion_length`, which decides memory."""


def recipe(stage: str, size: str, gpus: int) -> tuple[MemoryPlan, Work]:
    """sft_7b.yaml or grpo_7b.yaml on so many GPUs; 72B shards the weights in SFT too and samples on eight
    GPUs together.

    A step takes 16 rows or 224 replies as published; where the GPUs cannot share that, as many rows as GPUs,
    or 256 replies.
    """
    if stage == "sft":
        step, widest = (16 if 16 % gpus == 0 else gpus), 1
    else:
        step, widest = (224 if 224 % gpus == 0 else 256), 7
    each = step // gpus
    batch = max(size for size in range(1, widest + 1) if each % size == 0)
    plan = MemoryPlan(
        gpus=gpus,
        batch=batch,
        accumulation=each // batch,
        text_tokens=price.PROMPT_TOKENS,
        completion_tokens=price.REPLY_TOKENS if stage == "sft" else LONGEST_REPLY,
        patches=PATCHES,
        deepspeed=zero(3 if stage == "grpo" or size == "72B" else 2),
        reference=stage == "grpo",
        vllm=Vllm(0.3, True, min(8, gpus) if size == "72B" else 1, each) if stage == "grpo" else None,
    )
    need = needs.disk(PlannedRun(plan, shape(size), None, None, size))
    assert need is not None
    epochs, group = (2, 1) if stage == "sft" else (1, 8)
    work = Work(
        steps=-(-price.PUBLISHED_ROWS[stage] * epochs * group // step),
        text_tokens=price.PROMPT_TOKENS,
        reply_tokens=price.REPLY_TOKENS,
        longest_reply=price.REPLY_TOKENS,
        checkpoint_bytes=need.checkpoint,
        save_steps=2000,
    )
    if stage == "sft":
        return plan, work
    longest = price.LONGEST * price.REPLY_TOKENS
    return plan, replace(
        work,
        longest_reply=longest,
        padded=True,
        group=8,
        sampler="vllm",
        scorings=1,
        reference=True,
        save_steps=300,
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns whose cells are numbers stand right."""
    right = [all(row[index][:1].isdigit() or row[index] == "-" for row in rows) for index in range(len(head))]
    line = "|".join("---:" if numbers else "---" for numbers in right)
    return "\n".join([_row(head), f"|{line}|", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cards() -> str:
    head = ("`--card`", "Card", "bf16 TFLOP/s", "GB", "Memory TB/s", "Link GB/s", "Network GB/s", "Source")
    return table(head, [_card(card) for card in CARDS.values()])


def _card(card: Card) -> tuple[str, ...]:
    figures = (
        f"{card.flops / 1e12:.0f}",
        f"{card.memory / GB:.0f}",
        f"{card.hbm / 1e12:.2f}",
        f"{card.link / 1e9:.0f}",
        f"{card.network / 1e9:.1f}",
    )
    source = "data sheet" if card.network_source == "data sheet" else "data sheet; network assumed"
    return (f"`{card.name}`", card.title, *figures, f"{source} ({card.note})")


def assumptions() -> str:
    rows = [(f"`{name}`", f"{value:g}", "assumed", reason) for name, value, reason in ratios()]
    own = (
        (
            "prompt",
            price.PROMPT_TOKENS,
            "tokens with template, without image: FERBench's questions, four characters per token",
        ),
        ("reply", price.REPLY_TOKENS, "mean tokens of a CoT reply, where no row file says it"),
        ("longest reply", price.LONGEST, "times the mean, the longest of a step"),
    )
    return table(
        ("Input", "Value", "Source", "What it is"),
        [*rows, *((name, f"{value}", "assumed", why) for name, value, why in own)],
    )


def hours() -> str:
    head = (
        "Run",
        "Card",
        "GPUs",
        "Step",
        "GB",
        "s per step",
        "Steps",
        "Hours",
        "GPU-hours",
        "Bottleneck",
        "What moves it most",
    )
    return table(head, list(_hours()))


def _hours() -> Iterator[tuple[str, ...]]:
    for stage in ("sft", "grpo"):
        for size in ("7B", "72B"):
            for name in ("h100", "h200"):
                card = CARDS[name]
                smallest = next(
                    (count for count in COUNTS if fits(shape(size), recipe(stage, size, count)[0], card)),
                    None,
                )
                for gpus in sorted({8, 16, 64, *([smallest] if smallest else [])}):
                    yield _run(stage, size, gpus, card, least=gpus == smallest)


def _run(stage: str, size: str, gpus: int, card: Card, least: bool) -> tuple[str, ...]:
    plan, work = recipe(stage, size, gpus)
    memory = estimate(shape(size), plan, card.memory)
    step = f"{gpus} x {plan.batch} x {plan.accumulation}"
    head = (
        f"{stage.upper()} {size}",
        card.title.split()[0],
        f"{gpus}{' (least)' if least else ''}",
        step,
        f"{memory.total / GB:.0f}",
    )
    if not fits(shape(size), plan, card):
        return (*head, "-", "-", "-", "-", "does not fit", "")
    made = predict(shape(size), plan, work, card)
    best = moves(shape(size), plan, work, card)
    worst = f"{made.bottleneck.name} {made.bottleneck.seconds / made.step:.0%}" + (
        f": {made.bottleneck.bound}" if made.bottleneck.bound else ""
    )
    advice = f"{best[0].setting}: {best[0].cost.hours:,.1f} h" if best else ""
    numbers = (f"{made.step:.2f}", f"{made.steps:,}", f"{made.hours:,.1f}", f"{made.gpu_hours:,.0f}")
    return (
        *head,
        *numbers,
        worst,
        advice.replace("--", "`--", 1).replace(":", "`:", 1) if advice.startswith("--") else advice,
    )


def split() -> str:
    """Seconds per step by part, of the recipes on H100s."""
    chosen = [
        ("sft", "7B", 8),
        ("sft", "72B", 64),
        ("grpo", "7B", 8),
        ("grpo", "7B", 64),
        ("grpo", "72B", 64),
    ]
    costs = [predict(shape(size), *recipe(stage, size, gpus), CARDS["h100"]) for stage, size, gpus in chosen]
    names = list(dict.fromkeys(part.name for made in reversed(costs) for part in made.parts))
    rows = [
        (
            name,
            *(
                f"{made.of(name):.2f}" if any(part.name == name for part in made.parts) else "-"
                for made in costs
            ),
        )
        for name in names
    ]
    head = ("Part", *(f"{stage.upper()} {size}, {gpus}" for stage, size, gpus in chosen))
    return table(head, [*rows, ("sum", *(f"{made.step:.2f}" for made in costs))])


def published() -> str:
    head = (
        "Run",
        "Published",
        "Predicted",
        "Published / predicted",
        "s per step",
        "Steps",
        "Largest parts of a step",
    )
    return table(head, [_published(run) for run in runs()])


def _published(run: Published) -> tuple[str, ...]:
    made = run.cost()
    parts = sorted(made.parts, key=lambda part: -part.seconds)[:3]
    return (
        run.name,
        f"{run.hours:,.0f} h on {made.gpus} x {run.card.title.split()[0]} = "
        f"{run.hours * made.gpus:,.0f} GPU-hours",
        f"{made.hours:,.1f} h = {made.gpu_hours:,.0f} GPU-hours",
        f"{run.hours / made.hours:.1f}",
        f"{made.step:.1f}",
        f"{made.steps:,}",
        ", ".join(f"{part.name} {part.seconds / made.step:.0%}" for part in parts),
    )


def settings() -> str:
    return table(("Run", "What the prediction takes"), [(run.name, run.assumed) for run in runs()])


TABLES = (cards, assumptions, hours, split, published, settings)


def main() -> None:
    print("\n\n".join(each() for each in TABLES))


if __name__ == "__main__":
    main()
