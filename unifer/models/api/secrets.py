"""Keys kept out of messages and files. Knows what a key looks like and which variables hold one; not what a
message is about.
"""

from __future__ import annotations

import os
import re

_TOKEN = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|key|AIza)[-_][A-Za-z0-9_*-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_SHORTEST = 6
HIDDEN = "[hidden]"


def secrets(*more: str | None) -> tuple[str, ...]:
    """Every key that this process knows: `more`, and what variables named `..._KEY`, `..._TOKEN` or
    `..._SECRET` hold. Longest first.
    """
    named = (
        value for name, value in os.environ.items() if re.search(r"(?:KEY|TOKEN|SECRET|PASSWORD)$", name)
    )
    return tuple(
        sorted(
            {value for value in (*more, *named) if value and len(value) >= _SHORTEST}, key=len, reverse=True
        )
    )


def redacted(text: str, hidden: tuple[str, ...]) -> str:
    """`text` without any of the keys in `hidden`, also where one is cut short, and without what looks like a
    key.
    """
    for secret in hidden:
        text = text.replace(secret, HIDDEN)
        for length in range(len(secret) - 1, _SHORTEST + 1, -1):
            if secret[:length] in text:
                text = text.replace(secret[:length], HIDDEN)
                break
    return _TOKEN.sub(HIDDEN, text)
