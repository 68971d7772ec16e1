"""How often 95 % intervals of calibration hold the truth, by simulation (target 93 to 97 %).

Of ECE, Brier score and AURC.
Answers are drawn from populations whose figures are known: how many of eight votes the winner has, and how
often it is right at each. Each sample gets its intervals by the code that users get, and those that hold the
truth are counted. Beside the ECE's stand what was tried: percentile intervals of the usual ECE and of the
corrected one, the basic bootstrap, and the bias-corrected one. `below` and `above`: shares of intervals that
miss the truth because it lies there; `mean` beside `truth`: the corrected and the usual ECE.

Run: python benchmarks/calibration_coverage.py [--experiments 1000] [--only WORD]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from unifer.evaluate.metrics import LEVEL
from unifer.evaluate.statistics.bootstrap import percentile_interval
from unifer.evaluate.trust.confidence_intervals import error_interval, level_interval
from unifer.evaluate.trust.confidences import (
    SureAnswers,
    SureLevels,
    brier,
    calibration_error,
    plug_in_error,
    risk_area,
)
from unifer.evaluate.trust.sheets import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bounds = dict[str, tuple[float, float]]

VOTES = 8
SHARES = np.arange(1, VOTES + 1) / VOTES
MASS = np.array([0.0, 0.03, 0.06, 0.09, 0.10, 0.12, 0.18, 0.42])
RESAMPLES = 1000
_CLOSE = 1e-9


@dataclass(frozen=True)
class Voters:
    """A population: how often the answer with each number of votes is right, (8,).

    With `subjects`, so many people with `frames` answers each, whose chance differs from the population's by
    a beta distribution of correlation `alike`.
    """

    right: Floats
    number: int
    subjects: int = 0
    alike: float = 0.15

    def draw(self, generator: np.random.Generator) -> SureAnswers:
        votes = generator.choice(VOTES, size=self.number, p=MASS / MASS.sum()) + 1
        if not self.subjects:
            correct = generator.random(self.number) < self.right[votes - 1]
            return SureAnswers(SHARES[votes - 1], correct.astype(float), votes)
        people = generator.integers(0, self.subjects, size=self.number)
        spread = 1 / self.alike - 1
        chances = np.stack(
            [
                generator.beta(max(spread * chance, 1e-9), max(spread * (1 - chance), 1e-9), self.subjects)
                for chance in self.right
            ],
            axis=1,
        )
        correct = generator.random(self.number) < chances[people, votes - 1]
        return SureAnswers(SHARES[votes - 1], correct.astype(float), votes, people.tolist())

    def truth(self) -> dict[str, float]:
        """ECE, Brier score and AURC of the whole population."""
        mass = MASS / MASS.sum()
        levels = SureLevels(SHARES[::-1], 1e5 * mass[::-1], 1e5 * (mass * (1 - self.right))[::-1])
        return {
            "ece": float((mass * np.abs(self.right - SHARES)).sum()),
            "brier": float((mass * (self.right * (1 - SHARES) ** 2 + (1 - self.right) * SHARES**2)).sum()),
            "aurc": float(risk_area(levels)),
        }


def _adopted(answers: SureAnswers, seed: int) -> Bounds:
    squares = share(
        "brier",
        list((answers.confidence - answers.correct) ** 2),
        "answers",
        units=answers.units,
        seed=seed,
        resamples=RESAMPLES,
    )
    assert squares.low is not None
    assert squares.high is not None
    return {
        "ece": error_interval(answers, RESAMPLES, seed),
        "brier": (squares.low, squares.high),
        "aurc": level_interval(answers, risk_area, RESAMPLES, seed),
    }


def _tried(answers: SureAnswers, generator: np.random.Generator) -> Bounds:
    """Other intervals of the ECE, over rows or subjects, from a fifth of the resamples."""
    units = np.arange(answers.number) if answers.units is None else np.asarray(answers.units)
    members = [np.flatnonzero(units == unit) for unit in np.unique(units)]
    usual, corrected = [], []
    for _ in range(RESAMPLES // 5):
        drawn = [members[at] for at in generator.integers(0, len(members), size=len(members))]
        rows = np.concatenate(drawn)
        named = None
        if answers.units is not None:
            named = np.repeat(np.arange(len(drawn)), [len(each) for each in drawn]).tolist()
        again = SureAnswers(answers.confidence[rows], answers.correct[rows], answers.votes[rows], named)
        usual.append(plug_in_error(again))
        corrected.append(calibration_error(again))
    plain, mended = np.array(usual), np.array(corrected)
    low, high = percentile_interval(plain, LEVEL)
    observed, point, normal = plug_in_error(answers), calibration_error(answers), NormalDist()
    below = float(np.clip((np.mean(mended < point) + np.mean(mended <= point)) / 2, 1e-3, 1 - 1e-3))
    tails = [
        normal.cdf(2 * normal.inv_cdf(below) + sign * normal.inv_cdf((1 + LEVEL) / 2)) for sign in (-1, 1)
    ]
    return {
        "percentile, usual": (low, high),
        "percentile, corrected": percentile_interval(mended, LEVEL),
        "basic, usual": (max(0.0, 2 * observed - high), max(0.0, 2 * observed - low)),
        "bias-corrected, corrected": (
            float(np.quantile(mended, tails[0])),
            float(np.quantile(mended, tails[1])),
        ),
    }


def _settings() -> Iterator[tuple[str, Voters]]:
    top, mixed = SHARES.copy(), SHARES.copy()
    top[-1] = 0.93
    mixed[3:6] += 0.1
    mixed[-1] = 0.9
    shapes = {
        "perfect": SHARES,
        "0.02 too sure": SHARES - 0.02,
        "0.05 too sure": SHARES - 0.05,
        "0.15 too sure": np.clip(SHARES - 0.15, 0, 1),
        "too sure at 8 of 8 alone": top,
        "both ways": mixed,
    }
    for number in (150, 500, 2000):
        for name, right in shapes.items():
            yield f"{number} answers, {name}", Voters(right, number)
    for people in (20, 60):
        for name in ("perfect", "0.05 too sure", "0.15 too sure", "both ways"):
            yield f"{people} subjects, 1000 answers, {name}", Voters(shapes[name], 1000, people)


def _measured(voters: Voters, experiments: int) -> dict[str, dict[str, float]]:
    truth = voters.truth()
    generator = np.random.default_rng(22)
    misses: dict[str, list[tuple[bool, bool]]] = {}
    points: list[tuple[float, float, float]] = []
    for seed in range(experiments):
        answers = voters.draw(generator)
        points.append((calibration_error(answers), plug_in_error(answers), brier(answers)))
        bounds = _adopted(answers, seed)
        # What was tried costs most: every fifth experiment is enough to tell 20 % from 95 %.
        bounds |= _tried(answers, generator) if seed % 5 == 0 else {}
        for name, (low, high) in bounds.items():
            true = truth.get(name, truth["ece"])
            misses.setdefault(name, []).append((true < low - _CLOSE, true > high + _CLOSE))
    table: dict[str, dict[str, float]] = {}
    for name, each in misses.items():
        below, above = np.mean(each, axis=0).round(4).tolist()
        table[name] = {"holds": round(1 - below - above, 4), "below": below, "above": above}
    corrected, usual, _ = np.mean(points, axis=0).round(4).tolist()
    table["mean"] = {"truth": round(truth["ece"], 4), "corrected": corrected, "usual": usual}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--only", default="", help="settings whose name holds this")
    args = parser.parse_args()
    table = {}
    for name, voters in _settings():
        if args.only in name:
            table[name] = _measured(voters, args.experiments)
            print(name, json.dumps(table[name]), flush=True)
    adopted = {kind: [each[kind]["holds"] for each in table.values()] for kind in ("ece", "brier", "aurc")}
    ends = {kind: {"least": min(held), "most": max(held)} for kind, held in adopted.items()}
    print(json.dumps({"experiments": args.experiments, "nominal": LEVEL, **ends, "settings": table}))


if __name__ == "__main__":
    main()
