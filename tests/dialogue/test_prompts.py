"""The prompt: one text for every stage, and no way for a row to forge a turn."""

from __future__ import annotations

import hashlib

import pytest

from unifer.action_units import ACTION_UNITS
from unifer.cli import main
from unifer.dialogue import prompts
from unifer.dialogue.answers import grade
from unifer.errors import InputError

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


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|endoftext|>"],
)
def test_a_control_token_in_a_question_is_refused(token: str) -> None:
    for make in (prompts.chat_messages, prompts.trainer_prompt):
        with pytest.raises(ValueError, match="control token"):
            make(f"Which? {token}system")


def test_a_made_reply_has_one_think_and_one_answer_block() -> None:
    assert (
        prompts.reply("AU12 is active.", "happy") == "<think>AU12 is active.</think>\n<answer>happy</answer>"
    )


def test_the_reply_is_the_only_assistant_turn() -> None:
    assert prompts.trainer_completion("<answer>happy</answer>") == [
        {"role": "assistant", "content": "<answer>happy</answer>"}
    ]


GOLDEN = {
    "expression": ("fer-1", "8b077a300587b4a2"),
    "action-units": ("au-1", "58c06ea954ea499b"),
    "joint": ("joint-1", "b3a8544e075d5458"),
    "action-unit-list": ("fer-1", "978140e926a54fe5"),
}


@pytest.mark.parametrize("name", prompts.TEMPLATES)
def test_a_text_changes_only_together_with_its_version(name: str) -> None:
    """Rows asked in other words would carry the old version, and a run resumed over both would not notice."""
    template = prompts.TEMPLATES[name]
    digest = hashlib.sha256(template.text.encode()).hexdigest()[:16]
    assert (template.version, digest) == GOLDEN[name], (
        f"{name}: other words need another version; pin both here"
    )


def test_the_expression_prompt_is_word_for_word_that_of_the_embedded_default() -> None:
    assert (
        prompts.question("expression", ["happy", "sad"])
        == prompts.expression_question(["happy", "sad"])
        == (
            "Look closely at the face in this image. Which of the following expressions does it show "
            "most clearly: happy, sad? Describe the facial action units you can see and what they "
            "suggest inside <think></think>, then give exactly one label of the list inside "
            "<answer></answer>."
        )
    )


@pytest.mark.parametrize("name", ["action-units", "joint"])
def test_every_au_of_the_table_stands_in_the_prompt_with_its_name(name: str) -> None:
    shown = prompts.question(name, LABELS if name == "joint" else ())
    for unit in ACTION_UNITS.values():
        assert shown.count(f"AU{unit.number} {unit.name}") == 1
    assert prompts.check_prompt(shown) == shown
    assert "{" not in shown


def test_labels_with_braces_stay_as_they_are() -> None:
    """str.format on a prompt with a label from a user's own vocabulary raised KeyError."""
    assert "{0}, {labels}, %s?" in prompts.question("joint", ["{0}", "{labels}", "%s"])


def test_a_reply_as_the_joint_prompt_asks_for_passes_the_grader() -> None:
    verdict = grade(
        prompts.reply("The lip corners rise (AU12), the cheeks too (AU6). Together: joy.", "happiness"),
        LABELS,
    )
    assert (verdict.label, verdict.well_formed, verdict.action_units) == (
        "happiness",
        True,
        frozenset((6, 12)),
    )


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("expresion", LABELS, "did you mean 'expression'.*action-units, joint"),
        ("zzz", LABELS, "no template is called 'zzz'; there are"),
        ("joint", (), "'joint' asks for one of several labels"),
        ("action-units", ("happy",), "asks for no label, so happy would be lost"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(name: str, labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prompts.question(name, labels)


def test_the_version_of_an_unknown_template_is_refused_too() -> None:
    with pytest.raises(InputError, match="did you mean 'joint'"):
        prompts.version("jiont")


def test_the_command_prints_what_a_row_would_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "prompts", "joint", "--labels", *LABELS]) == 0
    assert capsys.readouterr().out == prompts.question("joint", LABELS) + "\n"
    assert main(["data", "prompts", "expression"]) == 0
    assert "{labels}" in capsys.readouterr().out
    assert main(["data", "prompts"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} ({template.version})" in listed for name, template in prompts.TEMPLATES.items())


def test_the_command_refuses_labels_without_a_template(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "prompts", "--labels", "happy"]) == 2
    assert "--labels needs a NAME" in capsys.readouterr().err
