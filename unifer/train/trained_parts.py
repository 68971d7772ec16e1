"""Which parts of a model are trained: what LoRA adapts, and what `--freeze_vision_tower` leaves as it is.

Where a family's parts live is `models/families`.
"""

from __future__ import annotations

import logging
from typing import Any

from unifer.errors import InputError
from unifer.models.families import Family, Part

log = logging.getLogger(__name__)


def lora(model: Any, family: Family, *, freezes_vision: bool) -> Any:
    """The adapter's settings by the flags in `model`, None for full fine-tuning."""
    from trl import get_peft_config

    peft = get_peft_config(model)
    if peft is not None and freezes_vision:
        peft.exclude_modules = family.vision_modules
    return peft


def freeze_vision(model: Any, family: Family) -> None:
    """Train the language model alone, and say how many weights of which part that leaves out.

    Raises InputError where nothing is left out: the description of the family is wrong then.
    """
    counts: dict[Part, int] = {"vision tower": 0, "projector": 0, "language model": 0}
    for name, weight in model.named_parameters():
        part = family.part(name)
        if part != "language model":
            weight.requires_grad_(False)
        if part != "language model" or weight.requires_grad:
            counts[part] += getattr(weight, "ds_numel", weight.numel())  # ZeRO-3 leaves shards of it
    if not counts["vision tower"] or not counts["projector"]:
        raise InputError(
            f"--freeze_vision_tower true: no weight of this {family.name} lies below "
            f"{' or '.join(family.roots)}; its description in unifer/models/families.py is wrong"
        )
    log.warning(
        "frozen: vision tower (%s weights) and projector (%s); trained: language model (%s)",
        *(f"{count:,}" for count in counts.values()),
    )
