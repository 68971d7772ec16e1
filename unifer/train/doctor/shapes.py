"""config.json -> the shape of a model, its exact parameter counts, and the FLOPs of a forward pass.

Knows dimensions alone, no torch and no weights: what training needs beside the weights is `memory`. A
multiplication and an addition count as two FLOPs (PaLM: Chowdhery et al., arXiv 2204.02311, appendix B): a
token costs 2 FLOPs per weight, and attention 4 x width x context, the causal half not subtracted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer.models.families import FAMILIES
from unifer.records import Json
from unifer.train.doctor.published_shapes import KNOWN as KNOWN
from unifer.train.doctor.towers import Linear, patch_embedding, tower_linears, tower_rest

_WINDOW, _FULL_BLOCKS = 64, 4
"""Patches per attention window of the vision tower (112 x 112 pixels); blocks that see the whole image."""


@dataclass(frozen=True)
class ModelShape:
    """Dimensions of one model, named as in its config.json; `heads` attend, `merge` is per side."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    tied: bool
    depth: int
    vision_hidden: int
    vision_intermediate: int
    patch: int = 14
    temporal_patch: int = 2
    merge: int = 2
    channels: int = 3
    family: str = "qwen2.5-vl"
    head_width: int = 0
    """Width of a head where it is not `hidden` / `heads`, 0 else."""
    places: int = 0
    """Places of an image that have an embedding of their own; 0 where rotation alone tells them apart."""
    deepstack: int = 0
    """Vision blocks whose features enter the decoder a second time."""

    @property
    def kv_width(self) -> int:
        """Width of the keys of one token in one layer; the values are as wide."""
        return self.kv_heads * (self.head_width or self.hidden // self.heads)

    @property
    def query_width(self) -> int:
        """Width of the queries of one token in one layer."""
        return self.heads * (self.head_width or self.hidden // self.heads)

    @property
    def merged(self) -> int:
        """Width of the patches that the merger turns into one token."""
        return self.vision_hidden * self.merge**2

    def linears(self) -> Iterator[Linear]:
        """Every linear layer below the language model's head: what LoRA's `all-linear` adapts."""
        h, q, n = self.hidden, self.query_width, self.layers
        yield Linear("q_proj", h, q, n, False)
        yield Linear("k_proj", h, self.kv_width, n, False)
        yield Linear("v_proj", h, self.kv_width, n, False)
        yield Linear("o_proj", q, h, n, False)
        yield Linear("gate_proj", h, self.intermediate, n, False)
        yield Linear("up_proj", h, self.intermediate, n, False)
        yield Linear("down_proj", self.intermediate, h, n, False)
        yield from tower_linears(self)

    @property
    def language_parameters(self) -> int:
        """Embedding, decoder layers and head, which counts once more unless it is tied."""
        weights = sum(each.inputs * each.outputs * each.times for each in self.linears() if not each.vision)
        # Qwen3 has no biases, and norms of queries and keys instead.
        own = 2 * self.head_width or self.query_width + 2 * self.kv_width
        biases_and_norms = self.layers * (own + 2 * self.hidden) + self.hidden
        return self.vocabulary * self.hidden * (1 if self.tied else 2) + weights + biases_and_norms

    @property
    def vision_parameters(self) -> int:
        """Patch embedding, blocks (their linear layers have biases) and projector: all that sees pixels."""
        weights = sum((each.inputs + 1) * each.outputs * each.times for each in tower_linears(self))
        return weights + tower_rest(self)

    @property
    def parameters(self) -> int:
        return self.language_parameters + self.vision_parameters

    def lora_targets(self, targets: Sequence[str] | str, vision: bool) -> list[Linear]:
        """The linear layers that LoRA adapts; without `vision` those of the language model alone."""
        chosen = [each for each in self.linears() if vision or not each.vision]
        names = [targets] if isinstance(targets, str) else list(targets)
        return chosen if names == ["all-linear"] else [each for each in chosen if each.name in names]

    def lora_parameters(
        self, rank: int, targets: Sequence[str] | str = "all-linear", vision: bool = True
    ) -> int:
        """rank x (inputs + outputs) for each adapted layer (Hu et al., arXiv 2106.09685)."""
        return sum(
            rank * (each.inputs + each.outputs) * each.times for each in self.lora_targets(targets, vision)
        )


def shape_of(config: Json) -> ModelShape | None:
    """The shape that a config.json states, its text keys nested or flat; None for other architectures."""
    text, vision = {**config, **(config.get("text_config") or {})}, config.get("vision_config") or {}
    family = next((each.name for each in FAMILIES if each.model_type == config.get("model_type")), None)
    if family is None or not ({"depth", "num_hidden_layers"} & vision.keys() and "hidden_size" in vision):
        return None
    return ModelShape(
        hidden=text["hidden_size"],
        layers=text["num_hidden_layers"],
        heads=text["num_attention_heads"],
        kv_heads=text.get("num_key_value_heads") or text["num_attention_heads"],
        intermediate=text["intermediate_size"],
        vocabulary=text["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))),
        channels=vision.get("in_channels", vision.get("in_chans", vision.get("num_channels", 3))),
        family=family,
        head_width=(text.get("head_dim") or 128) if family.startswith("qwen3") else 0,
        **_tower(family, config, vision),
    )


def _tower(family: str, config: Json, vision: Json) -> dict[str, int]:
    """The dimensions of the tower by the keys that the family's configs have."""
    if family == "internvl":
        sides, patches = vision.get("image_size", [448, 448]), vision.get("patch_size", [14, 14])
        side, patch = (value[0] if isinstance(value, list) else value for value in (sides, patches))
        return {
            "depth": vision["num_hidden_layers"],
            "vision_hidden": vision["hidden_size"],
            "vision_intermediate": vision["intermediate_size"],
            "patch": patch,
            "temporal_patch": 1,
            "merge": round(1 / config.get("downsample_ratio", 0.5)),
            "places": (side // patch) ** 2,
        }
    width = vision["embed_dim"] if family == "qwen2-vl" else vision["hidden_size"]
    return {
        "depth": vision["depth"],
        "vision_hidden": width,
        "vision_intermediate": vision.get("intermediate_size") or int(width * vision.get("mlp_ratio", 4)),
        "patch": vision.get("patch_size", 14),
        "temporal_patch": vision.get("temporal_patch_size", 2),
        "merge": vision.get("spatial_merge_size", 2),
        "places": vision.get("num_position_embeddings", 0),
        "deepstack": len(vision.get("deepstack_visual_indexes") or ()),
    }


@dataclass(frozen=True)
class Pass:
    """FLOPs of one pass: `layers` of the decoder, its `head`, and the `vision` tower with its merger."""

    layers: float
    head: float
    vision: float


def forward_pass(
    shape: ModelShape, sequences: float, tokens: float, scored: float, images: float, patches: int
) -> Pass:
    """FLOPs of a forward pass over `sequences` of `tokens` each and `images` of `patches` each.

    `scored` tokens of a sequence go through the head.
    """
    decoder = sum(each.inputs * each.outputs * each.times for each in shape.linears() if not each.vision)
    attention = 4 * shape.query_width * shape.layers * tokens
    head = 2 * shape.vocabulary * shape.hidden * sequences * scored
    return Pass(sequences * tokens * (2 * decoder + attention), head, images * image_flops(shape, patches))


def image_flops(shape: ModelShape, patches: int) -> float:
    """FLOPs of the vision tower for one image of `patches`."""
    linears = [each for each in shape.linears() if each.vision]
    merger = sum(each.inputs * each.outputs * each.times for each in linears if each.merger)
    blocks = sum(each.inputs * each.outputs * each.times for each in linears) - merger
    embedding = patch_embedding(shape)
    full = min(_FULL_BLOCKS, shape.depth) if shape.family == "qwen2.5-vl" else shape.depth
    seen = full * patches + (shape.depth - full) * min(_WINDOW, patches)
    return patches * (2 * (blocks + embedding) + 2 * merger / shape.merge**2 + 4 * shape.vision_hidden * seen)


def stored_parameters(folder: Path) -> int | None:
    """Parameters by the headers of the safetensors files of `folder`; None without any, or a damaged one."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as stream:
            raw = stream.read(int.from_bytes(stream.read(8), "little"))
        try:
            header: dict[str, Any] = json.loads(raw)
        except ValueError:
            return None
        total += sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return total or None
