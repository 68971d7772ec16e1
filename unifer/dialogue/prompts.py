"""The templates, and row -> chat messages: the one place where a prompt is made, identical in SFT, GRPO and inference.

A question's own `prompt` field is shown as it is: the templates here write that field for data we build. No system message is
added, so that the checkpoint's own chat template decides. Knows no tokenizer and no image pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from unifer.action_units import ACTION_UNITS, REGIONS
from unifer.records import Json

VERSION = "fer-1"
"""Changes whenever a template changes; written in the provenance of every row built with it, and in every manifest."""

_EXPRESSION = (
    "Look closely at the face in this image. Which of the following expressions does it show most clearly: {labels}? "
    "Describe the facial action units you can see and what they suggest inside <think></think>, "
    "then give exactly one label of the list inside <answer></answer>."
)
_ACTION_UNITS = "Look closely at the face in this image. Which facial action units are active?"

_RESERVED = ("<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|endoftext|>")


def expression_question(labels: Sequence[str]) -> str:
    """The FER prompt over `labels`, in the order given."""
    return _EXPRESSION.format(labels=", ".join(labels))


def action_unit_question() -> str:
    """The AU recognition prompt (pre-training of UniFER-Tiny)."""
    return _ACTION_UNITS


def action_unit_listing(action_units: Collection[int]) -> str:
    """Every facial region with its active AUs, `Brows: AU4 brow lowerer. Eyes: at rest. ...`: the reasoning of drawn faces."""
    sentences = []
    for region in REGIONS:
        active = [f"AU{unit.number} {unit.name}" for unit in ACTION_UNITS.values() if unit.region == region and unit.number in action_units]
        sentences.append(f"{region.capitalize()}: {', '.join(active) or 'at rest'}.")
    return " ".join(sentences)


def reasoning(action_units: Collection[int], label: str) -> str:
    """The listing, then the label that it points to."""
    return f"{action_unit_listing(action_units)} Together these suggest {label}."


def reply(reasoning: str, answer: str) -> str:
    """A well-formed reply: one think block, a line end, one answer block."""
    return f"<think>{reasoning}</think>\n<answer>{answer}</answer>"


def check_prompt(text: str) -> str:
    """`text` itself. Raises ValueError if it holds a chat control token, which would forge a turn or an image slot."""
    for token in _RESERVED:
        if token in text:
            raise ValueError(f"the text holds the control token {token!r}; remove it, images are attached by image_path")
    return text


def chat_messages(prompt: str) -> list[Json]:
    """One user turn, the image before the text: what every chat template renders for inference."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": check_prompt(prompt)}]}]


def trainer_prompt(prompt: str) -> list[Json]:
    """The same turn as TRL wants it: plain text, the image in its own column (TRL puts it before the text)."""
    return [{"role": "user", "content": check_prompt(prompt)}]


def trainer_completion(response: str) -> list[Json]:
    """The assistant turn that SFT learns."""
    return [{"role": "assistant", "content": response}]
