"""How often 95 % intervals hold the truth, by simulation (target 93 to 97 %): scores, scores over subjects,
and paired gains.

Experiments are drawn from populations whose scores are known, each is given its interval by the code that
users get, and the intervals that hold the truth are counted. Beside the interval adopted stand what was
tried: rows where there are subjects, the plain percentile interval, BCa, and jackknife with Student's t.
2,000 experiments make a share uncertain by 1 point.

Run: python benchmarks/bootstrap_coverage.py [--experiments 2000]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from unifer.datasets import load_dataset
from unifer.evaluate.metrics import HEADLINE, LEVEL, ConfusionTable, headline_of, score
from unifer.evaluate.statistics.bootstrap import percentile_interval, t_quantile
from unifer.evaluate.statistics.gains import PairedReplies, gain_of, table_statistic
from unifer.evaluate.statistics.paired import Units
from unifer.places import FERBENCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bounds = dict[str, dict[str, tuple[float, float]]]

ROOT = Path(__file__).resolve().parents[1]
RESAMPLES = 1000


@dataclass(frozen=True)
class People:
    """A population of subjects who differ in how well they are read.

    Frames a subject are uniform between the two bounds; the logit of being read right is that of the class
    plus a normal deviate of the subject (`spread`) and one of the subject's class (`own`).
    """

    subjects: int
    frames: tuple[int, int]
    shares: Floats
    skill: Floats
    spread: float = 0.8
    own: float = 0.5
    gain: float = 0.0
    """Added to every logit, so that a second run differs."""

    @property
    def chances(self) -> Floats:
        """Of truth x outcome over the whole population: (labels, outcomes)."""
        deviates = np.array([NormalDist().inv_cdf((index + 0.5) / 4001) for index in range(4001)])
        right = np.array(
            [
                _logistic(level + self.gain + np.hypot(self.spread, self.own) * deviates).mean()
                for level in self.skill
            ]
        )
        chances: Floats = self.shares[:, None] * _outcomes(right, self.shares)
        return chances


def _logistic(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-values))
    return result


def _outcomes(right: Floats, shares: Floats) -> Floats:
    """Chances of outcomes given the truth: right with `right`, else mostly a frequent label, sometimes none:
    (labels, outcomes).
    """
    size = len(shares)
    wrong: Floats = np.tile(np.append(0.85 * shares + 0.1 / size, [0.02, 0.02, 0.01, 0.0]), (size, 1))
    wrong[np.arange(size), np.arange(size)] = 0
    chances: Floats = (1 - right)[:, None] * wrong / wrong.sum(axis=1, keepdims=True)
    chances[np.arange(size), np.arange(size)] = right
    return chances


def _draw_people(people: People, draw: np.random.Generator) -> tuple[Counts, Counts]:
    """Tables of each subject by two runs, the second better by `gain`: (subjects, labels, outcomes) each;
    both see the same frames.
    """
    tables = []
    for _ in range(people.subjects):
        frames = int(draw.integers(people.frames[0], people.frames[1] + 1))
        support = draw.multinomial(frames, draw.dirichlet(8 * len(people.shares) * people.shares))
        deviate = draw.normal(0, people.spread) + draw.normal(0, people.own, len(people.shares))
        rights = [_logistic(people.skill + deviate + gain) for gain in (0.0, people.gain)]
        tables.append([draw.multinomial(support, _outcomes(right, people.shares)) for right in rights])
    both = np.array(tables)
    return both[:, 0], both[:, 1]


def _values(tables: Counts | Floats) -> Floats:
    return headline_of(tables, tables.sum(axis=(1, 2)))


def _truth(chances: Floats) -> Floats:
    """The scores of a whole population, as if it were counted."""
    truth: Floats = _values(1e12 * chances[None])[0]
    return truth


def _of_rows(chances: Floats, number: int, draw: np.random.Generator, seed: int) -> Bounds:
    counts = draw.multinomial(number, chances.ravel()).reshape(chances.shape)
    found = score(_table(counts), resamples=RESAMPLES, seed=seed)
    point = _values(counts[None])[0]
    cells = np.argwhere(counts)
    leave_out = np.repeat(counts[None], len(cells), axis=0)
    leave_out[np.arange(len(cells)), cells[:, 0], cells[:, 1]] -= 1
    return {
        "adopted": found.intervals,
        "BCa": _bca(found.samples, point, _values(leave_out), counts[cells[:, 0], cells[:, 1]]),
    }


def _of_people(people: People, draw: np.random.Generator, seed: int) -> Bounds:
    subjects = _draw_people(people, draw)[0]
    table = replace(_table(subjects.sum(axis=0)), subjects=subjects)
    found, rows = (
        score(table, resamples=RESAMPLES, seed=seed),
        score(replace(table, subjects=None), resamples=RESAMPLES, seed=seed),
    )
    point, leave_out = _values(table.counts[None])[0], _values(table.counts - subjects)
    number = len(subjects)
    reach = t_quantile(LEVEL, number - 1) * np.sqrt((number - 1) * leave_out.var(axis=0))
    return {
        "adopted": found.intervals,
        "rows": rows.intervals,
        "plain percentile": _named([percentile_interval(column, LEVEL) for column in found.samples.T]),
        "BCa": _bca(found.samples, point, leave_out, np.ones(number)),
        "jackknife t": _named(
            [(value - width, value + width) for value, width in zip(point, reach, strict=True)]
        ),
    }


def _table(counts: Counts) -> ConfusionTable:
    return ConfusionTable(tuple(map(str, range(len(counts)))), counts)


def _named(bounds: list[tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return dict(zip(HEADLINE, bounds, strict=True))


def _bca(
    samples: Floats, point: Floats, leave_out: Floats, weight: Floats | Counts
) -> dict[str, tuple[float, float]]:
    """Bias-corrected and accelerated intervals (Efron 1987); `leave_out` scores without each unit, standing
    `weight` times.
    """
    normal, bounds = NormalDist(), []
    for column, value, without in zip(samples.T, point, leave_out.T, strict=True):
        below = (np.mean(column < value) + np.mean(column <= value)) / 2
        bias = normal.inv_cdf(float(np.clip(below, 1e-3, 1 - 1e-3)))
        move = np.average(without, weights=weight) - without
        power = float((weight * move**2).sum() ** 1.5)
        lift = float((weight * move**3).sum()) / (6 * power) if power else 0.0
        shifts = [bias + normal.inv_cdf(tail) for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
        low, high = np.quantile(column, [normal.cdf(bias + shift / (1 - lift * shift)) for shift in shifts])
        bounds.append((float(low), float(high)))
    return _named(bounds)


def _paired_people(people: People, draw: np.random.Generator, seed: int) -> Bounds:
    """Gains of the better run over the other."""
    before, after = _draw_people(people, draw)
    number, labels = len(before), before.shape[1]
    first, second = (side.reshape(number, -1).astype(np.float64) for side in (before, after))
    units = Units(first, second, first.sum(axis=1), np.ones(number, dtype=np.int64), number)
    return _gains(units, labels, seed)


def _paired_rows(chances: Floats, number: int, draw: np.random.Generator, seed: int) -> Bounds:
    """Gains where the second run answers half of the questions as the first did and the other half anew."""
    labels, width = chances.shape
    first = draw.choice(labels * width, size=number, p=chances.ravel())
    given = chances / chances.sum(axis=1, keepdims=True)
    reached = np.cumsum(given, axis=1)[first // width, :-1]
    anew = (draw.random((number, 1)) > reached).sum(axis=1) + first // width * width
    units = Units.of_cells(first, np.where(draw.random(number) < 0.5, first, anew), labels * width, None)
    return _gains(units, labels, seed)


def _gains(units: Units, labels: int, seed: int) -> Bounds:
    pairs = [PairedReplies(units, table_statistic(name, labels), 0, 0, 0) for name in HEADLINE]
    return {
        "adopted": _named(
            [gain_of([pair], resamples=RESAMPLES, seeds=[seed], swap=False).ci95 for pair in pairs]
        )
    }


def _covered(experiments: Iterator[Bounds], truth: Floats) -> dict[str, dict[str, float]]:
    """The share of experiments whose interval holds `truth`, by method and score."""
    held: dict[str, list[list[bool]]] = {}
    for bounds in experiments:
        for method, found in bounds.items():
            inside = [
                found[name][0] <= value <= found[name][1] for name, value in zip(HEADLINE, truth, strict=True)
            ]
            held.setdefault(method, []).append(inside)
    return {
        method: dict(zip(HEADLINE, np.mean(rows, axis=0).round(4).tolist(), strict=True))
        for method, rows in held.items()
    }


def _population(shares: Floats, accuracy: float, seed: int) -> tuple[Floats, Floats]:
    """Skills (logits) about `accuracy`, and chances of truth x outcome: classes differ, and none is read at
    random.
    """
    skill = np.log(accuracy / (1 - accuracy)) + np.random.default_rng(seed).normal(0, 0.6, len(shares))
    return skill, shares[:, None] * _outcomes(_logistic(skill), shares)


def _settings(experiments: int) -> Iterator[tuple[str, Iterator[Bounds], Floats]]:
    """(name, experiments, truth) of every setting."""
    draw = np.random.default_rng(20)
    for name in FERBENCH:
        support = np.array(list(load_dataset(ROOT / name).expected.values()), dtype=float)
        for accuracy in (0.4, 0.7):
            _, chances = _population(support / support.sum(), accuracy, 1)
            found = (_of_rows(chances, int(support.sum()), draw, seed) for seed in range(experiments))
            yield f"rows: {name}, skill {accuracy}", found, _truth(chances)
    for rarest in (20, 10, 5):
        shares = np.array([300.0, 100, 60, 2 * rarest, rarest])
        _, chances = _population(shares / shares.sum(), 0.6, 2)
        found = (_of_rows(chances, int(shares.sum()), draw, seed) for seed in range(experiments))
        yield f"rows: rarest label {rarest} of {int(shares.sum())}", found, _truth(chances)
    shares = np.array([0.34, 0.22, 0.14, 0.12, 0.1, 0.08])
    for number, frames in ((10, (60, 140)), (27, (60, 140)), (27, (20, 400)), (41, (60, 140))):
        people = People(number, frames, shares, _population(shares, 0.65, 3)[0])
        found = (_of_people(people, draw, seed) for seed in range(experiments))
        yield f"{number} subjects, {frames[0]} to {frames[1]} frames each", found, _truth(people.chances)
    yield from _paired(draw, experiments, shares)


def _paired(
    draw: np.random.Generator, experiments: int, shares: Floats
) -> Iterator[tuple[str, Iterator[Bounds], Floats]]:
    _, chances = _population(shares, 0.6, 4)
    for number in (431, 3068):
        found = (_paired_rows(chances, number, draw, seed) for seed in range(experiments))
        yield f"paired, rows: {number}", found, np.zeros(3)
    for number in (27, 41):
        people = People(number, (60, 140), shares, _population(shares, 0.6, 5)[0], gain=0.3)
        truth = 100 * (_truth(people.chances) - _truth(replace(people, gain=0.0).chances))
        found = (_paired_people(people, draw, seed) for seed in range(experiments))
        yield f"paired, {number} subjects", found, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    experiments = parser.parse_args().experiments
    found = {}
    for name, bounds, truth in _settings(experiments):
        found[name] = _covered(bounds, truth)
        print(name, json.dumps(found[name]), flush=True)
    adopted = [value for methods in found.values() for value in methods["adopted"].values()]
    print(
        json.dumps(
            {
                "experiments": experiments,
                "nominal": LEVEL,
                "least": min(adopted),
                "most": max(adopted),
                "settings": found,
            }
        )
    )


if __name__ == "__main__":
    main()
