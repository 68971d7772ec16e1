"""How long an optimizer step takes, part by part: from the model's shape, the settings and a card's figures.

Counts what the pinned stack does, as `memory` does: vLLM or transformers sample, DeepSpeed shares out, TRL
scores and trains. A part is bound by FLOPs, by bytes read or sent, or by the host that launches kernels: the
slowest of them is taken, the parts of a step add up. What is reached of a card's figures is assumed
(`cards.RATIOS`). Not counted: loading, rewards, logging, held-out evaluation, restarts. All times are seconds
of a step on all GPUs at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unifer.train.doctor.cards import GPUS_PER_MACHINE, RATIOS, Card
from unifer.train.doctor.memory import engine_cache, kv_bytes, optimizer_bytes, trained_parameters
from unifer.train.doctor.plans import MemoryPlan
from unifer.train.doctor.shapes import ModelShape, Pass, forward_pass

Sampler = Literal["none", "vllm", "server", "transformers"]


@dataclass(frozen=True)
class Work:
    """What a run goes through: means, which decide time, where `MemoryPlan` has the longest row.

    A step takes `plan.gpus x batch x accumulation` sequences: rows in SFT, replies in GRPO, `group` of them
    per prompt.
    """

    steps: int
    text_tokens: float
    """Tokens of a prompt without its image, mean."""
    reply_tokens: float
    """Tokens of a reply, mean."""
    longest_reply: float
    """Tokens of the longest reply of a step: sampling ends with it."""
    padded: bool = False
    """Whether the trainer's passes run over replies padded to the longest one, as TRL does."""
    group: int = 1
    sampler: Sampler = "none"
    servers: int = 0
    """GPUs that sample and do not train."""
    rounds: int = 1
    """Calls of the sampler per set of replies."""
    reuse: float = 1
    """Optimizer steps taken on one set of replies."""
    shared_images: bool = True
    """Whether the trainer's vision tower reads each distinct image of a batch once."""
    trained: float = 1.0
    """Share of the replies that are trained on."""
    losses: int = 1
    """Forward and backward passes over each reply; one, unless the trainer repeats them for each reward."""
    scorings: int = 0
    """Passes without gradient over each reply: its probabilities under the policy that starts the step."""
    reference: bool = False
    """Whether a reference model scores each reply (beta > 0)."""
    checkpoint_bytes: float = 0.0
    save_steps: int = 0
    """Steps between checkpoints; 0 writes none."""


@dataclass(frozen=True)
class StepPart:
    """One part of a step: its seconds, and what bounds it."""

    name: str
    seconds: float
    bound: str = ""


@dataclass(frozen=True)
class Cost:
    """Parts that add up to a step."""

    parts: tuple[StepPart, ...]
    steps: int
    gpus: int

    @property
    def step(self) -> float:
        """Seconds per optimizer step."""
        return sum(part.seconds for part in self.parts)

    @property
    def hours(self) -> float:
        return self.step * self.steps / 3600

    @property
    def gpu_hours(self) -> float:
        return self.hours * self.gpus

    @property
    def bottleneck(self) -> StepPart:
        """The largest part."""
        return max(self.parts, key=lambda part: part.seconds)

    def of(self, name: str) -> float:
        """Seconds per step of one part, 0 if it is not there."""
        return sum(part.seconds for part in self.parts if part.name == name)


def predict(shape: ModelShape, plan: MemoryPlan, work: Work, card: Card) -> Cost:
    """What a run of `work` under `plan` costs on `plan.gpus` (and `work.servers`) of `card`."""
    prompt = work.text_tokens + plan.patches // shape.merge**2
    parts, looking = _rollouts(shape, plan, work, card, prompt) if work.sampler != "none" else ([], 0.0)
    parts += _passes(shape, plan, work, card, prompt, looking)
    parts.append(StepPart("optimizer", _optimizer(shape, plan, card), "memory bandwidth"))
    if work.save_steps:
        parts.append(StepPart("checkpoints", work.checkpoint_bytes / RATIOS.disk / work.save_steps, "disk"))
    return Cost(tuple(parts), work.steps, plan.gpus + work.servers)


def _passes(
    shape: ModelShape, plan: MemoryPlan, work: Work, card: Card, prompt: float, looking: float
) -> list[StepPart]:
    """The trainer's passes and what they send; `looking` seconds of the vision tower are the sampler's."""
    reply = work.longest_reply if work.padded else work.reply_tokens
    once = forward_pass(shape, plan.batch, prompt + reply, reply, _images(plan, work), plan.patches)
    whole, (layers, blocks) = training_pass(shape, plan, once), host_passes(plan)
    train, bound = _pass(whole.layers + whole.head, layers * shape.layers, card)
    score, scored = _pass(once.layers + once.head, shape.layers, card)
    seen, vision_bound = _pass(whole.vision, blocks * shape.depth, card)
    looked, _ = _pass(once.vision, shape.depth, card)
    trainings = plan.accumulation * work.trained * work.losses
    scorings, references = plan.accumulation * work.scorings, plan.accumulation * int(work.reference)
    vision = looking + trainings * seen + (scorings + references) * looked
    sent = communication(shape, plan, card, 2 * trainings + scorings + references, trainings)
    parts = [StepPart("images", vision, vision_bound), StepPart("training", trainings * train, bound)]
    parts += [StepPart("scoring", scorings * score, scored)] if scorings else []
    parts += [StepPart("reference model", references * score, scored)] if references else []
    return [*parts, StepPart("communication", sent * (1 - RATIOS.hidden), "links")]


def training_pass(shape: ModelShape, plan: MemoryPlan, forward: Pass) -> Pass:
    """FLOPs of forward and backward pass together.

    A trained weight costs twice its forward pass backward, a frozen one through which gradients flow once.
    Gradient checkpointing computes layers and blocks once more, not the head.
    """
    again, own = (1 if plan.checkpointing else 0), (1 if plan.lora else 2)
    vision = 1 if plan.freeze_vision else 1 + again + own
    return Pass(forward.layers * (1 + again + own), forward.head * (1 + own), forward.vision * vision)


def host_passes(plan: MemoryPlan) -> tuple[int, int]:
    """Launches of each (decoder layer, vision block) by the host per training pass.

    Forward, recomputation, backward.
    """
    whole = 3 if plan.checkpointing else 2
    return whole, 1 if plan.freeze_vision else whole


def _rollouts(
    shape: ModelShape, plan: MemoryPlan, work: Work, card: Card, prompt: float
) -> tuple[list[StepPart], float]:
    """Parts of sampling, and the seconds of the vision tower in it."""
    prefill, decode, looking, bound = _sampling(shape, plan, work, card, prompt)
    loading = "links" if work.sampler == "transformers" else "loading into vLLM"
    sync = StepPart("weight sync", _sync(shape, plan, work, card), loading)
    return [StepPart("prefill", prefill, "FLOPs"), StepPart("decode", decode, bound), sync], looking


def _images(plan: MemoryPlan, work: Work) -> float:
    """Mean images that the trainer's vision tower reads per batch of one GPU.

    A batch is a window of `batch` replies over groups of `group`.
    """
    if not plan.patches:
        return 0.0
    if not work.shared_images:
        return plan.batch
    if plan.batch % work.group == 0 or work.group % plan.batch == 0:
        return max(1.0, plan.batch / work.group)
    return (plan.batch + work.group - 1) / work.group


def _pass(operations: float, launches: int, card: Card) -> tuple[float, str]:
    """(seconds, what bounds them) of a pass in transformers: computing or launching the layers.

    The longer of the two counts; no operations take no time.
    """
    computing, host = operations / (card.flops * RATIOS.matmul), launches * RATIOS.eager_layer
    if not operations or computing >= host:
        return computing, "FLOPs"
    return host, "the host that launches kernels"


def gather_seconds(size: float, gpus: int, card: Card) -> float:
    """Seconds of an all-gather (or reduce-scatter) of `size` bytes over `gpus`.

    Rings within machines, the network cards of a machine side by side. Each GPU receives (N - 1) / N of it
    over its link, each machine (M - 1) / M over its network cards; the slower of both counts.
    """
    machines = math.ceil(gpus / GPUS_PER_MACHINE)
    inside = size * (gpus - 1) / gpus / card.link
    between = size * (machines - 1) / machines / (card.network * min(gpus, GPUS_PER_MACHINE))
    return max(inside, between) / RATIOS.links


def communication(shape: ModelShape, plan: MemoryPlan, card: Card, gathers: float, batches: float) -> float:
    """Seconds per step in which DeepSpeed or DDP send, before anything is hidden behind computation.

    Rajbhandari et al., arXiv 1910.02054, section 7. ZeRO-3 gathers all weights `gathers` times (for each
    pass, and for the backward pass again) and reduces gradients after each of the `batches`; ZeRO-2 reduces
    as often and gathers once; without either gradients are all-reduced once.
    """
    weights, gradients = 2 * shape.parameters, 2 * trained_parameters(shape, plan)
    stage = plan.deepspeed.stage if plan.deepspeed else 0
    reduced = gather_seconds(gradients, plan.gpus, card)
    if stage == 3:
        return gathers * gather_seconds(weights, plan.gpus, card) + batches * reduced
    return (batches + 1 if stage == 2 else 2) * reduced


def _parallel(plan: MemoryPlan, work: Work) -> int:
    """GPUs of an engine that samples."""
    return plan.vllm.tensor_parallel if plan.vllm and work.sampler != "transformers" else 1


def _sampling(
    shape: ModelShape, plan: MemoryPlan, work: Work, card: Card, prompt: float
) -> tuple[float, float, float, str]:
    """Seconds per step of (prefill, decode, vision tower) and what bounds decoding.

    Per engine and call: each distinct prompt is read once by vLLM (its prefix cache), each reply's by
    transformers. Then as many tokens follow one another as the longest reply has; each reads all weights, and
    each reply its keys and values.
    """
    parallel = _parallel(plan, work)
    engines = (work.servers if work.sampler == "server" else plan.gpus) / parallel
    batch = plan.gpus * plan.batch * plan.accumulation * work.reuse / engines / work.rounds
    prompts = batch if work.sampler == "transformers" else max(1.0, batch / work.group)
    read = forward_pass(shape, prompts, prompt, 1, prompts if plan.patches else 0, plan.patches)
    speed = card.flops * RATIOS.matmul * parallel
    decode, bound = _decode(shape, plan, work, card, prompt, batch)
    calls = work.rounds / work.reuse
    return calls * (read.layers + read.head) / speed, calls * decode, calls * read.vision / speed, bound


def _decode(
    shape: ModelShape, plan: MemoryPlan, work: Work, card: Card, prompt: float, batch: float
) -> tuple[float, str]:
    """Seconds in which an engine decodes `batch` replies, and what bounds that."""
    eager, parallel = work.sampler == "transformers", _parallel(plan, work)
    bandwidth = card.hbm * RATIOS.bandwidth * parallel
    weights = 2 * shape.language_parameters / bandwidth
    host = shape.layers * RATIOS.eager_layer if eager else RATIOS.engine_token
    host += 2 * shape.layers * RATIOS.all_reduce if parallel > 1 else 0.0
    # transformers goes on for replies that have ended
    tokens = work.longest_reply if eager else work.reply_tokens
    cached = batch * tokens * (prompt + tokens / 2) * kv_bytes(shape)
    room = math.inf
    if plan.vllm and work.sampler == "vllm":
        room = engine_cache(shape, plan.vllm, card.memory) * parallel
    waves = math.ceil(batch * (prompt + tokens) * kv_bytes(shape) / room) if room > 0 else 1
    each = max(weights, host) if eager else weights + host
    one_by_one = max(1, waves) * work.longest_reply * each
    computing = batch * tokens * 2 * shape.language_parameters / (card.flops * RATIOS.matmul * parallel)
    reading = cached / bandwidth
    if computing > one_by_one + reading:
        return computing, "FLOPs"
    if reading > one_by_one:
        return one_by_one + reading, "reading keys and values"
    bound = "reading the weights once per token" if weights > host else "the host, once per token"
    return one_by_one + reading, bound


def _sync(shape: ModelShape, plan: MemoryPlan, work: Work, card: Card) -> float:
    """Seconds per step of the sampler's new weights: gathered under ZeRO-3, sent to a server, loaded."""
    stage = plan.deepspeed.stage if plan.deepspeed else 0
    gathered = gather_seconds(2 * shape.parameters, plan.gpus, card) if stage == 3 else 0.0
    if work.sampler == "transformers":
        return work.rounds * gathered / work.reuse
    sent = 2 * shape.parameters / (card.network * RATIOS.links) if work.sampler == "server" else 0.0
    wake = RATIOS.wake if plan.vllm and plan.vllm.sleeps else 0.0
    return (gathered + sent + tensors(shape) * RATIOS.load_tensor + wake) / work.reuse


def tensors(shape: ModelShape) -> int:
    """Tensors of a checkpoint: 12 per layer or block, embedding, norm, head, patch embedding and merger."""
    return 12 * (shape.layers + shape.depth) + (2 if shape.tied else 3) + 6


def _optimizer(shape: ModelShape, plan: MemoryPlan, card: Card) -> float:
    """Seconds of reading states and gradients and writing states and weights; under ZeRO a share."""
    share = plan.gpus if plan.deepspeed and plan.deepspeed.stage else 1
    moved = 2 * optimizer_bytes(shape, plan) + 4 * trained_parameters(shape, plan)
    return moved / share / (card.hbm * RATIOS.bandwidth)
