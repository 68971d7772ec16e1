"""A tiny random model of each described family: its real classes at a few million parameters, made here.

What training claims of a family is shown on these on two CPU cores. Weights are drawn wide enough that the
image moves the probabilities: with the usual initialisation a sampler that saw nothing would agree as well.
UniFER-Tiny itself, of the family qwen2.5-vl, is `tiny`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    GotOcr2ImageProcessor,
    InternVLProcessor,
    InternVLVideoProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from unifer.models import tiny
from unifer.models.families import Family, token_id
from unifer.records import Json

_WIDTH, _SPREAD = 192, 0.06
_SIDE = 4
"""Tokens per side of an image, whatever the family's unit: 16 tokens."""
_INTERNVL_TEMPLATE = tiny.CHAT_TEMPLATE.replace(
    "<|vision_start|><|image_pad|><|vision_end|>", "{{ '<IMG_CONTEXT>\\n' }}"
)
_INTERNVL_TOKENS = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}


def build(family: Family, out: Path, seed: int = 0) -> int:
    """Write an untrained checkpoint of `family` with its processor to `out`; the number of its weights."""
    if family.name == "qwen2.5-vl":
        tiny.build(out, seed)
        return sum(weight.numel() for weight in AutoModelForImageTextToText.from_pretrained(out).parameters())
    processor, parts = _MAKERS[family.name](family)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(family.model_type, tie_word_embeddings=True, **parts)
    model: Any = AutoModelForImageTextToText.from_config(config)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(out)
    processor.save_pretrained(out)
    return sum(weight.numel() for weight in model.parameters())


def _text(tokenizer: Qwen2TokenizerFast, **own: Any) -> Json:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": _SPREAD,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **own,
    }


def _rope(sections: list[int], **own: Any) -> Json:
    return {"rope_type": "default", "mrope_section": sections, "rope_theta": 10000.0, **own}


def _qwen(family: Family, make: Callable[..., Any], videos: Any, text: Json, vision: Json) -> Any:
    """Processor and config of a Qwen-VL, whose image processors are one class."""
    patch = family.unit // 2
    images = Qwen2VLImageProcessor(
        patch_size=patch,
        merge_size=2,
        temporal_patch_size=2,
        min_pixels=family.unit**2,
        max_pixels=(_SIDE * family.unit) ** 2,
    )
    tokenizer = tiny.small_tokenizer()
    processor = make(
        image_processor=images,
        tokenizer=tokenizer,
        video_processor=videos(patch_size=patch),
        chat_template=tiny.CHAT_TEMPLATE,
    )
    common = {
        "depth": 6,
        "num_heads": 4,
        "patch_size": patch,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "initializer_range": _SPREAD,
    }
    tokens = {
        "image_token_id": token_id(tokenizer, "<|image_pad|>"),
        "video_token_id": token_id(tokenizer, "<|video_pad|>"),
        "vision_start_token_id": token_id(tokenizer, "<|vision_start|>"),
        "vision_end_token_id": token_id(tokenizer, "<|vision_end|>"),
    }
    return processor, {
        "text_config": _text(tokenizer, **text),
        "vision_config": common | vision,
        **tokens,
    }


def _qwen2(family: Family) -> Any:
    vision = {"embed_dim": _WIDTH, "hidden_size": _WIDTH, "mlp_ratio": 2}
    return _qwen(
        family, Qwen2VLProcessor, Qwen2VLVideoProcessor, {"rope_parameters": _rope([4, 6, 6])}, vision
    )


def _qwen3(family: Family) -> Any:
    text = {"head_dim": 32, "rope_parameters": _rope([6, 5, 5], mrope_interleaved=True)}
    vision = {
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "out_hidden_size": _WIDTH,
        "num_position_embeddings": (2 * _SIDE) ** 2,
        "deepstack_visual_indexes": [1, 3],
    }
    return _qwen(family, Qwen3VLProcessor, Qwen3VLVideoProcessor, text, vision)


def _internvl(family: Family) -> Any:
    side = _SIDE * family.unit
    size = {"height": side, "width": side}
    tokenizer = tiny.small_tokenizer(
        tuple(_INTERNVL_TOKENS.values()), extra_special_tokens=dict(_INTERNVL_TOKENS)
    )
    processor = InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size, crop_to_patches=False, min_patches=1, max_patches=4),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size=size),
        image_seq_length=_SIDE**2,
        chat_template=_INTERNVL_TEMPLATE,
    )
    vision = {
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "attention_bias": True,
        "layer_scale_init_value": 1.0,
        "image_size": [side, side],
        "patch_size": [family.unit // 2, family.unit // 2],
        "initializer_range": _SPREAD,
    }
    return processor, {
        "text_config": _text(tokenizer, model_type="qwen2", rope_parameters=_line()),
        "vision_config": vision,
        "image_token_id": token_id(tokenizer, "<IMG_CONTEXT>"),
        "image_seq_length": _SIDE**2,
    }


def _line() -> Json:
    return {"rope_type": "default", "rope_theta": 10000.0}


_MAKERS: Mapping[str, Callable[[Family], Any]] = {
    "qwen2-vl": _qwen2,
    "qwen3-vl": _qwen3,
    "internvl": _internvl,
}
