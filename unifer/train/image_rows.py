"""Which rows of a batch's pixels belong to which of its images, by what its processor says of them.

Families lay pixels out in two ways: patches of all images in one long tensor with a grid per image, or square
tiles, one per image unless `num_tiles` says otherwise. TRL's batches hold one image per completion. Knows
tensors alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

FIELDS = ("pixel_values", "image_grid_thw", "num_images", "num_tiles")
"""What TRL's batches hold of images."""


def counts(batch: Mapping[str, Any]) -> list[int]:
    """Rows of `pixel_values` per image of `batch`."""
    if batch.get("image_grid_thw") is not None:
        sizes: list[int] = batch["image_grid_thw"].prod(dim=-1).tolist()
        return sizes
    if batch.get("num_tiles") is not None:
        return list(batch["num_tiles"])
    return [1] * len(batch["pixel_values"])


def blocks(batch: Mapping[str, Any]) -> tuple[torch.Tensor, ...]:
    """The pixels of each image of `batch`."""
    return torch.split(batch["pixel_values"], counts(batch))


def chosen(batch: Mapping[str, Any], places: Sequence[int]) -> dict[str, Any]:
    """The `FIELDS` of `batch` for the completions at `places`, which have one image each."""
    picked: dict[str, Any] = {}
    if batch.get("pixel_values") is not None:
        of_each = blocks(batch)
        picked["pixel_values"] = torch.cat([of_each[place] for place in places])
        if batch.get("image_grid_thw") is not None:
            picked["image_grid_thw"] = batch["image_grid_thw"][list(places)]
    for name in ("num_images", "num_tiles"):
        if batch.get(name) is not None:
            picked[name] = [batch[name][place] for place in places]
    return picked
