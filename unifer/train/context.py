"""How much of a model's context a row takes, and whether the model sees the pixels that the run means.

Knows processors and the image rule; what the rows ask, the caller hands in. Nothing is cut to fit: a cut
would fall into image tokens or into the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unifer import files
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.families import Family, placeholder_ids, token_id
from unifer.models.image_limits import image_tokens, pixel_limits
from unifer.models.loading import render_prompt
from unifer.runs import manifest_rule

_TOKENIZED = 2000
"""Most prompts that are tokenized to find the longest; of more, those with the most characters."""


def check_processor(checkpoint: Path, processor: Any, family: Family) -> None:
    """Raise InputError where the processor lacks what its family says, or shows the model no image.

    A setting of its pixel limits, a placeholder token, the slot for an image in the chat template; or where
    tokenizer and config.json disagree about the placeholder.
    """
    pixel_limits(checkpoint, processor, family)
    placeholder = placeholder_ids(family, processor.tokenizer) and token_id(
        processor.tokenizer, family.image_token
    )
    configured = files.read_json(checkpoint / "config.json").get("image_token_id", placeholder)
    if configured != placeholder:
        raise InputError(
            f"{checkpoint}: config.json calls token {configured} the image's, the tokenizer says "
            f"{family.image_token!r} is {placeholder}: it has another model's tokenizer files"
        )
    slots = render_prompt(processor, "?").count(family.image_token)
    if slots != 1:
        raise InputError(
            f"{checkpoint}: its chat template writes {slots} placeholders ({family.image_token}) for a turn "
            "with one image; copy chat_template.jinja of its base model into it"
        )


def check_pixels(
    checkpoint: Path, processor: Any, rule: ImageRule, family: Family, *, rescales: bool
) -> None:
    """Raise InputError where the processor would scale images again, or the checkpoint has another rule.

    `rescales` is the run's word that the processor's scaling is meant.
    """
    trained = manifest_rule(checkpoint)
    if trained is not None and trained != rule.to_json():
        raise InputError(
            f"{checkpoint}: was trained on images of size {trained.get('size')} (rule "
            f"{trained.get('version')}), this run asks for {rule.size} ({rule.to_json()['version']}); "
            f"give --image_size {trained.get('size') or 0}, or start from another checkpoint"
        )
    least, most = pixel_limits(checkpoint, processor, family)
    if rule.size is None or rescales:
        return
    remedy = "choose another --image_size, or say --processor_rescales true if that is meant"
    if family.limits == "tiles":
        if rule.size**2 != least:
            raise InputError(
                f"{checkpoint}: its processor makes square tiles of {math.isqrt(least)} pixels a side and "
                f"would scale each {rule.size} x {rule.size} image to them; --image_size "
                f"{math.isqrt(least)} is one tile as it is; {remedy}"
            )
    elif not least <= rule.size**2 <= most:
        raise InputError(
            f"{checkpoint}: its processor takes {least:,} to {most:,} pixels and would scale each "
            f"{rule.size} x {rule.size} image again; {remedy}"
        )


def longest_prompt(texts: Iterable[str], processor: Any, rule: ImageRule, family: Family) -> int:
    """Tokens of the longest rendered prompt of `texts`, its image included."""
    longest = sorted(set(texts), key=len, reverse=True)[:_TOKENIZED]
    rendered = [render_prompt(processor, text) for text in longest]
    placeholder = 1
    return (
        max(len(ids) for ids in processor.tokenizer(rendered)["input_ids"])
        - placeholder
        + image_tokens(processor, rule, family)
    )


def check_context(checkpoint: Path, prompt: int, completion: int, engine_limit: int | None) -> int:
    """Tokens of a prompt and a whole completion. Raises InputError where model or engine holds fewer."""
    config = files.read_json(checkpoint / "config.json")
    longest = (config.get("text_config") or config).get("max_position_embeddings")
    needed = prompt + completion
    for limit, what in ((longest, "the model's context"), (engine_limit, "--vllm_max_model_length")):
        if limit is not None and needed > limit:
            raise InputError(
                f"the longest prompt takes {prompt:,} tokens and --max_completion_length {completion:,}: "
                f"together {needed:,}, above {what} of {limit:,}; lower --max_completion_length or "
                "--image_size"
            )
    return needed
