"""How many floating-point operations the passes of a Qwen2.5-VL take. Arithmetic alone.

A multiplication and an addition count as two (PaLM: Chowdhery et al., arXiv 2204.02311, appendix B). A token
costs 2 FLOPs per weight forward, and attention 4 x width x context, the causal half not subtracted. A trained
weight costs twice its forward pass backward, a frozen one through which gradients flow once.
"""

from __future__ import annotations

from dataclasses import dataclass

from unifer.models.plans import MemoryPlan
from unifer.models.shapes import ModelShape

_WINDOW, _FULL_BLOCKS = 64, 4
"""Patches of an attention window of the vision tower (112 x 112 pixels), and blocks that look at the whole
image.
"""


@dataclass(frozen=True)
class Pass:
    """FLOPs of one pass: `layers` of the decoder, its `head`, and the `vision` tower with its merger."""

    layers: float
    head: float
    vision: float


def forward(
    shape: ModelShape, sequences: float, tokens: float, scored: float, images: float, patches: int
) -> Pass:
    """FLOPs of a forward pass over `sequences` of `tokens` each, `scored` of which go through the head, and
    `images` of `patches`.
    """
    decoder = sum(each.inputs * each.outputs * each.times for each in shape.linears() if not each.vision)
    attention = 4 * shape.hidden * shape.layers * tokens
    head = 2 * shape.vocabulary * shape.hidden * sequences * scored
    return Pass(sequences * tokens * (2 * decoder + attention), head, images * image(shape, patches))


def image(shape: ModelShape, patches: int) -> float:
    """FLOPs of the vision tower for one image of `patches`."""
    linears = [each for each in shape.linears() if each.vision]
    merger = sum(each.inputs * each.outputs for each in linears if each.name.startswith("mlp."))
    blocks = sum(each.inputs * each.outputs * each.times for each in linears) - merger
    embedding = shape.channels * shape.temporal_patch * shape.patch**2 * shape.vision_hidden
    full = min(_FULL_BLOCKS, shape.depth)
    seen = full * patches + (shape.depth - full) * min(_WINDOW, patches)
    return patches * (2 * (blocks + embedding) + 2 * merger / shape.merge**2 + 4 * shape.vision_hidden * seen)


def training(shape: ModelShape, plan: MemoryPlan, forward: Pass) -> Pass:
    """FLOPs of forward and backward pass together; gradient checkpointing computes layers and blocks once
    more (not the head).
    """
    again, own = (1 if plan.checkpointing else 0), (1 if plan.lora else 2)
    vision = 1 if plan.freeze_vision else 1 + again + own
    return Pass(forward.layers * (1 + again + own), forward.head * (1 + own), forward.vision * vision)


def host_passes(plan: MemoryPlan) -> tuple[int, int]:
    """How often the host launches each (decoder layer, vision block) in a training pass: forward,
    recomputation, backward.
    """
    whole = 3 if plan.checkpointing else 2
    return whole, 1 if plan.freeze_vision else whole
