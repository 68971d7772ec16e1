"""How often 95 % intervals of the worst group's UAR and of the gap between groups hold the truth (93 to 97 %
wanted), by simulation.

Experiments are drawn from groups whose recalls are known, and given their intervals by the code of `unifer
eval --group`. Beside the interval adopted stand what was tried: the plain percentile interval, the basic one,
m out of n (a quarter of the rows; Bickel, Goetze and van Zwet 1997), and simultaneous bands over all groups
(max |t|, the sharp form of Bonferroni's). The labels compared are those that every group shows often enough
in an experiment, and so is its truth. Printed are percent and mean width in points.

Run: python benchmarks/group_coverage.py [--experiments 300]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unifer.datasets import load_dataset
from unifer.evaluate.metrics import LEVEL, ConfusionTable
from unifer.evaluate.trust.group_study import LEAST_FACES, GroupStudy, PeopleGroup, recall_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bounds = dict[str, tuple[float, float]]

ROOT = Path(__file__).resolve().parents[1]
RESAMPLES = 1000
PART = 4
"""m out of n: n / 4 rows."""


@dataclass(frozen=True)
class Groups:
    """Groups of so many faces (or subjects of 40 to 80 frames each, who differ by `spread`), their labels
    drawn by `shares`; the logit of being read right is that of the label plus the group's `shifts`.
    """

    sizes: tuple[int, ...]
    shifts: tuple[float, ...]
    shares: Floats
    skill: Floats
    spread: float = 0.0

    @property
    def recalls(self) -> Floats:
        """The true ones: (groups, labels), over all people there could be."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        logits = self.skill + np.array(self.shifts)[:, None]
        right = _logistic(logits[..., None] + self.spread * nodes)
        recalls: Floats = right @ (weights / weights.sum())
        return recalls


def _logistic(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-values))
    return result


def _draw(groups: Groups, at: int, draw: np.random.Generator) -> ConfusionTable:
    """One group of an experiment; wrong answers are off the list, for UAR counts what is right alone."""
    labels = len(groups.shares)
    people = groups.sizes[at] if groups.spread else 1
    frames = draw.integers(40, 81, people) if groups.spread else [groups.sizes[at]]
    subjects = np.zeros((people, labels, labels + 4), dtype=np.int64)
    for person, number in enumerate(frames):
        shares = draw.dirichlet(8 * labels * groups.shares) if groups.spread else groups.shares
        support = draw.multinomial(int(number), shares)
        logit = groups.skill + groups.shifts[at] + draw.normal(0, groups.spread)
        right = draw.binomial(support, _logistic(logit))
        subjects[person, range(labels), range(labels)] = right
        subjects[person, :, labels] = support - right
    named = tuple(map(str, range(labels)))
    return ConfusionTable(named, subjects.sum(axis=0), subjects=subjects if groups.spread else None)


def _experiment(groups: Groups, draw: np.random.Generator, seed: int) -> tuple[Bounds, Bounds, float, float]:
    """Intervals by method of the worst and of the gap, and the two true values."""
    tables = [_draw(groups, at, draw) for at in range(len(groups.sizes))]
    supports = np.array([table.counts.sum(axis=1) for table in tables])
    common = tuple(int(place) for place in np.flatnonzero((supports >= LEAST_FACES).all(axis=0)))
    drawn = [table.resampled(RESAMPLES, seed + 1000 * at)[0] for at, table in enumerate(tables)]
    people = zip(tables, drawn, strict=True)
    study = GroupStudy(
        "column",
        tuple(
            PeopleGroup(str(at), table, counts, table.clusters, seed + 1000 * at)
            for at, (table, counts) in enumerate(people)
        ),
        common,
        {},
        0,
    )
    found = study.extremes
    assert found is not None, "nothing was drawn"
    samples = np.stack([recall_mean(counts, common) for counts in drawn], axis=1)
    worst, gap = _others(study.scores, samples)
    if not groups.spread:
        parts = [_part(table, common, draw) for table in tables]
        _add_part(worst, gap, study.scores, np.stack(parts, axis=1))
    truth = groups.recalls[:, common].mean(axis=1)
    adopted = {"adopted": found.lowest_ci95} | worst, {"adopted": found.gap_ci95} | gap
    return *adopted, float(truth.min()), float(np.ptp(truth))


def _others(scores: Floats, samples: Floats) -> tuple[Bounds, Bounds]:
    """Percentile, basic and simultaneous intervals."""
    low, wide = _middle(samples.min(axis=1)), _middle(np.ptp(samples, axis=1))
    worst, gap = float(scores.min()), float(np.ptp(scores))
    moves = samples - scores
    errors, apart = moves.std(axis=0), moves[:, :, None] - moves[:, None, :]
    reach = np.quantile((np.abs(moves) / errors).max(axis=1), LEVEL) * errors
    of_pairs = apart.std(axis=0) + 1e-12
    band = np.quantile((np.abs(apart) / of_pairs).max(axis=(1, 2)), LEVEL) * of_pairs
    gaps = scores[:, None] - scores
    return (
        {
            "percentile": low,
            "basic": (2 * worst - low[1], 2 * worst - low[0]),
            "simultaneous": (float((scores - reach).min()), float((scores + reach).min())),
        },
        {
            "percentile": wide,
            "basic": (max(0.0, 2 * gap - wide[1]), 2 * gap - wide[0]),
            "simultaneous": (max(0.0, float((gaps - band).max())), float((gaps + band).max())),
        },
    )


def _part(table: ConfusionTable, common: Sequence[int], draw: np.random.Generator) -> Floats:
    """UAR of samples of n / PART rows: (resamples,)."""
    cells = table.counts.ravel()
    counts = draw.multinomial(table.total // PART, cells / cells.sum(), size=RESAMPLES)
    return recall_mean(counts.reshape(RESAMPLES, *table.counts.shape), common)


def _add_part(worst: Bounds, gap: Bounds, scores: Floats, samples: Floats) -> None:
    for bounds, value, drawn in (
        (worst, float(scores.min()), samples.min(axis=1)),
        (gap, float(np.ptp(scores)), np.ptp(samples, axis=1)),
    ):
        low, high = _middle((drawn - value) / PART**0.5)
        bounds["m out of n"] = (max(0.0, value - high), value - low)


def _middle(values: Floats) -> tuple[float, float]:
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _measure(
    groups: Groups, experiments: int, draw: np.random.Generator
) -> dict[str, dict[str, list[float]]]:
    """Score -> method -> [percent of the intervals that hold the truth, mean width in points]."""
    held: dict[str, dict[str, list[tuple[bool, float]]]] = {"worst": {}, "gap": {}}
    for seed in range(experiments):
        worst, gap, lowest, widest = _experiment(groups, draw, seed)
        for name, bounds, truth in (("worst", worst, lowest), ("gap", gap, widest)):
            for method, (low, high) in bounds.items():
                held[name].setdefault(method, []).append((low <= truth <= high, high - low))
    return {
        name: {method: (100 * np.mean(rows, axis=0)).round(1).tolist() for method, rows in methods.items()}
        for name, methods in held.items()
    }


def _settings() -> Iterator[tuple[str, Groups]]:
    support = np.array(list(load_dataset(ROOT / "eval_rafdb").expected.values()), dtype=float)
    shares, spread = support / support.sum(), np.random.default_rng(1).normal(0, 0.6, len(support))
    skill = np.log(0.7 / 0.3) + spread

    def rows(*parts: int, worse: tuple[float, ...] = ()) -> Groups:
        return Groups(parts, (*worse, *(0.0,) * (len(parts) - len(worse))), shares, skill)

    # RAF-DB's test split by gender, race and age, roughly as its authors state the shares.
    gender, race, age = (1595, 1320, 153), (2362, 246, 460), (310, 490, 1560, 580, 128)
    for name, sizes in (("gender", gender), ("race", race), ("age", age)):
        yield f"{name}, no difference", rows(*sizes)
    yield "gender, first worse by 0.2", rows(*gender, worse=(-0.2,))
    yield "race, second worse by 0.6", rows(*race, worse=(0, -0.6))
    yield "age, all differ", rows(*age, worse=(-0.6, -0.3, 0, -0.15, -0.9))
    yield "10 groups of 300, no difference", rows(*(300,) * 10)
    yield "10 groups of 300, one worse by 0.6", rows(*(300,) * 10, worse=(-0.6,))
    yield "2 groups of 60, no difference", rows(60, 60)
    yield "4 groups of 60, one worse by 1", rows(*(60,) * 4, worse=(-1,))
    six, level = np.array([0.34, 0.22, 0.14, 0.12, 0.1, 0.08]), np.array([1.0, 0.6, 0.2, 0.8, 0.4, 0.9])
    yield "2 groups of 20 subjects, no difference", Groups((20, 20), (0, 0), six, level, 0.8)
    yield "2 groups of 20 subjects, one worse by 0.6", Groups((20, 20), (-0.6, 0), six, level, 0.8)
    yield "3 groups of 12 subjects, no difference", Groups((12,) * 3, (0,) * 3, six, level, 0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=300)
    parser.add_argument("--only", default="", help="settings whose name holds this")
    args = parser.parse_args()
    experiments = args.experiments
    found = {}
    for name, groups in _settings():
        if args.only not in name:
            continue
        found[name] = _measure(groups, experiments, np.random.default_rng(20))
        print(name, json.dumps(found[name]), flush=True)
    adopted = [score["adopted"][0] for each in found.values() for score in each.values()]
    summary = {"experiments": experiments, "least": min(adopted), "most": max(adopted), "settings": found}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
