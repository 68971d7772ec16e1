"""How a model bears damaged pictures: severity curves, the relative drop, drift of claimed AUs, as a sheet.

The relative drop is 1 - A / C: C the score on the pictures as they are, A its mean over all damages and
levels. It is the relative corruption error of Hendrycks and Dietterich (Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations, ICLR 2019, section 4.1: the drop from the clean score,
averaged over severities, then over corruptions) with the model's own clean score in the place of another
network's drop, so that it needs no second model.

One bootstrap draw takes a question, or a whole subject, with all its damaged pictures: every interval is
paired with the clean run. Knows the table of `damage_grid`; no files and no replies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unifer.dialogue.damage.kinds import GRID, KINDS, LEVELS, VERSION, Damage
from unifer.evaluate.metrics import LEVEL, RESAMPLES
from unifer.evaluate.scoring import seed_of
from unifer.evaluate.statistics.bootstrap import (
    cluster_notes,
    clusters_of,
    percentile_interval,
    resampled_sums,
)
from unifer.evaluate.trust.damage_grid import COLUMNS, DamageGrid
from unifer.evaluate.trust.sheets import Better, Sheet, TrustRate
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Statistic = Callable[[Floats], Floats]
    """Sums over the rows of samples (samples, cells, columns) -> a figure of each sample (samples,)."""

_AT = {name: index for index, name in enumerate(COLUMNS)}
_ROWS = len(COLUMNS)
"""Column of the number of rows, after those of the table."""
RELATIVE_DROP = "relative drop"
"""The headline: None unless every damage was asked at every level."""


class Bounded(NamedTuple):
    """A figure with its interval; None where it does not exist."""

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> Json:
        return self._asdict()


class _Sums:
    """Sums over all questions, and over bootstrap samples of them."""

    def __init__(self, grid: DamageGrid, resamples: int) -> None:
        questions, cells, columns = grid.table.shape
        flat = grid.table.reshape(questions, -1)
        clusters = clusters_of(grid.questions)
        whole = np.append(flat.sum(axis=0), questions)[None]
        samples = resampled_sums(flat, clusters, resamples, seed_of(grid.spec.name))
        self._clusters = None if clusters is None else len(set(clusters))
        self._whole, self._samples = (_shaped(sums, cells, columns) for sums in (whole, samples))

    def figure(self, statistic: Statistic) -> Bounded:
        """The statistic of everything, with its 95 % interval."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value, samples = float(statistic(self._whole)[0]), statistic(self._samples)
        if not np.isfinite(value):
            return Bounded(None, None, None)
        return Bounded(value, *percentile_interval(samples[np.isfinite(samples)], LEVEL, self._clusters))


def _shaped(sums: Floats, cells: int, columns: int) -> Floats:
    """(samples, cells * columns + 1) -> (samples, cells, columns + 1), the number of rows in every cell."""
    table = sums[:, :-1].reshape(len(sums), cells, columns)
    rows = np.broadcast_to(sums[:, -1, None, None], (len(sums), cells, 1))
    return np.concatenate([table, rows], axis=2)


def damage_sheet(grid: DamageGrid, model: str, resamples: int = RESAMPLES) -> Sheet:
    """The sheet of a grid.

    `details`: `score` (its name), `clean` (figures by name), `damages` (per damage its quantity, unit, mean
    drop and, per level asked, quantity, score, drop and shares, each with bounds), `cells`, `questions`.
    """
    sums = _Sums(grid, resamples)
    cells = {damage: at for at, damage in enumerate(grid.damages, 1)}
    whole = {name: at for name in KINDS if len(at := _places(cells, name)) == len(LEVELS)}
    details = {
        "version": VERSION,
        "score": score_name(grid),
        "questions": len(grid.questions),
        "cells": len(cells),
        "clean": {name: sums.figure(_share(_AT[name], [0])).to_json() for name in ("score", *_SHARES)},
        "damages": [_damage_json(sums, cells, name) for name in KINDS if _places(cells, name)],
    }
    return Sheet(
        "damage", model, grid.spec.name, _rates(grid, sums, cells, whole), _notes(grid, cells), details
    )


_SHARES = ("no_answer", "malformed", "failed")


def score_name(grid: DamageGrid) -> str:
    """What is right in a reply: the label (WAR), or the AUs of the face where a set asks for them alone."""
    return "WAR" if grid.spec.labels else "AU F1 per face"


def _places(cells: dict[Damage, int], name: str) -> list[int]:
    return [at for damage, at in cells.items() if damage.name == name]


def _share(column: int, cells: list[int], over: int = _ROWS) -> Statistic:
    """Mean of a column over rows and `cells`; over those rows alone that count in column `over`."""
    return lambda sums: sums[:, cells, column].sum(axis=1) / sums[:, cells, over].sum(axis=1)


def _drop(cells: list[int]) -> Statistic:
    """Clean score minus the mean score over `cells`."""
    clean, mean = _share(_AT["score"], [0]), _share(_AT["score"], cells)
    return lambda sums: clean(sums) - mean(sums)


def _relative_drop(cells: list[int]) -> Statistic:
    clean, drop = _share(_AT["score"], [0]), _drop(cells)
    return lambda sums: drop(sums) / clean(sums)


def _rates(
    grid: DamageGrid, sums: _Sums, cells: dict[Damage, int], whole: dict[str, list[int]]
) -> tuple[TrustRate, ...]:
    every, score, count = list(cells.values()), score_name(grid), len(grid.questions)
    replies = f"replies: {count:,} questions in {len(every)} damaged ways"
    questions = f"questions, each under {len(every)} damages and as it is"

    def rate(name: str, statistic: Statistic | None, of: str, better: Better, n: int = count) -> TrustRate:
        figure = Bounded(None, None, None) if statistic is None else sums.figure(statistic)
        return TrustRate(name, *figure, n if figure.value is not None else 0, of, better)

    agreement, many = _share(_AT["au_f1"], every, _AT["au_faces"]), count * len(every)
    claiming = int(grid.table[:, 1:, _AT["au_faces"]].sum())
    rates = [
        rate(RELATIVE_DROP, _relative_drop(every) if len(cells) == len(GRID) else None, questions, "lower"),
        rate(f"clean {score}", _share(_AT["score"], [0]), "questions", "higher"),
        rate(f"damaged {score}", _share(_AT["score"], every), replies, "higher", many),
        rate("answer kept", _share(_AT["answer_kept"], every), replies, "higher", many),
        rate(
            "claimed AUs kept",
            agreement,
            "replies to damaged pictures where they or the clean run claim an AU",
            "higher",
            claiming,
        ),
    ]
    for name in _SHARES:
        title = name.replace("_", " ")
        rates += [
            rate(f"{title}, clean", _share(_AT[name], [0]), "questions", "lower"),
            rate(f"{title}, damaged", _share(_AT[name], every), replies, "lower", many),
        ]
    for name, places in whole.items():
        rates.append(rate(f"drop: {name}", _drop(places), "questions, each at five levels", "lower"))
    return tuple(rates)


def _damage_json(sums: _Sums, cells: dict[Damage, int], name: str) -> Json:
    kind = KINDS[name]
    levels = [_level_json(sums, damage, at) for damage, at in cells.items() if damage.name == name]
    drop = sums.figure(_drop(_places(cells, name)))
    return {
        "name": name,
        "quantity": kind.quantity,
        "unit": kind.unit.strip(),
        "drop": drop.to_json(),
        "levels": levels,
    }


def _level_json(sums: _Sums, damage: Damage, at: int) -> Json:
    figures = {name: _share(_AT[name], [at]) for name in ("score", "answer_kept", *_SHARES)}
    figures |= {"drop": _drop([at]), "claimed_aus_kept": _share(_AT["au_f1"], [at], _AT["au_faces"])}
    return {"level": damage.level, "value": damage.value} | {
        name: sums.figure(statistic).to_json() for name, statistic in figures.items()
    }


def _notes(grid: DamageGrid, cells: dict[Damage, int]) -> tuple[str, ...]:
    notes = list(cluster_notes(grid.questions))
    lacking = [damage for damage in GRID if damage not in cells]
    if lacking:
        named = ", ".join(map(str, lacking[:4])) + (
            f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
        )
        notes.append(
            f"{len(cells)} of the {len(GRID)} cells of the grid were asked, {named} not: no relative drop; "
            "means are over those asked, and stand beside no other grid's"
        )
    if len(grid.questions) < grid.asked_clean:
        notes.append(
            f"over {len(grid.questions):,} of the {grid.asked_clean:,} questions of the clean run: those "
            "that were asked with damage"
        )
    return (*notes, *grid.notes)
