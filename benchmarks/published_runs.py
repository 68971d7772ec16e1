"""Runs whose cost somebody published, as they are assumed to have been, for the tables of docs/cost.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from unifer.train.doctor.cards import CARDS, Card
from unifer.train.doctor.cost import Cost, Work, predict
from unifer.train.doctor.plans import DeepSpeed, MemoryPlan, Vllm, read_deepspeed
from unifer.train.doctor.shapes import KNOWN, ModelShape, shape_of

CONFIGS = Path(__file__).parents[1] / "train_unifer" / "configs" / "deepspeed"


@dataclass(frozen=True)
class Published:
    """A run whose cost somebody published, as it is assumed to have been."""

    name: str
    shape: ModelShape
    plan: MemoryPlan
    work: Work
    card: Card
    hours: float
    assumed: str

    def cost(self) -> Cost:
        return predict(self.shape, self.plan, self.work, self.card)


def shape(size: str) -> ModelShape:
    found = shape_of(KNOWN[f"Qwen/Qwen2.5-VL-{size}-Instruct"])
    assert found is not None
    return found


def zero(stage: int) -> DeepSpeed:
    found = read_deepspeed(CONFIGS / f"zero{stage}.json")
    assert found is not None
    return found


def facial_r1() -> Published:
    """Facial-R1's step 3: GRPO on RAF-DB, replies by transformers' generate."""
    plan = MemoryPlan(
        gpus=8,
        batch=8,
        accumulation=4,
        text_tokens=500,
        completion_tokens=256,
        patches=64,
        deepspeed=zero(3),
        flash=True,
    )
    work = Work(
        steps=-(-12_271 * 10 * 8 // 256),
        text_tokens=500,
        reply_tokens=200,
        longest_reply=256,
        padded=True,
        group=8,
        sampler="transformers",
        rounds=4,
        shared_images=False,
        losses=3,
    )
    assumed = (
        "from its README and code: 8 x A800 for about 240 hours, 10 iterations on one dataset such "
        "as RAF-DB, batch 8 x accumulation 4, ZeRO-3, groups of 8, replies cut at 256 tokens, no "
        "reference model, no vLLM, each batch generated apart, one forward and backward pass per "
        "reward. Assumed: an iteration is an epoch of RAF-DB's 12,271 training rows, three rewards, "
        "prompts of 500 tokens, faces of 112 x 112 pixels, replies of 200 tokens, one of each batch "
        "cut at 256, generation with a cache"
    )
    return Published("Facial-R1, on RAF-DB", shape("7B"), plan, work, CARDS["a800"], 240, assumed)


def facial_r1_short() -> Published:
    """The same on the excerpt of RAF-DB that its later scripts name: what the README leaves open decides more
    than the model does.
    """
    run = facial_r1()
    work = replace(run.work, steps=-(-1_000 * 10 * 8 // 256))
    assumed = (
        "as above, but an iteration is an epoch of the 1,000 rows in the file `RAF-DB-Train-1000` of "
        "its later scripts"
    )
    return replace(run, name="the same, on 1,000 rows of it", work=work, assumed=assumed)


def simple_rl() -> Published:
    """SimpleRL-Zoo's Qwen2.5-7B: text alone, so a shape without vision tower."""
    plan = MemoryPlan(
        gpus=16,
        batch=2,
        accumulation=64,
        text_tokens=150,
        completion_tokens=8192,
        patches=0,
        deepspeed=DeepSpeed(3),
        flash=True,
    )
    plan = replace(plan, reference=True, vllm=Vllm(0.75, True, 2, 512))
    work = Work(
        steps=400,
        text_tokens=150,
        reply_tokens=800,
        longest_reply=8192,
        group=8,
        sampler="vllm",
        reuse=4,
        scorings=1,
        reference=True,
    )
    assumed = (
        "from its README and script: 16 x H100 for about 15 hours, 100 sets of 1,024 prompts x 8 "
        "replies, each for four optimizer steps, batch 2, vLLM on pairs of GPUs with 0.75 of their "
        "memory, replies cut at 8,192 tokens, a reference model, gradient checkpointing, padding "
        "removed. Assumed: prompts of 150 tokens, replies of 800 (its authors name 800 for the 32B, "
        "issue 69), one of each set cut at 8,192, FSDP counted as ZeRO-3, checkpoints and evaluation "
        "left out"
    )
    return Published(
        "SimpleRL-Zoo, Qwen2.5-7B", replace(shape("7B"), depth=0), plan, work, CARDS["h100"], 15, assumed
    )


def runs() -> tuple[Published, ...]:
    return facial_r1(), facial_r1_short(), simple_rl()
