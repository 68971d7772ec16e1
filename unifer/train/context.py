"""How much of a model's context a row takes, and whether the model sees the pixels that the run means.

Knows processors and the image rule; what the rows ask, the caller hands in. Nothing is cut to fit: a cut
would fall into image tokens or into the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unifer import files
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.loading import render_prompt
from unifer.runs import manifest_rule

_TOKENIZED = 2000
"""Most prompts that are tokenized to find the longest; of more, those with the most characters."""


def check_pixels(checkpoint: Path, processor: Any, rule: ImageRule, *, rescales: bool) -> None:
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
    least, most = _limits(processor)
    if rule.size is not None and not rescales and not least <= rule.size**2 <= most:
        raise InputError(
            f"{checkpoint}: its processor takes {least:,} to {most:,} pixels and would scale each "
            f"{rule.size} x {rule.size} image again; "
            "choose another --image_size, or say --processor_rescales true if that is meant"
        )


def _limits(processor: Any) -> tuple[int, int]:
    size = processor.image_processor.size
    return int(size["shortest_edge"]), int(size["longest_edge"])


def image_tokens(processor: Any, rule: ImageRule) -> int:
    """Most tokens that one image takes under `rule`: the processor's own limit for images of any size."""
    images = processor.image_processor
    if rule.size is None:
        return _limits(processor)[1] // (images.patch_size * images.merge_size) ** 2
    return int(images.get_number_of_image_patches(rule.size, rule.size)) // images.merge_size**2


def longest_prompt(texts: Iterable[str], processor: Any, rule: ImageRule) -> int:
    """Tokens of the longest rendered prompt of `texts`, its image included."""
    longest = sorted(set(texts), key=len, reverse=True)[:_TOKENIZED]
    rendered = [render_prompt(processor, text) for text in longest]
    placeholder = 1
    return (
        max(len(ids) for ids in processor.tokenizer(rendered)["input_ids"])
        - placeholder
        + image_tokens(processor, rule)
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
