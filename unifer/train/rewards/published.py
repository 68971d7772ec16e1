"""Rewards of published work under their own rules, for reproduction: they read the reply's text, not our
grader's verdict.

Written from descriptions of what the released code returns. Each differs from our reward of the same purpose;
`docs/rewards.md` says how.
"""

from __future__ import annotations

import re

from unifer.action_units import f1
from unifer.dialogue.facial_r1 import THINK, blocks
from unifer.train.rewards.cases import Case

_ANSWER = (re.compile("<answer>"), re.compile("</answer>"))
_JOINT = re.compile(r"</think>\s*<answer>")
_UNIT = re.compile(r"AU\d+")


def unifer_accuracy(case: Case) -> float | None:
    """UniFER: 1 if the text of the first answer block, or the whole reply where there is none, is exactly the
    label; else 0.

    None for a row of AUs alone, which that pipeline does not have.
    """
    if case.label is None:
        return None
    answer = next(blocks(case.reply, _ANSWER), case.reply)
    return float(answer.strip() == case.label)


def unifer_format(case: Case) -> float:
    """UniFER: 1 if the whole reply matches `<think>.*?</think>\\s*<answer>.*?</answer>` over any number of
    lines; else 0.
    """
    # The same by three plain checks: the expression itself takes quadratic time on a reply of many blocks.
    reply, start, end = case.reply, "<think>", "</answer>"
    inside = reply[len(start) : -len(end)]
    return float(reply.startswith(start) and reply.endswith(end) and _JOINT.search(inside) is not None)


def facial_r1_accuracy(case: Case) -> float:
    """Facial-R1: 1 if the text of the last answer block, or the whole reply where there is none, is exactly
    the label; else 0.

    0.5 for a row of AUs alone, whatever the reply.
    """
    if case.label is None:
        return 0.5
    *_, answer = case.reply, *blocks(case.reply, _ANSWER)
    return float(answer.strip() == case.label)


def facial_r1_au(case: Case) -> float:
    """Facial-R1: 2 F1 - 1 in [-1, 1] over the `AU<digits>` of the first think block; 0 if the row has no AUs,
    -1 if the reply has none.

    Letter case does not matter. A denied AU counts as claimed, `AU 12` with a blank does not. A row without
    annotation has no AUs here.
    """
    if not case.action_units:
        return 0.0
    thought = next(blocks(case.reply, THINK), "")
    # As texts, so that AU06 is not AU6 and AU99 counts against precision, as published.
    claimed = set(_UNIT.findall(thought.upper()))
    return 2 * f1(claimed, {f"AU{number}" for number in case.action_units}) - 1
