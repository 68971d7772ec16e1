"""Completions of a group answer one prompt about one image: the policy reads both once for all of them.

Same values and, up to the order of a sum, the same gradients. A batch of 8 prompts x 8 completions pays for 8
images and 8 prompts, not for 64. Where activations are recomputed (gradient checkpointing) no keys and values
are kept, and where weights are sharded (ZeRO-3) the ranks must call the layers in step: there the images
alone are shared.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from PIL.Image import Image


def distinct(pixels: torch.Tensor, grids: torch.Tensor) -> tuple[list[int], list[int]]:
    """(indices of the first of each distinct image, for every image which of them it is).

    `pixels` is (patches, values) of all images in turn, `grids` (images, 3) their patch counts (time, height,
    width).
    """
    blocks = torch.split(pixels, grids.prod(dim=-1).tolist())
    keys = [
        (tuple(grid), float(block.sum(dtype=torch.float64)))
        for grid, block in zip(grids.tolist(), blocks, strict=True)
    ]
    firsts: list[int] = []
    known: dict[Any, list[int]] = {}
    which = []
    for index, key in enumerate(keys):
        same = next(
            (place for place in known.get(key, ()) if torch.equal(blocks[firsts[place]], blocks[index])), None
        )
        if same is None:
            same = len(firsts)
            firsts.append(index)
            known.setdefault(key, []).append(same)
        which.append(same)
    return firsts, which


def share_images(model: Any) -> None:
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
        output = stock(torch.cat([blocks[index] for index in firsts]), grid_thw=grid_thw[firsts], **kwargs)
        features = torch.split(output.pooler_output, [patches[index] // merged for index in firsts])
        output.pooler_output = torch.cat([features[place] for place in which])
        output.last_hidden_state = (
            None  # per patch; no one reads it, and it would be of another length than the images
        )
        return output

    tower.forward = MethodType(forward, tower)


def share_pixels(image_processor: Any) -> None:
    """Make an image processor compute the pixels of each distinct image object of a batch once.

    Rows of a group hold the very same object (`rows.reward_rows`), and TRL hands all of them to the
    processor, twice. The processor keeps its name and its fields: checkpoints save both.
    """
    stock: Any = type(image_processor)

    def preprocess(self: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        nested = isinstance(images, list) and all(
            isinstance(image, list | tuple) and len(image) == 1 for image in images
        )
        flat = [image[0] for image in images] if nested else images
        if not isinstance(flat, list) or not all(isinstance(image, Image) for image in flat):
            return stock.preprocess(self, images, *args, **kwargs)
        firsts = {id(image): image for image in flat}
        if len(firsts) == len(flat):
            return stock.preprocess(self, images, *args, **kwargs)
        places = {key: place for place, key in enumerate(firsts)}
        which = [places[id(image)] for image in flat]
        output = stock.preprocess(self, list(firsts.values()), *args, **kwargs)
        patches = torch.split(output["pixel_values"], output["image_grid_thw"].prod(dim=-1).tolist())
        output["pixel_values"] = torch.cat([patches[place] for place in which])
        output["image_grid_thw"] = output["image_grid_thw"][torch.tensor(which)]
        return output

    image_processor.__class__ = type(
        stock.__name__, (stock,), {"preprocess": preprocess, "__module__": stock.__module__}
    )


class SharedPrompts:
    """Makes the language model of a Qwen2.5-VL read each distinct prompt once, where `length` is set."""

    def __init__(self, model: Any) -> None:
        self.length: int | None = None
        """Tokens of the (left-padded) prompt at the start of every row; None: rows are read as they are."""
        self._stock = model.model.forward
        model.model.forward = MethodType(self._forward, model.model)

    def _forward(
        self, backbone: Any, input_ids: Any = None, attention_mask: Any = None, **inputs: Any
    ) -> Any:
        if self.length is None:
            return self._stock(input_ids=input_ids, attention_mask=attention_mask, **inputs)
        length, grids = self.length, inputs.pop("image_grid_thw")
        pixels, kinds = inputs.pop("pixel_values"), inputs.pop("mm_token_type_ids")
        inputs.pop("use_cache", None)
        firsts, which = _groups(input_ids[:, :length], pixels, grids)
        blocks = torch.split(pixels, grids.prod(dim=-1).tolist())
        prompt = self._stock(
            input_ids=input_ids[firsts, :length],
            attention_mask=attention_mask[firsts, :length],
            pixel_values=torch.cat([blocks[index] for index in firsts]),
            image_grid_thw=grids[firsts],
            mm_token_type_ids=kinds[firsts, :length],
            use_cache=True,
            **inputs,
        )
        places = torch.tensor(which, device=input_ids.device)
        prompt.past_key_values.batch_select_indices(places)
        # Text after an image counts on from where the image's grid ended, as in generation.
        positions = attention_mask.long().cumsum(dim=-1)[:, length:] - 1 + backbone.rope_deltas[places]
        reply = backbone.language_model(
            inputs_embeds=backbone.get_input_embeddings()(input_ids[:, length:]),
            attention_mask=attention_mask,
            position_ids=positions.expand(3, -1, -1),
            past_key_values=prompt.past_key_values,
            use_cache=True,
            **inputs,
        )
        reply.last_hidden_state = torch.cat(
            [prompt.last_hidden_state[places], reply.last_hidden_state], dim=1
        )
        return reply


def _groups(prompts: torch.Tensor, pixels: torch.Tensor, grids: torch.Tensor) -> tuple[list[int], list[int]]:
    """As `distinct`, of rows with one image each: rows are one where prompt tokens and image are the same."""
    _, images = distinct(pixels, grids)
    keys = list(zip(images, map(tuple, prompts.tolist()), strict=True))
    order = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return [keys.index(key) for key in order], [order[key] for key in keys]
