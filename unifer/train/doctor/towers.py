"""What turns pixels into token embeddings, family by family: its linear layers and its other weights.

Knows dimensions alone. The counts are exact: `tests/train/test_family_shapes.py` builds every published size
without its bytes and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Linear(NamedTuple):
    """`times` linear layers of one kind: the end of their names, inputs, outputs, whether for vision."""

    name: str
    inputs: int
    outputs: int
    times: int
    vision: bool
    merger: bool = False
    """Whether it takes a token's worth of patches at once, and not each patch."""


class Tower(Protocol):
    """Dimensions of tower and projector; `vision_hidden` and `vision_intermediate` are widths of a block."""

    @property
    def family(self) -> str: ...
    @property
    def hidden(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def vision_hidden(self) -> int: ...
    @property
    def vision_intermediate(self) -> int: ...
    @property
    def merged(self) -> int: ...
    @property
    def patch(self) -> int: ...
    @property
    def temporal_patch(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def places(self) -> int: ...
    @property
    def deepstack(self) -> int: ...


def tower_linears(tower: Tower) -> Iterator[Linear]:
    """Every linear layer of tower and projector; all have biases."""
    v, inner, d = tower.vision_hidden, tower.vision_intermediate, tower.depth
    if tower.family == "internvl":
        for name in ("q_proj", "k_proj", "v_proj", "projection_layer"):
            yield Linear(name, v, v, d, True)
        yield Linear("fc1", v, inner, d, True)
        yield Linear("fc2", inner, v, d, True)
        yield Linear("linear_1", tower.merged, tower.hidden, 1, True, True)
        yield Linear("linear_2", tower.hidden, tower.hidden, 1, True, True)
        return
    if tower.family == "qwen2.5-vl":
        yield Linear("gate_proj", v, inner, d, True)
        yield Linear("up_proj", v, inner, d, True)
        yield Linear("down_proj", inner, v, d, True)
    else:
        prefix = "linear_" if tower.family == "qwen3-vl" else ""
        yield Linear(f"{prefix}fc1", v, inner, d, True)
        yield Linear(f"{prefix}fc2", inner, v, d, True)
    yield Linear("qkv", v, 3 * v, d, True)
    yield Linear("proj", v, v, d, True)
    first, second = ("linear_fc1", "linear_fc2") if tower.family == "qwen3-vl" else ("mlp.0", "mlp.2")
    mergers = 1 + tower.deepstack
    yield Linear(first, tower.merged, tower.merged, mergers, True, True)
    yield Linear(second, tower.merged, tower.hidden, mergers, True, True)


def patch_embedding(tower: Tower) -> int:
    """Weights of the convolution that reads a patch, its bias not counted."""
    return tower.channels * tower.temporal_patch * tower.patch**2 * tower.vision_hidden


def tower_rest(tower: Tower) -> int:
    """Weights of tower and projector outside their linear layers: embeddings, norms, scales."""
    v, d = tower.vision_hidden, tower.depth
    if tower.family == "qwen2.5-vl":  # RMS norms: no biases
        return patch_embedding(tower) + d * 2 * v + v
    norms = d * 4 * v
    if tower.family == "qwen2-vl":
        return patch_embedding(tower) + norms + 2 * v
    if tower.family == "qwen3-vl":
        mergers = 2 * v + tower.deepstack * 2 * tower.merged
        return patch_embedding(tower) + v + tower.places * v + norms + mergers
    scales, class_token = d * 2 * v, v
    return (
        patch_embedding(tower) + v + class_token + (tower.places + 1) * v + norms + scales + 2 * tower.merged
    )
