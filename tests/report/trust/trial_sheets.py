"""One sheet of each kind, with details in the shapes that the measures write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unifer.action_units import ACTION_UNITS
from unifer.evaluate.trust.sheets import KINDS, Kind, Sheet, TrustRate, sheet_path, write_sheet

DAMAGES = ("lowres", "jpeg", "defocus", "motion", "noise", "dark", "glare", "occlude-eyes", "rotate", "crop")
LEVELS = (1, 2, 3, 4, 5)


def interval(value: float, half: float = 0.05) -> list[float]:
    return [value, max(0.0, value - half), min(1.0, value + half)]


def bounds(value: float, name: str = "value") -> dict[str, float]:
    return {name: value, "low": value - 0.04, "high": value + 0.04}


def faithfulness(model: str, dataset: str, level: float = 0.7) -> Sheet:
    rates = (
        TrustRate("says why", level, level - 0.06, level + 0.05, 412, "pairs whose answer changed"),
        TrustRate("seen", 0.81, 0.78, 0.84, 1260, "pairs that differ in one AU"),
        TrustRate("unfaithful answers", 0.09, 0.06, 0.12, 412, "pairs whose answer changed", "lower"),
        TrustRate("noise in answers", 0.004, 0.0, 0.01, 210, "pairs drawn twice alike", "lower"),
    )
    units = {
        f"AU{unit}": {"seen": [40 + unit, 90], "moved": [30, 60 + unit]} for unit in sorted(ACTION_UNITS)[:12]
    }
    emotions = {
        name: {"says why": [30 + at, 50], "moved": [20 + at, 60]}
        for at, name in enumerate(("happiness", "sadness", "surprise", "fear", "disgust", "anger"))
    }
    details = {"families": 210, "pairs": {"added": 40}, "by_au": units, "by_emotion": emotions}
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
            "accuracy on the top vote": interval(0.95 - 0.15 * at),
            "one person": interval(1 - 0.2 * at, 0.01),
            "five people": interval(1 - 0.12 * at, 0.01),
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
        {"votes": k, "confidence": k / 8, "n": 125} | bounds(0.1 + k / 10, "accuracy") for k in range(1, 9)
    ]
    risks = [{"confidence": 1 - k / 8, "coverage": k / 8, "risk": 0.3 * (k / 8) ** 2} for k in range(1, 9)]
    details = {"bins": bins, "bins_after": bins[2:], "risk_coverage": risks, "risk_coverage_after": risks[1:]}
    return Sheet("calibration", model, dataset, rates, details=details)


def fairness(model: str, dataset: str) -> Sheet:
    rates = (
        TrustRate("race: worst UAR", 0.58, 0.5, 0.66, 210, "faces of the worst group, Asian"),
        TrustRate("race: gap in UAR", 0.14, 0.02, 0.2, 3068, "faces in groups", "lower"),
    )
    columns = {"race": ("Caucasian", "African-American", "Asian"), "age": ("0-3", "4-19", "20-39", "40-69")}
    details = {
        "least": 30,
        "columns": [
            {
                "column": column,
                "groups": [
                    {
                        "group": name,
                        "n": 900 // (at + 1),
                        "uar": interval(0.72 - at / 14),
                        "accuracy": [0.7, 0.6, 0.8],
                    }
                    for at, name in enumerate(names)
                ],
            }
            for column, names in columns.items()
        ],
    }
    return Sheet("fairness", model, dataset, rates, details=details)


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
