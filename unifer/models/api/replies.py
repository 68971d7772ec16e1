"""The reply as the model gave it, out of what inspect_ai's model interface makes of it. Knows no question and no grading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput

_THINK = re.compile(r"<think[^>]*>\s*(.*?)\s*</think>", re.DOTALL)


def whole(output: ModelOutput) -> str:
    """The reply with its think block: inspect takes it out of the text, and some servers send it in a field of its own.

    What a reasoning model thought before a reply that has a think block itself is no part of the reply.
    """
    from inspect_ai.model import ContentReasoning

    content, text = output.message.content, output.completion
    for part in () if isinstance(content, str) else content:
        if not isinstance(part, ContentReasoning) or part.redacted or not part.reasoning.strip():
            continue
        left = _THINK.search(text)
        cut_out = part.internal == "think" and (left is None or left[1] != part.reasoning)
        if cut_out or "<think" not in text.lower():
            text = f"<think>{part.reasoning}</think>\n{text}"
    return text
