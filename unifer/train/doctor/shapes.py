"""config.json -> the shape of a Qwen2.5-VL, its exact parameter counts, and the FLOPs of a forward pass.

Knows dimensions alone, no torch and no weights: what training needs beside the weights is `memory`. A
multiplication and an addition count as two FLOPs (PaLM: Chowdhery et al., arXiv 2204.02311, appendix B): a
token costs 2 FLOPs per weight, and attention 4 x width x context, the causal half not subtracted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from unifer.records import Json

_VISION: Json = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "in_channels": 3,
    "patch_size": 14,
}
_VISION |= {
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}

KNOWN: Mapping[str, Json] = {
    "Qwen/Qwen2.5-VL-3B-Instruct": {
        "model_type": "qwen2_5_vl",
        "tie_word_embeddings": True,
        "text_config": {
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "vocab_size": 151936,
        },
        "vision_config": {**_VISION, "out_hidden_size": 2048},
    },
    "Qwen/Qwen2.5-VL-7B-Instruct": {
        "model_type": "qwen2_5_vl",
        "tie_word_embeddings": False,
        "text_config": {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
        },
        "vision_config": {**_VISION, "out_hidden_size": 3584},
    },
    "Qwen/Qwen2.5-VL-72B-Instruct": {
        "model_type": "qwen2_5_vl",
        "tie_word_embeddings": False,
        "text_config": {
            "hidden_size": 8192,
            "intermediate_size": 29568,
            "num_hidden_layers": 80,
            "num_attention_heads": 64,
            "num_key_value_heads": 8,
            "vocab_size": 152064,
        },
        "vision_config": {**_VISION, "intermediate_size": 3456, "out_hidden_size": 8192},
    },
}
"""Hub id -> the part of its published config.json that decides its size, for machines without the model."""

_WINDOW, _FULL_BLOCKS = 64, 4
"""Patches per attention window of the vision tower (112 x 112 pixels); blocks that see the whole image."""


class Linear(NamedTuple):
    """`times` linear layers of one kind: the end of their names, inputs, outputs, whether for vision."""

    name: str
    inputs: int
    outputs: int
    times: int
    vision: bool


@dataclass(frozen=True)
class ModelShape:
    """Dimensions of one Qwen2.5-VL, named as in its config.json; `heads` attend, `merge` is per side."""

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

    @property
    def kv_width(self) -> int:
        """Width of the keys of one token in one layer; the values are as wide."""
        return self.kv_heads * (self.hidden // self.heads)

    @property
    def merged(self) -> int:
        """Width of the patches that the merger turns into one token."""
        return self.vision_hidden * self.merge**2

    def linears(self) -> Iterator[Linear]:
        """Every linear layer below the language model's head: what LoRA's `all-linear` adapts."""
        h, v, n, d = self.hidden, self.vision_hidden, self.layers, self.depth
        yield Linear("q_proj", h, h, n, False)
        yield Linear("k_proj", h, self.kv_width, n, False)
        yield Linear("v_proj", h, self.kv_width, n, False)
        yield Linear("o_proj", h, h, n, False)
        for own, width, inner, count in (
            (False, h, self.intermediate, n),
            (True, v, self.vision_intermediate, d),
        ):
            yield Linear("gate_proj", width, inner, count, own)
            yield Linear("up_proj", width, inner, count, own)
            yield Linear("down_proj", inner, width, count, own)
        yield Linear("qkv", v, 3 * v, d, True)
        yield Linear("proj", v, v, d, True)
        yield Linear("mlp.0", self.merged, self.merged, 1, True)
        yield Linear("mlp.2", self.merged, h, 1, True)

    @property
    def language_parameters(self) -> int:
        """Embedding, decoder layers and head, which counts once more unless it is tied."""
        weights = sum(each.inputs * each.outputs * each.times for each in self.linears() if not each.vision)
        biases_and_norms = self.layers * (self.hidden + 2 * self.kv_width + 2 * self.hidden) + self.hidden
        return self.vocabulary * self.hidden * (1 if self.tied else 2) + weights + biases_and_norms

    @property
    def vision_parameters(self) -> int:
        """Patch embedding, blocks (their linear layers have biases) and merger: all below `visual`."""
        weights = sum((each.inputs + 1) * each.outputs * each.times for each in self.linears() if each.vision)
        embedding = self.channels * self.temporal_patch * self.patch**2 * self.vision_hidden
        return embedding + weights + self.depth * 2 * self.vision_hidden + self.vision_hidden

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
    if config.get("model_type") != "qwen2_5_vl" or not {"hidden_size", "depth"} <= vision.keys():
        return None
    return ModelShape(
        hidden=text["hidden_size"],
        layers=text["num_hidden_layers"],
        heads=text["num_attention_heads"],
        kv_heads=text.get("num_key_value_heads") or text["num_attention_heads"],
        intermediate=text["intermediate_size"],
        vocabulary=text["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))),
        depth=vision["depth"],
        vision_hidden=vision["hidden_size"],
        vision_intermediate=vision["intermediate_size"],
        patch=vision.get("patch_size", 14),
        temporal_patch=vision.get("temporal_patch_size", 2),
        merge=vision.get("spatial_merge_size", 2),
        channels=vision.get("in_channels", vision.get("in_chans", 3)),
    )


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
    attention = 4 * shape.hidden * shape.layers * tokens
    head = 2 * shape.vocabulary * shape.hidden * sequences * scored
    return Pass(sequences * tokens * (2 * decoder + attention), head, images * image_flops(shape, patches))


def image_flops(shape: ModelShape, patches: int) -> float:
    """FLOPs of the vision tower for one image of `patches`."""
    linears = [each for each in shape.linears() if each.vision]
    merger = sum(each.inputs * each.outputs for each in linears if each.name.startswith("mlp."))
    blocks = sum(each.inputs * each.outputs * each.times for each in linears) - merger
    embedding = shape.channels * shape.temporal_patch * shape.patch**2 * shape.vision_hidden
    full = min(_FULL_BLOCKS, shape.depth)
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
