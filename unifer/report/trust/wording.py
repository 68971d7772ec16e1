"""What the kinds of trust sheet are called, what each asks, which command makes it, and rates as text."""

from __future__ import annotations

import re
from typing import NamedTuple

from unifer.evaluate.trust.sheets import Kind, TrustRate
from unifer.report.layout import percent

ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
"""Beside the name of a rate: which way is better."""


class KindText(NamedTuple):
    """Words for one kind of sheet; `command` is what a user types to get one."""

    title: str
    question: str
    command: str


KIND_TEXTS: dict[Kind, KindText] = {
    "faithfulness": KindText(
        "Faithfulness",
        "Does the answer follow the Action Units that it names? On drawn faces that differ in one thing.",
        "unifer counterfactual --out DIR --model MODEL",
    ),
    "votes": KindText(
        "Human votes",
        "Is it right where people agree, and unsure where they do not?",
        "unifer eval --vote-file",
    ),
    "damage": KindText(
        "Robustness",
        "How much of the score is left when a picture is blurred, dark, small or covered?",
        "unifer infer --damage all && unifer damage RUN",
    ),
    "calibration": KindText(
        "Calibration",
        "Is it right as often as it is sure, and wrong less often where it answers less?",
        "unifer infer --votes 8 && unifer calibrate RUN",
    ),
    "fairness": KindText(
        "Fairness",
        "For whom does it fail: the worst group of people, and the gap to the best.",
        "unifer eval --group COLUMN",
    ),
}


_SPELLINGS = {"ece": "ECE", "aurc": "AURC", "au": "AU", "uar": "UAR", "brier": "Brier score"}
_COVERAGE = re.compile(r"^accuracy at (\d+)(?: % coverage)?(?!\d)")


def rate_name(name: str) -> str:
    """The name of a rate as it is read: `ece_after` -> `ECE after`."""
    words = " ".join(_SPELLINGS.get(word, word) for word in name.replace("_", " ").split(" "))
    return _COVERAGE.sub(r"accuracy of the surest \1 %", words)


def is_share(rate: TrustRate) -> bool:
    """Whether a rate is shown in percent: a share, and none that cannot be one."""
    return rate.unit == "share" and abs(rate.value or 0.0) <= 1


def number_text(rate: TrustRate, value: float | None) -> str:
    """A value or bound of `rate`: a share in percent (`68.8 %`), a number with three digits."""
    if value is None:
        return "–"
    return f"{percent(value)} %" if is_share(rate) else f"{value:.3g}"


def bounds_text(rate: TrustRate) -> str:
    """The interval: `67.0 to 70.5`; empty where there is none."""
    if rate.low is None or rate.high is None:
        return ""
    return " to ".join(number_text(rate, bound).removesuffix(" %") for bound in (rate.low, rate.high))


def denominator(rate: TrustRate) -> str:
    """What the rate is over: `n 1,200 pairs`."""
    return f"n {rate.n:,} {rate.of}".rstrip()
