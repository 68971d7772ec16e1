"""The completions of a group ask about one image: the vision tower looks at it once and its features are handed to all of them.

Same values and, up to the order of a sum, the same gradients; a batch of 8 prompts x 8 completions pays for 8 images, not 64.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch


def distinct(pixels: torch.Tensor, grids: torch.Tensor) -> tuple[list[int], list[int]]:
    """(indices of the first of each distinct image, for every image which of them it is).

    `pixels` is (patches, values) of all images in turn, `grids` (images, 3) their patch counts (time, height, width).
    """
    blocks = torch.split(pixels, grids.prod(dim=-1).tolist())
    shapes = [tuple(grid) for grid in grids.tolist()]
    sums = [float(block.sum(dtype=torch.float64)) for block in blocks]
    firsts: list[int] = []
    known: dict[Any, list[int]] = {}
    which = []
    for index, key in enumerate(zip(shapes, sums, strict=True)):
        same = next((place for place in known.get(key, ()) if torch.equal(blocks[firsts[place]], blocks[index])), None)
        if same is None:
            same = len(firsts)
            firsts.append(index)
            known.setdefault(key, []).append(same)
        which.append(same)
    return firsts, which


def share(model: Any) -> None:
    """Make the vision tower of a Qwen2.5-VL compute each distinct image of a batch once."""
    tower = model.model.visual
    stock = tower.forward
    merged = tower.spatial_merge_size**2

    def forward(self: Any, hidden_states: torch.Tensor, grid_thw: torch.Tensor, **kwargs: Any) -> Any:
        firsts, which = distinct(hidden_states, grid_thw)
        if len(firsts) == len(which):
            return stock(hidden_states, grid_thw=grid_thw, **kwargs)
        patches = grid_thw.prod(dim=-1).tolist()
        blocks = torch.split(hidden_states, patches)
        made = stock(torch.cat([blocks[index] for index in firsts]), grid_thw=grid_thw[firsts], **kwargs)
        features = torch.split(made.pooler_output, [patches[index] // merged for index in firsts])
        made.pooler_output = torch.cat([features[place] for place in which])
        made.last_hidden_state = None  # per patch; no one reads it, and it would be of another length than the images
        return made

    tower.forward = MethodType(forward, tower)
