"""How many pixels a family's processor takes, and how many tokens it makes of an image.

Knows processor objects by what `families` says of them; no torch, no files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.families import Family

_TILED = {"crop_to_patches": True}
"""What the processor of a family with tiles adds when it is called with text."""


def pixel_limits(checkpoint: Path, processor: Any, family: Family) -> tuple[int, int]:
    """Fewest and most pixels of an image: of any shape, or of one tile and of all tiles with the overview.

    Raises InputError for a processor without the settings that say it.
    """
    images = processor.image_processor
    names = ("shortest_edge", "longest_edge") if family.limits == "area" else ("height", "width")
    try:
        first, second = (int(images.size[name]) for name in names)
        most = second if family.limits == "area" else first * second * (int(images.max_patches) + 1)
    except (KeyError, TypeError, AttributeError):
        wanted = " and ".join(f"size.{name}" for name in names)
        wanted += "" if family.limits == "area" else " and max_patches"
        raise InputError(
            f"{checkpoint}: its image processor ({type(images).__name__}) does not say {wanted}, by which "
            f"{family.name} states what it takes; copy preprocessor_config.json of its base model into it"
        ) from None
    return (first, most) if family.limits == "area" else (first * second, most)


def image_tokens(processor: Any, rule: ImageRule, family: Family) -> int:
    """Most tokens that one image takes under `rule`: the processor's own limit for images of any size."""
    images = processor.image_processor
    if family.limits == "tiles":
        most = int(images.max_patches) + 1
        tiles = (
            most if rule.size is None else images.get_number_of_image_patches(rule.size, rule.size, _TILED)
        )
        return int(tiles) * int(processor.image_seq_length) + len(family.enclosed or ())
    if rule.size is None:
        return int(images.size["longest_edge"]) // (images.patch_size * images.merge_size) ** 2
    return int(images.get_number_of_image_patches(rule.size, rule.size)) // images.merge_size**2
