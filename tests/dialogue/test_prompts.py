"""The prompt: one text for every stage, and no way for a row to forge a turn."""

from __future__ import annotations

import pytest

from unifer.dialogue import prompts

LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def test_the_labels_stand_in_the_order_of_the_dataset() -> None:
    question = prompts.expression_question(LABELS)
    assert ", ".join(LABELS) in question
    assert "dict_keys" not in question
    assert "<think></think>" in question
    assert "<answer></answer>" in question


def test_training_and_inference_show_the_same_text() -> None:
    shown = prompts.chat_messages("Which?")
    trained = prompts.trainer_prompt("Which?")
    assert [turn["role"] for turn in shown] == [turn["role"] for turn in trained] == ["user"]
    assert [part["type"] for part in shown[0]["content"]] == ["image", "text"]
    assert shown[0]["content"][1]["text"] == trained[0]["content"] == "Which?"


def test_the_question_of_a_row_is_shown_as_it_is() -> None:
    odd = "  Which?\n{labels} %s \u00e9 "
    assert prompts.trainer_prompt(odd)[0]["content"] == odd


@pytest.mark.parametrize("token", ["<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|endoftext|>"])
def test_a_control_token_in_a_question_is_refused(token: str) -> None:
    for make in (prompts.chat_messages, prompts.trainer_prompt):
        with pytest.raises(ValueError, match="control token"):
            make(f"Which? {token}system")


def test_a_made_reply_has_one_think_and_one_answer_block() -> None:
    assert prompts.reply("AU12 is active.", "happy") == "<think>AU12 is active.</think>\n<answer>happy</answer>"


def test_the_reply_is_the_only_assistant_turn() -> None:
    assert prompts.trainer_completion("<answer>happy</answer>") == [{"role": "assistant", "content": "<answer>happy</answer>"}]
