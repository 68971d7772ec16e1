"""The reply as the model gave it, out of what inspect_ai's model interface makes of it. Knows no question and
no grading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput, ModelUsage


def whole(output: ModelOutput) -> str:
    """The reply with its think block: inspect takes it out of the text, and some servers send it in a field
    of its own.

    What a reasoning model thought before a reply that has a think block itself is no part of the reply.
    """
    from inspect_ai.model import ContentReasoning

    content, text = output.message.content, output.completion
    for part in () if isinstance(content, str) else content:
        if not isinstance(part, ContentReasoning) or part.redacted or not part.reasoning.strip():
            continue
        cut_out = part.internal == "think" and _first_think(text) != part.reasoning
        if cut_out or "<think" not in text.lower():
            text = f"<think>{part.reasoning}</think>\n{text}"
    return text


def _first_think(text: str) -> str | None:
    """What the first think block of `text` holds, None without one; linear, for a reply may repeat `<think` a
    hundred thousand times.
    """
    opened = text.find(">", max(text.find("<think"), 0)) if "<think" in text else -1
    closed = text.find("</think>", opened + 1) if opened >= 0 else -1
    return text[opened + 1 : closed].strip() if closed >= 0 else None


def tokens_in(usage: ModelUsage) -> int:
    """Tokens of the prompt, those that a provider read from or wrote to its cache among them."""
    return usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
