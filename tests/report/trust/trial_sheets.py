"""One sheet of each kind, with details in the shapes that the measures write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unifer.action_units import ACTION_UNITS
from unifer.evaluate.trust.sheets import KINDS, Kind, Sheet, TrustRate, sheet_path, write_sheet

DAMAGES = ("lowres", "jpeg", "defocus", "motion", "noise", "dark", "glare", "occlude-eyes", "rotate", "crop")
LEVELS = (1, 2, 3, 4, 5)


def interval(value: float, half: float = 0.05, n: int = 120) -> list[float]:
    return [value, max(0.0, value - half), min(1.0, value + half), n]


def bounds(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.04, "high": value + 0.04}


def faithfulness(model: str, dataset: str, level: float = 0.7) -> Sheet:
    rates = (
        TrustRate("says why", level, level - 0.06, level + 0.05, 412, "pairs whose answer changed"),
        TrustRate("seen", 0.81, 0.78, 0.84, 1260, "pairs that differ in one AU"),
        TrustRate("unfaithful answer", 0.09, 0.06, 0.12, 412, "pairs whose answer changed", "lower"),
        TrustRate("noise floor", 0.004, 0.0, 0.01, 210, "pairs drawn twice alike", "lower"),
    )
    units = {f"AU{unit}": interval(0.4 + 0.5 * (unit % 7) / 7) for unit in sorted(ACTION_UNITS)[:12]}
    emotions = {
        name: {"seen": interval(0.8 - at / 20), "moved": interval(0.5 + at / 20)}
        for at, name in enumerate(("happiness", "sadness", "surprise", "fear", "disgust", "anger"))
    }
    details = {"by_au": {name: {"seen": value} for name, value in units.items()}, "by_emotion": emotions}
    return Sheet("faithfulness", model, dataset, rates, ("drawn faces are drawn",), details)


def votes(model: str, dataset: str) -> Sheet:
    rates = (
        TrustRate("expected agreement", 0.62, 0.6, 0.64, 3573, "faces with votes"),
        TrustRate("one person", 0.702, 0.69, 0.71, 3573, "faces with two votes or more", "neither"),
        TrustRate("five people", 0.816, 0.8, 0.83, 3400, "faces with ten votes", "neither"),
        TrustRate("cross-entropy", 1.21, 1.1, 1.3, 3573, "faces with votes", "lower", "number"),
    )
    names = ("all agree", "8 or 9 of 10", "6 or 7 of 10", "5 or fewer of 10")
    bands = [
        {
            "name": name,
            "n": 900 - 100 * at,
            "accuracy on the top vote": interval(0.95 - 0.15 * at)[:3],
            "one person": interval(1 - 0.2 * at, 0.01)[:3],
            "five people": interval(1 - 0.12 * at, 0.01)[:3],
        }
        for at, name in enumerate(names)
    ]
    return Sheet("votes", model, dataset, rates, details={"bands": bands})


def damage(model: str, dataset: str) -> Sheet:
    rates = (
        TrustRate(
            "relative drop", 0.18, 0.15, 0.21, 1000, "questions, each under 55 damages and as it is", "lower"
        ),
        TrustRate("refusals", 0.01, 0.0, 0.02, 11000, "damaged pictures", "lower"),
    )
    damages = [
        {
            "name": name,
            "levels": [{"level": level, "score": bounds(0.75 - 0.01 * at * level)} for level in LEVELS],
        }
        for at, name in enumerate(DAMAGES)
    ]
    details = {"score": "WAR", "clean": {"score": bounds(0.75)}, "damages": damages}
    return Sheet("damage", model, dataset, rates, details=details)


def calibration(model: str, dataset: str) -> Sheet:
    rates = (
        TrustRate("ECE", 0.11, 0.08, 0.14, 1000, "questions with 8 votes", "lower"),
        TrustRate("accuracy at 80 % coverage", 0.84, 0.81, 0.87, 800, "surest questions"),
        TrustRate("temperature", 1.4, None, None, 500, "questions of the first half", "neither", "number"),
    )
    bins = [
        {
            "confidence": k / 8,
            "n": 125,
            "accuracy": 0.1 + 0.8 * k / 8,
            "interval": interval(0.1 + 0.1 * k)[1:3],
        }
        for k in range(1, 9)
    ]
    risks = [[k / 100, 0.3 * (k / 100) ** 2] for k in range(1, 101)]
    return Sheet("calibration", model, dataset, rates, details={"bins": bins, "risk_coverage": risks})


def fairness(model: str, dataset: str) -> Sheet:
    rates = (
        TrustRate("worst group", 0.58, 0.5, 0.66, 210, "faces of Race: Asian"),
        TrustRate("gap", 0.14, 0.02, 0.2, 3068, "faces in groups", "lower"),
    )
    groups = {
        "Race": {name: interval(0.72 - at / 14, 0.07, 900 // (at + 1)) for at, name in enumerate("ABC")},
        "Age": {
            name: interval(0.7 + at / 50) for at, name in enumerate(("0-3", "4-19", "20-39", "40-69", "70+"))
        },
    }
    return Sheet("fairness", model, dataset, rates, details={"groups": groups})


MAKERS = {
    "faithfulness": faithfulness,
    "votes": votes,
    "damage": damage,
    "calibration": calibration,
    "fairness": fairness,
}


def write_sheets(predictions: Path, model: str, dataset: str, kinds: Sequence[Kind] = KINDS) -> None:
    """Write sheets of `kinds` beside a predictions file."""
    for kind in kinds:
        write_sheet(sheet_path(predictions, kind), MAKERS[kind](model, dataset))
