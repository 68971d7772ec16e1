"""Completions of a group answer one prompt about one image: the policy reads both once for all of them.

Same values and, up to the order of a sum, the same gradients. A batch of 8 prompts x 8 completions pays for 8
images and 8 prompts, not for 64. Where activations are recomputed (gradient checkpointing) no keys and values
are kept, and where weights are sharded (ZeRO-3) the ranks must call the layers in step: there the images
alone are shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from types import MethodType
from typing import Any

import torch
from PIL.Image import Image

from unifer.models.families import Family
from unifer.train import image_rows


def distinct(pixels: torch.Tensor, grids: torch.Tensor) -> tuple[list[int], list[int]]:
    """`distinct_blocks` of images in one tensor.

    `pixels` is (patches, values) of all images in turn, `grids` (images, 3) their patch counts (time, height,
    width).
    """
    shapes = list(map(tuple, grids.tolist()))
    return distinct_blocks(torch.split(pixels, grids.prod(dim=-1).tolist()), shapes)


def distinct_blocks(
    blocks: Sequence[torch.Tensor], shapes: Sequence[tuple[int, ...]]
) -> tuple[list[int], list[int]]:
    """(indices of the first of each distinct image, for every image which of them it is).

    `blocks` are the pixels of each image, `shapes` how they are laid out.
    """
    keys = [
        (shape, float(block.sum(dtype=torch.float64))) for shape, block in zip(shapes, blocks, strict=True)
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


def share_images(model: Any, family: Family) -> None:
    """Make a model of `family` compute each distinct image of a batch once."""
    if family.limits == "tiles":
        _share_tiles(model.model, family)
    else:
        _share_patches(getattr(model.model, family.tower), family)


def _share_tiles(backbone: Any, family: Family) -> None:
    """Tower and projector take square tiles (tiles, channels, height, width), each for itself."""
    stock = backbone.get_image_features

    def get_image_features(self: Any, pixel_values: torch.Tensor, **kwargs: Any) -> Any:
        tiles = pixel_values.split(1)
        firsts, which = distinct_blocks(tiles, [tuple(tile.shape) for tile in tiles])
        if len(firsts) == len(which):
            return stock(pixel_values=pixel_values, **kwargs)
        output = stock(pixel_values=pixel_values[firsts], **kwargs)
        for name in family.per_image:
            output[name] = output[name][which]
        output.last_hidden_state = None
        return output

    backbone.get_image_features = MethodType(get_image_features, backbone)


def _share_patches(tower: Any, family: Family) -> None:
    """The tower takes the patches of all images in one tensor, and a grid per image."""
    stock = tower.forward
    merged = tower.spatial_merge_size**2

    def forward(self: Any, hidden_states: torch.Tensor, grid_thw: torch.Tensor, **kwargs: Any) -> Any:
        firsts, which = distinct(hidden_states, grid_thw)
        if len(firsts) == len(which):
            return stock(hidden_states, grid_thw=grid_thw, **kwargs)
        patches = grid_thw.prod(dim=-1).tolist()
        blocks = torch.split(hidden_states, patches)
        output = stock(torch.cat([blocks[index] for index in firsts]), grid_thw=grid_thw[firsts], **kwargs)
        rows = [patches[index] // merged for index in firsts]
        for name in family.per_image:
            output[name] = _repeated(output[name], rows, which)
        output.last_hidden_state = (
            None  # per patch; no one reads it, and it would be of another length than the images
        )
        return output

    tower.forward = MethodType(forward, tower)


def _repeated(features: Any, rows: list[int], which: list[int]) -> Any:
    """Features of the distinct images, `rows` each, for all images; of each layer where there are several."""
    if isinstance(features, list):
        return [_repeated(layer, rows, which) for layer in features]
    parts = torch.split(features, rows)
    return torch.cat([parts[place] for place in which])


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
        return _for_all(output, which)

    image_processor.__class__ = type(
        stock.__name__, (stock,), {"preprocess": preprocess, "__module__": stock.__module__}
    )


def _for_all(output: Any, which: list[int]) -> Any:
    """What an image processor made of the distinct images, for all images; lists stay lists."""
    if "num_patches" in output:
        sizes = [int(count) for count in output["num_patches"]]
        output["num_patches"] = _taken(output["num_patches"], which)
    else:
        sizes = output["image_grid_thw"].prod(dim=-1).tolist()
        output["image_grid_thw"] = _taken(output["image_grid_thw"], which)
    ends = list(accumulate(sizes))
    rows = [row for place in which for row in range(ends[place] - sizes[place], ends[place])]
    output["pixel_values"] = _taken(output["pixel_values"], rows)
    return output


def _taken(values: Any, places: list[int]) -> Any:
    return [values[place] for place in places] if isinstance(values, list) else values[places]


class SharedPrompts:
    """Makes the language model of a `family` read each distinct prompt once, where `length` is set."""

    def __init__(self, model: Any, family: Family) -> None:
        self._family = family
        self.length: int | None = None
        """Tokens of the (left-padded) prompt at the start of every row; None: rows are read as they are."""
        self._stock = model.model.forward
        model.model.forward = MethodType(self._forward, model.model)

    def _forward(
        self, backbone: Any, input_ids: Any = None, attention_mask: Any = None, **inputs: Any
    ) -> Any:
        if self.length is None:
            return self._stock(input_ids=input_ids, attention_mask=attention_mask, **inputs)
        length = self.length
        images = {name: inputs.pop(name) for name in image_rows.FIELDS if name in inputs}
        if "image_grid_thw" not in images:
            images["num_tiles"] = _tiles(input_ids == backbone.config.image_token_id, images["pixel_values"])
        kinds = inputs.pop("mm_token_type_ids", None)
        inputs = {name: value for name, value in inputs.items() if value is not None and name != "use_cache"}
        firsts, which = _groups(input_ids[:, :length], images)
        distinct_images = image_rows.chosen(images, firsts)
        distinct_images.pop("num_tiles", None)
        prompt = self._stock(
            input_ids=input_ids[firsts, :length],
            attention_mask=attention_mask[firsts, :length],
            use_cache=True,
            **distinct_images,
            **({} if kinds is None else {"mm_token_type_ids": kinds[firsts, :length]}),
            **inputs,
        )
        places = torch.tensor(which, device=input_ids.device)
        prompt.past_key_values.batch_select_indices(places)
        reply = backbone.language_model(
            inputs_embeds=backbone.get_input_embeddings()(input_ids[:, length:]),
            attention_mask=attention_mask,
            past_key_values=prompt.past_key_values,
            use_cache=True,
            **self._positions(backbone, attention_mask, places, length),
            **inputs,
        )
        reply.last_hidden_state = torch.cat(
            [prompt.last_hidden_state[places], reply.last_hidden_state], dim=1
        )
        return reply

    def _positions(self, backbone: Any, mask: Any, places: torch.Tensor, length: int) -> dict[str, Any]:
        """Positions of the replies' tokens; in line they follow the prompt's, which a model does by itself.

        Text after an image in a grid counts on from where the grid ended, as in generation.
        """
        if self._family.positions == "line":
            return {}
        positions = mask.long().cumsum(dim=-1)[:, length:] - 1 + backbone.rope_deltas[places]
        return {"position_ids": positions.expand(3, -1, -1)}


def _tiles(stands_for_image: torch.Tensor, pixels: torch.Tensor) -> list[int]:
    """Tiles of each row's image: each tile has the same number of placeholders, (rows, tokens) of them."""
    placeholders = stands_for_image.sum(dim=1)
    counts: list[int] = (placeholders * len(pixels) // placeholders.sum()).tolist()
    return counts


def _groups(prompts: torch.Tensor, images: dict[str, Any]) -> tuple[list[int], list[int]]:
    """As `distinct`, of rows with one image each: rows are one where prompt tokens and image are the same."""
    blocks, grids = image_rows.blocks(images), images.get("image_grid_thw")
    shapes = [tuple(block.shape) for block in blocks] if grids is None else list(map(tuple, grids.tolist()))
    _, seen = distinct_blocks(blocks, shapes)
    keys = list(zip(seen, map(tuple, prompts.tolist()), strict=True))
    order = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return [keys.index(key) for key in order], [order[key] for key in keys]
