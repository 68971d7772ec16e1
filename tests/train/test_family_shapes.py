"""Doctor counts the parameters of every published size exactly: modules built without their bytes agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unifer.models.families import FAMILIES, Family, family_named
from unifer.train.doctor.plans import image_patches, tiles
from unifer.train.doctor.shapes import KNOWN, ModelShape, shape_of

PUBLISHED = {
    "Qwen/Qwen2-VL-2B-Instruct": 2_208_985_600,
    "Qwen/Qwen2-VL-7B-Instruct": 8_291_375_616,
    "Qwen/Qwen2.5-VL-3B-Instruct": 3_754_622_976,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8_292_166_656,
    "Qwen/Qwen2.5-VL-72B-Instruct": 73_410_777_344,
    "Qwen/Qwen3-VL-4B-Instruct": 4_437_815_808,
    "Qwen/Qwen3-VL-8B-Instruct": 8_767_123_696,
    "OpenGVLab/InternVL3-8B-hf": 7_944_373_760,
}


def shape(hub_id: str) -> ModelShape:
    known = shape_of(KNOWN[hub_id])
    assert known is not None
    return known


def family_of_shape(hub_id: str) -> Family:
    return family_named(shape(hub_id).family)


def test_every_family_has_a_published_size() -> None:
    assert KNOWN.keys() == PUBLISHED.keys()
    assert {shape(hub_id).family for hub_id in KNOWN} == {family.name for family in FAMILIES}


@pytest.mark.parametrize("hub_id", PUBLISHED)
def test_the_parameters_are_those_of_the_published_checkpoint(hub_id: str) -> None:
    assert shape(hub_id).parameters == PUBLISHED[hub_id]


@pytest.mark.parametrize(
    ("side", "tile", "expected"),
    [(224, 448, 1), (448, 448, 1), (896, 448, 5), (1344, 448, 10), (224, 112, 5)],
)
def test_tiles_are_those_of_the_processor(side: int, tile: int, expected: int) -> None:
    assert tiles(side, tile, 12) == expected
    pytest.importorskip("transformers", reason="comes with the full environment")
    from transformers import GotOcr2ImageProcessor

    images = GotOcr2ImageProcessor(size={"height": tile, "width": tile}, max_patches=12)
    assert images.get_number_of_image_patches(side, side, {"crop_to_patches": True}) == expected


def test_an_image_costs_what_its_family_makes_of_it() -> None:
    """An InternVL scales 224 pixels up to a tile of 448: four times the tokens, not those of a Qwen."""
    tokens = {
        hub_id: image_patches(shape(hub_id), None, 224) // shape(hub_id).merge ** 2
        for hub_id in (
            "Qwen/Qwen2.5-VL-7B-Instruct",
            "Qwen/Qwen3-VL-8B-Instruct",
            "OpenGVLab/InternVL3-8B-hf",
        )
    }
    assert list(tokens.values()) == [64, 49, 256]


@pytest.mark.slow
@pytest.mark.parametrize("hub_id", PUBLISHED)
def test_modules_of_the_published_dimensions_have_the_parameters_that_are_counted(hub_id: str) -> None:
    """Also part by part, as --freeze_vision_tower and LoRA without the tower count them."""
    model, family, counted = on_meta(KNOWN[hub_id]), family_of_shape(hub_id), shape(hub_id)
    parts = dict.fromkeys(("vision tower", "projector", "language model"), 0)
    for name, weight in model.named_parameters():
        parts[family.part(name)] += weight.numel()
    assert sum(parts.values()) == counted.parameters
    assert parts["vision tower"] + parts["projector"] == counted.vision_parameters
    assert parts["projector"] > 0


def on_meta(config: dict[str, Any]) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    own = {key: value for key, value in config.items() if key != "model_type"}
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(AutoConfig.for_model(config["model_type"], **own))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_lora_adapts_what_is_counted_with_and_without_the_tower(family: Family, tmp_path: Path) -> None:
    """An exclusion by `visual` alone put adapters onto an InternVL's tower that was to stay as it is."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    from unifer.models import tiny_families

    tiny_families.build(family, tmp_path)
    counted = shape_of(json.loads((tmp_path / "config.json").read_text(encoding="utf-8")))
    assert counted is not None
    for vision in (True, False):
        model = AutoModelForImageTextToText.from_pretrained(tmp_path)
        excluded = None if vision else family.vision_modules
        adapted = get_peft_model(
            model, LoraConfig(r=8, target_modules="all-linear", exclude_modules=excluded)
        )
        trained = {
            name: weight.numel() for name, weight in adapted.named_parameters() if weight.requires_grad
        }
        assert sum(trained.values()) == counted.lora_parameters(8, vision=vision)
        assert any(family.sees_pixels(name) for name in trained) is vision
