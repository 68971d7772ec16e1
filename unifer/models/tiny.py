"""UniFER-Tiny: a real Qwen2.5-VL of 4.6 million parameters, for machines without a GPU.

It has its own tokenizer. Architecture class, processor, special tokens and chat template shape are those of
Qwen2.5-VL, so everything that loads the 7B model loads this one. Knows how to make an untrained checkpoint;
training it is `train/sft`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessor,
)
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from unifer.action_units import ACTION_UNITS
from unifer.dialogue import prompts
from unifer.emotions import EMOTIONS, SPELLINGS
from unifer.models.checkpoints import TINY_WIDTH

PIXELS = 112
"""Side in pixels to which the processor scales the image rule's 224x224 image.

8x8 patches, 16 image tokens.
"""

_PATCH, _MERGE, _HIDDEN = 14, 2, TINY_WIDTH

_SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

CHAT_TEMPLATE = """\
{%- if messages[0]['role'] != 'system' -%}
<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part['type'] == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>
{%- elif part['type'] == 'text' -%}{{ part['text'] }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""


def build(out: Path, seed: int = 0) -> None:
    """Write an untrained checkpoint with its processor to `out`; the same `seed` gives the same weights."""
    processor = _processor()
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(_config(processor.tokenizer))
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(out)
    processor.save_pretrained(out)


def _vocabulary() -> Iterator[str]:
    """Text in which every word of our prompts and replies occurs often enough to become one token."""
    labels = [spelling for spellings in SPELLINGS.values() for spelling in spellings]
    yield "system\nYou are a helpful assistant.\nuser\nassistant\n"
    yield prompts.action_unit_question()
    for start in range(len(EMOTIONS)):
        yield prompts.expression_question(
            [SPELLINGS[emotion][0] for emotion in EMOTIONS[start:] + EMOTIONS[:start]]
        )
        yield prompts.expression_question(
            [SPELLINGS[emotion][-1] for emotion in EMOTIONS[start:] + EMOTIONS[:start]]
        )
    for number in ACTION_UNITS:
        for label in labels:
            yield prompts.reply(prompts.reasoning([number], label), label)


def small_tokenizer(more: Sequence[str] = (), **own: Any) -> Qwen2TokenizerFast:
    """A byte-level BPE tokenizer of our own prompts and replies.

    `more` special tokens follow those of Qwen2.5-VL; `own` are further arguments of the tokenizer's class.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_vocabulary(), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in (*_SPECIAL_TOKENS, *more)])
    return Qwen2TokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=2048,
        **own,
    )


def _processor() -> Qwen2_5_VLProcessor:
    limits = {"min_pixels": (_PATCH * _MERGE) ** 2, "max_pixels": PIXELS**2}
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            patch_size=_PATCH, merge_size=_MERGE, temporal_patch_size=2, **limits
        ),
        tokenizer=small_tokenizer(),
        video_processor=Qwen2VLVideoProcessor(patch_size=_PATCH),
        chat_template=CHAT_TEMPLATE,
    )


def _config(tokenizer: Qwen2TokenizerFast) -> Qwen2_5_VLConfig:
    def token(text: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(text))

    depth = 6
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": _HIDDEN,
        "intermediate_size": 2 * _HIDDEN,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 10000.0},
        "bos_token_id": None,
        "eos_token_id": token("<|im_end|>"),
        "pad_token_id": token("<|endoftext|>"),
    }
    vision = {
        "depth": depth,
        "hidden_size": _HIDDEN,
        "num_heads": 4,
        "intermediate_size": 2 * _HIDDEN,
        "out_hidden_size": _HIDDEN,
        "patch_size": _PATCH,
        "spatial_merge_size": _MERGE,
        "temporal_patch_size": 2,
        "window_size": PIXELS,
        "fullatt_block_indexes": list(range(depth)),
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def export(trained: Path, out: Path) -> None:
    """Write the final model of a run in `trained` to `out`, with processor and manifest.

    As bfloat16, which is half the bytes.
    """
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(trained, dtype=torch.bfloat16)
    model.save_pretrained(out)
    Qwen2_5_VLProcessor.from_pretrained(trained).save_pretrained(out)
    shutil.copyfile(trained / "manifest.json", out / "manifest.json")
