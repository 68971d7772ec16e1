"""Rewards of published work under their own rules: they read text, not our grader's verdict.

Written from descriptions of what the released code returns. Each differs from our reward of the same purpose;
`docs/rewards.md` says how. `label` is the row's true label (None for a row of AUs alone), `action_units` are
its AUs (None where it is not annotated).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from unifer.action_units import f1
from unifer.dialogue.published import THINK, blocks

_ANSWER = (re.compile("<answer>"), re.compile("</answer>"))
_JOINT = re.compile(r"</think>\s*<answer>")
_UNIT = re.compile(r"AU\d+")


def unifer_accuracy(reply: str, label: str | None) -> float | None:
    """UniFER: 1 if the first answer block, or a reply without one, is exactly the label, else 0.

    None for a row of AUs alone, which that pipeline does not have.
    """
    return None if label is None else float(next(blocks(reply, _ANSWER), reply).strip() == label)


def unifer_format(reply: str) -> float:
    r"""UniFER: 1 if `<think>.*?</think>\s*<answer>.*?</answer>` matches the whole reply, else 0."""
    # The same by three plain checks: the expression itself takes quadratic time on a reply of many blocks.
    start, end = "<think>", "</answer>"
    inside = reply[len(start) : -len(end)]
    return float(reply.startswith(start) and reply.endswith(end) and _JOINT.search(inside) is not None)


def facial_r1_accuracy(reply: str, label: str | None) -> float:
    """Facial-R1: as `unifer_accuracy`, of the last answer block; always 0.5 for a row of AUs alone."""
    if label is None:
        return 0.5
    *_, answer = reply, *blocks(reply, _ANSWER)
    return float(answer.strip() == label)


def facial_r1_au(reply: str, action_units: Collection[int] | None) -> float:
    """Facial-R1: 2 F1 - 1 in [-1, 1] over the `AU<digits>` of the first think block; 0 if the row has no AUs.

    -1 if the reply has none. Letter case does not matter. A denied AU counts as claimed, `AU 12` with a blank
    does not. A row without annotation has no AUs here.
    """
    if not action_units:
        return 0.0
    thought = next(blocks(reply, THINK), "")
    # As texts, so that AU06 is not AU6 and AU99 counts against precision, as published.
    claimed = set(_UNIT.findall(thought.upper()))
    return 2 * f1(claimed, {f"AU{number}" for number in action_units}) - 1
