"""Checkpoint folder -> model and processor, by the architecture its config names and never by its path.

Whether the folder is whole is `checkpoints`' business; what is asked of the model is `engines`'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import logging

from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.models.checkpoints import check_checkpoint

# transformers types little of itself, and what its loaders return depends on the checkpoint.
_AUTO_MODEL: Any = AutoModelForImageTextToText
_AUTO_PROCESSOR: Any = AutoProcessor
_TRANSFORMERS_LOGGING: Any = logging


def load_processor(path: Path, padding_side: str = "left") -> Any:
    """Tokenizer and image processor of a checkpoint.

    Raises InputError: broken processor files, no chat template.
    """
    try:
        processor: Any = _AUTO_PROCESSOR.from_pretrained(str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: its processor cannot be loaded: {' '.join(str(error).split())[:300]}"
        ) from None
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise InputError(
            f"{path}: its processor has no image processor; copy the processor files of its base "
            "model into it"
        )
    if not (getattr(processor, "chat_template", None) or processor.tokenizer.chat_template):
        raise InputError(f"{path}: has no chat template; copy chat_template.jinja of its base model into it")
    processor.tokenizer.padding_side = padding_side
    return processor


def load_model(path: Path, dtype: str, attn: str = "sdpa", device: str | torch.device | None = None) -> Any:
    """The model in evaluation mode.

    `dtype` is a torch name such as `"bfloat16"`, `device` None the GPU if there is one. Raises InputError: an
    unknown architecture, attention that is not installed, weights that do not fit the config.
    """
    check_checkpoint(path)
    _TRANSFORMERS_LOGGING.disable_progress_bar()
    try:
        model, report = _AUTO_MODEL.from_pretrained(
            str(path), dtype=getattr(torch, dtype), attn_implementation=attn, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be loaded: {' '.join(str(error).split())[:300]}") from None
    if report["missing_keys"]:
        names = sorted(report["missing_keys"])
        raise InputError(
            f"{path}: lacks {len(names)} weights of its architecture, such as {names[0]!r}; it is "
            "half written, copy it again"
        )
    return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()


def render_prompt(processor: Any, prompt: str, start: str = "") -> str:
    """The text that every engine gives the model for a question's `prompt`, image placeholder included.

    `start` is what its reply begins with. Raises ValueError if one of them forges a control token.
    """
    text: str = processor.apply_chat_template(
        prompts.chat_messages(prompt), tokenize=False, add_generation_prompt=True
    )
    return text + prompts.check_prompt(start)


def decode_reply(tokenizer: Any, token_ids: list[int]) -> str:
    """Generated token ids -> text, control tokens dropped; the same in every engine."""
    text: str = tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text
