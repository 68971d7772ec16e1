"""What does not fit, or would be scaled in silence, is refused before training. Nothing is ever cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.families import family_named
from unifer.models.image_limits import image_tokens
from unifer.train import context


class Images:
    """An image processor: pixel limits and patches of 14, merged 2 x 2."""

    patch_size, merge_size = 14, 2

    def __init__(self, least: int = 3136, most: int = 1_003_520) -> None:
        self.size = {"shortest_edge": least, "longest_edge": most}

    def get_number_of_image_patches(self, height: int, width: int) -> int:
        return (height // 14) * (width // 14)


class Processor:
    """A processor that renders a prompt as its words and one image placeholder."""

    chat_template = "given"

    def __init__(self, images: Images) -> None:
        self.image_processor = images

    def apply_chat_template(self, messages: Any, **_: Any) -> str:
        return "<image> " + str(messages[0]["content"][1]["text"])

    def tokenizer(self, texts: list[str]) -> dict[str, list[list[str]]]:
        return {"input_ids": [text.split() for text in texts]}


PROCESSOR = Processor(Images())
RULE = ImageRule(224)
FAMILY = family_named("qwen2.5-vl")


def checkpoint(folder: Path, **identity: Any) -> Path:
    (folder / "config.json").write_text(json.dumps({"text_config": {"max_position_embeddings": 100}}))
    if identity:
        (folder / "manifest.json").write_text(json.dumps({"identity": identity}))
    return folder


def test_the_longest_prompt_counts_its_image_tokens() -> None:
    assert context.longest_prompt(["one two", "one two three"], PROCESSOR, RULE, FAMILY) == 3 + 64
    assert image_tokens(PROCESSOR, ImageRule(None), FAMILY) == 1_003_520 // 784


@pytest.mark.parametrize(("prompt", "completion", "engine"), [(80, 21, None), (50, 20, 69)])
def test_a_completion_that_does_not_fit_is_refused_and_not_cut(
    prompt: int, completion: int, engine: int | None, tmp_path: Path
) -> None:
    """Published training cut prompts from the left, image tokens first."""
    with pytest.raises(
        InputError,
        match=rf"longest prompt takes {prompt} tokens .* together {prompt + completion}.*"
        "lower --max_completion",
    ):
        context.check_context(checkpoint(tmp_path), prompt, completion, engine)
    assert context.check_context(checkpoint(tmp_path), 50, 50, None) == 100


def test_a_processor_with_other_pixel_limits_is_refused_unless_that_is_meant(tmp_path: Path) -> None:
    small = Processor(Images(784, 12544))
    with pytest.raises(
        InputError,
        match=r"784 to 12,544 pixels and would scale each 224 x 224 image again.*--processor_rescales true",
    ):
        context.check_pixels(checkpoint(tmp_path), small, RULE, FAMILY, rescales=False)
    context.check_pixels(checkpoint(tmp_path), small, RULE, FAMILY, rescales=True)
    context.check_pixels(checkpoint(tmp_path), PROCESSOR, RULE, FAMILY, rescales=False)
    context.check_pixels(checkpoint(tmp_path), small, ImageRule(None), FAMILY, rescales=False)


def test_a_checkpoint_trained_on_other_pixels_is_refused(tmp_path: Path) -> None:
    trained = checkpoint(tmp_path, image_rule=ImageRule(448).to_json())
    with pytest.raises(InputError, match=r"was trained on images of size 448 .* give --image_size 448"):
        context.check_pixels(trained, PROCESSOR, RULE, FAMILY, rescales=True)
    context.check_pixels(trained, PROCESSOR, ImageRule(448), FAMILY, rescales=False)


class Tokenizer:
    """A tokenizer that knows the placeholders of Qwen-VL, the image's as 7."""

    unk_token_id = None

    def convert_tokens_to_ids(self, text: str) -> int:
        return 7 if text == "<|image_pad|>" else 8


def with_template(text: str) -> Any:
    processor: Any = Processor(Images())
    processor.tokenizer, processor.apply_chat_template = Tokenizer(), lambda *_, **__: text
    return processor


@pytest.mark.parametrize(("text", "slots"), [("user: ?", 0), ("<|image_pad|> <|image_pad|> ?", 2)])
def test_a_chat_template_without_a_slot_for_the_image_is_refused(
    text: str, slots: int, tmp_path: Path
) -> None:
    """The model would have been trained on words alone, or with features for half of its placeholders."""
    message = rf"its chat template writes {slots} placeholders \(<\|image_pad\|>\).*chat_template\.jinja"
    with pytest.raises(InputError, match=message):
        context.check_processor(checkpoint(tmp_path), with_template(text), FAMILY)


def test_tokenizer_files_of_another_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"image_token_id": 9}))
    with pytest.raises(InputError, match=r"calls token 9 the image's, the tokenizer says .* is 7"):
        context.check_processor(tmp_path, with_template("<|image_pad|> ?"), FAMILY)


def test_a_family_with_tiles_wants_the_size_of_a_tile_unless_scaling_is_meant(tmp_path: Path) -> None:
    """224 pixels would be scaled up to 448 before the tower sees them: four times the cost, no more face."""
    tiles, family = Processor(Images()), family_named("internvl")
    tiles.image_processor.size, size = {"height": 448, "width": 448}, ImageRule(224)
    tiles.image_processor.max_patches = 12  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"square tiles of 448 .*--image_size 448 is one tile"):
        context.check_pixels(checkpoint(tmp_path), tiles, size, family, rescales=False)
    context.check_pixels(checkpoint(tmp_path), tiles, size, family, rescales=True)
    context.check_pixels(checkpoint(tmp_path), tiles, ImageRule(448), family, rescales=False)
