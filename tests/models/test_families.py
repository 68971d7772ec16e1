"""Families of models: what is described, what is refused before weights load, which weight lives where."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.families import FAMILIES, Family, collapse, family_named, family_of, token_id, unit_of
from unifer.models.image_limits import image_tokens, pixel_limits

INTERN, THREE = family_named("internvl"), family_named("qwen3-vl")
SIZE = {"height": 448, "width": 448}


class Tokenizer:
    """A tokenizer that numbers the tokens that it knows."""

    unk_token_id = None

    def __init__(self, *tokens: str) -> None:
        self._numbers = {token: number for number, token in enumerate(tokens, start=100)}

    def convert_tokens_to_ids(self, text: str) -> int | None:
        return self._numbers.get(text)


def checkpoint(folder: Path, **config: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_checkpoint_of_an_unknown_family_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    """It failed after its weights had loaded, with a KeyError, or trained with nothing frozen."""
    other = checkpoint(tmp_path, model_type="llava", architectures=["LlavaForConditionalGeneration"])
    with pytest.raises(InputError, match=r"LlavaForCond.*qwen2\.5-vl.*internvl.*families\.md"):
        family_of(other)
    with pytest.raises(InputError, match=r"'qwen4'; described are qwen2\.5-vl"):
        family_named("qwen4")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_family_is_found_by_its_config(family: Family, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, model_type=family.model_type)
    assert family_of(folder) is family
    assert unit_of(folder, 1) == family.unit
    assert 224 % family.unit == 0, "the published size must be possible"


def test_a_size_that_one_family_takes_is_refused_for_another(tmp_path: Path) -> None:
    """256 pixels are 8 x 8 tokens of a Qwen3-VL; a Qwen2.5-VL would scale them to 252 in silence."""
    assert ImageRule(256, THREE.unit).to_json() == {"version": "fer-image-1", "size": 256, "unit": 32}
    with pytest.raises(ValueError, match="256 is not a multiple of 28"):
        ImageRule(256)
    with pytest.raises(ValueError, match="252 is not a multiple of 32"):
        ImageRule(252, THREE.unit)
    assert ImageRule(224, 32).to_json() == ImageRule(224).to_json(), "the same pixels, the same rule"
    assert ImageRule(None, 32).to_json() != ImageRule(None).to_json(), "sides are rounded otherwise"


@pytest.mark.parametrize(
    ("family", "name", "part"),
    [
        ("qwen2.5-vl", "model.visual.blocks.0.attn.qkv.weight", "vision tower"),
        ("qwen2.5-vl", "model.visual.merger.mlp.0.weight", "projector"),
        ("qwen2.5-vl", "visual.merger.ln_q.weight", "projector"),
        ("qwen3-vl", "base_model.model.model.visual.deepstack_merger_list.1.norm.weight", "projector"),
        ("qwen3-vl", "model.visual.pos_embed.weight", "vision tower"),
        ("qwen3-vl", "model.language_model.layers.0.self_attn.q_norm.weight", "language model"),
        ("internvl", "model.vision_tower.encoder.layer.0.mlp.fc1.weight", "vision tower"),
        ("internvl", "model.multi_modal_projector.linear_1.weight", "projector"),
        ("internvl", "lm_head.weight", "language model"),
    ],
)
def test_every_weight_has_its_part(family: str, name: str, part: str) -> None:
    """`.visual.` matched nothing of an InternVL: --freeze_vision_tower froze nothing, in silence."""
    assert family_named(family).part(name) == part


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        (
            "model.language_model.layers.3.self_attn.o_proj.weight",
            "language_model.model.layers.3.self_attn.o_proj.weight",
        ),
        ("model.visual.merger.linear_fc1.weight", "visual.merger.linear_fc1.weight"),
        ("model.vision_tower.layernorm.weight", "vision_tower.layernorm.weight"),
        ("lm_head.weight", "language_model.lm_head.weight"),
    ],
)
def test_weights_go_by_the_names_of_vllm(name: str, theirs: str) -> None:
    assert THREE.vllm_name(name) == theirs


def test_a_prompt_collapses_to_what_the_template_wrote() -> None:
    """vLLM puts the marks around an InternVL image itself: left there, it would answer a prompt with two."""
    tokenizer = Tokenizer("<IMG_CONTEXT>", "<img>", "</img>")
    image, first, last = 100, 101, 102
    assert collapse([7, image, image, 8, image], image) == [7, image, 8, image]
    expanded = [7, first, image, image, image, last, 8, first, image, last]
    assert INTERN.collapse(expanded, tokenizer) == [7, image, 8, image]
    assert INTERN.collapse([first, 7, last], tokenizer) == [first, 7, last], "a user's own marks stay"


def test_a_tokenizer_without_the_placeholder_is_named() -> None:
    with pytest.raises(InputError, match=r"no token '<IMG_CONTEXT>'.*copy the tokenizer files"):
        token_id(Tokenizer("<|image_pad|>"), "<IMG_CONTEXT>")


def test_a_processor_that_does_not_say_its_limits_is_named(tmp_path: Path) -> None:
    """An InternVL raised `KeyError: 'shortest_edge'` out of the middle of the checks."""
    tiles = SimpleNamespace(
        image_processor=SimpleNamespace(size={"height": 448, "width": 448}, max_patches=12)
    )
    assert pixel_limits(tmp_path, tiles, INTERN) == (448**2, 13 * 448**2)
    with pytest.raises(InputError, match=r"does not say size\.shortest_edge and size\.longest_edge"):
        pixel_limits(tmp_path, tiles, THREE)
    del tiles.image_processor.max_patches
    with pytest.raises(InputError, match=r"size\.height and size\.width and max_patches"):
        pixel_limits(tmp_path, tiles, INTERN)


def test_an_image_in_tiles_costs_all_of_them_and_the_overview() -> None:
    images = SimpleNamespace(max_patches=12, get_number_of_image_patches=lambda *_: 5)
    processor = SimpleNamespace(image_processor=images, image_seq_length=256)
    assert image_tokens(processor, ImageRule(896), INTERN) == 5 * 256 + 2
    assert image_tokens(processor, ImageRule(None), INTERN) == 13 * 256 + 2


def test_an_adapter_of_another_family_beside_a_model_is_refused(tmp_path: Path) -> None:
    """transformers loads an adapter that lies beside weights, and leaves out what does not match by name."""
    folder = checkpoint(tmp_path, model_type="qwen3_vl")
    adapter = folder / "adapter_config.json"
    adapter.write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen3-VL-8B-Instruct"}))
    assert family_of(folder) is THREE
    adapter.write_text(json.dumps({"base_model_name_or_path": "OpenGVLab/InternVL3-8B-hf"}))
    with pytest.raises(InputError, match=r"trained on OpenGVLab/InternVL3-8B-hf, of internvl.*qwen3-vl"):
        family_of(folder)
    base = tmp_path / "base"
    base.mkdir()
    checkpoint(base, model_type="qwen2_vl")
    adapter.write_text(json.dumps({"base_model_name_or_path": str(base)}))
    with pytest.raises(InputError, match=r"of qwen2-vl, and lies beside a model of qwen3-vl"):
        family_of(folder)


def test_a_family_that_the_installed_vllm_does_not_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM says so after the trainer's weights have loaded, in a page of traceback."""
    import sys

    pytest.importorskip("trl", reason="training needs the full environment")
    from unifer.train.rollouts import check_engine

    registry = SimpleNamespace(get_supported_archs=lambda: {"Qwen2VLForConditionalGeneration"})
    monkeypatch.setitem(
        sys.modules,
        "vllm",
        SimpleNamespace(ModelRegistry=registry, __version__="0.31.0"),
    )
    check_engine(family_named("qwen2-vl"))
    with pytest.raises(InputError, match=r"vLLM 0\.31\.0 does not run Qwen3VL.*--rollouts none samples"):
        check_engine(THREE)
