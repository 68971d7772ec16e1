"""What does not fit, or would be scaled in silence, is refused before training. Nothing is ever cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.families import family_named
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
    assert context.image_tokens(PROCESSOR, ImageRule(None), FAMILY) == 1_003_520 // 784


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
