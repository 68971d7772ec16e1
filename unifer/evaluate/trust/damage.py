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

from collections.abc import Callable, Iterator
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
from unifer.proportions import wilson
from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Statistic = Callable[[Floats], Floats]
    """Sums over the rows of samples (samples, cells, columns) -> a figure of each sample (samples,)."""

_AT = {name: index for index, name in enumerate(COLUMNS)}
_ROWS = len(COLUMNS)
"""Column of the number of rows, after those of the table."""
_SHARES = ("no_answer", "malformed", "failed")
RELATIVE_DROP = "relative drop"
"""The headline: None unless every damage was asked at every level."""


class Bounded(NamedTuple):
    """A figure with its interval; None where it does not exist."""

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> Json:
        return self._asdict()


NOTHING = Bounded(None, None, None)


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

    def share(self, column: str, cells: list[int], over: int = _ROWS) -> Bounded:
        """The mean of a column over rows and `cells`, with its interval (`_share`).

        Where it is 0 or 1 all samples are alike: the bounds are Wilson's of as many units as were drawn.
        """
        figure = self.figure(_share(_AT[column], cells, over))
        if figure.value not in (0, 1) or figure.low != figure.high:
            return figure
        units = self._clusters or int(self._whole[0, 0, _ROWS])
        return Bounded(figure.value, *wilson(round(figure.value * units), units))

    def figure(self, statistic: Statistic) -> Bounded:
        """The statistic of everything, with its 95 % interval."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value, samples = float(statistic(self._whole)[0]), statistic(self._samples)
        if not np.isfinite(value):
            return NOTHING
        return Bounded(value, *percentile_interval(samples[np.isfinite(samples)], LEVEL, self._clusters))


def _shaped(sums: Floats, cells: int, columns: int) -> Floats:
    """(samples, cells * columns + 1) -> (samples, cells, columns + 1), the number of rows in every cell."""
    table = sums[:, :-1].reshape(len(sums), cells, columns)
    rows = np.broadcast_to(sums[:, -1, None, None], (len(sums), cells, 1))
    return np.concatenate([table, rows], axis=2)


def damage_sheet(grid: DamageGrid, model: str, resamples: int = RESAMPLES) -> Sheet:
    """The sheet of a grid.

    `details`: `version`, `score` (its name), `questions`, `cells`, `clean` (shares by name) and `damages`:
    per damage `name`, `quantity`, `unit`, `drop` (nulls unless all five levels were asked) and
    `levels`, per level `level`, `value` (of the quantity), `score`, `drop`, `answer_kept`,
    `claimed_aus_kept`, `no_answer`, `malformed`, `failed`. Each figure has `value`, `low`, `high`.
    """
    sums = _Sums(grid, resamples)
    cells = {damage: at for at, damage in enumerate(grid.damages, 1)}
    details = {
        "version": VERSION,
        "score": score_name(grid),
        "questions": len(grid.questions),
        "cells": len(cells),
        "clean": {name: sums.share(name, [0]).to_json() for name in ("score", *_SHARES)},
        "damages": [_damage_json(sums, cells, name) for name in KINDS if _places(cells, name)],
    }
    rates = (*_rates(grid, sums, cells), *_drop_rates(grid, sums, cells))
    return Sheet("damage", model, grid.spec.name, rates, _notes(grid, cells), details)


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


def _rate(name: str, figure: Bounded, n: int, of: str, better: Better) -> TrustRate:
    return TrustRate(name, *figure, n if figure.value is not None else 0, of, better)


def _rates(grid: DamageGrid, sums: _Sums, cells: dict[Damage, int]) -> Iterator[TrustRate]:
    every, score, count = list(cells.values()), score_name(grid), len(grid.questions)
    questions, many = f"questions, each as it is and in {len(every)} damaged ways", count * len(every)
    replies = f"replies, to {count:,} questions in {len(every)} damaged ways"
    claiming = int(grid.table[:, 1:, _AT["au_faces"]].sum())
    relative = sums.figure(_relative_drop(every)) if len(cells) == len(GRID) else NOTHING
    yield _rate(RELATIVE_DROP, relative, count, questions, "lower")
    yield _rate(f"clean {score}", sums.share("score", [0]), count, "questions", "higher")
    yield _rate(f"damaged {score}", sums.share("score", every), many, replies, "higher")
    yield _rate("answer kept", sums.share("answer_kept", every), many, replies, "higher")
    kept = sums.share("au_f1", every, _AT["au_faces"])
    yield _rate("claimed AUs kept", kept, claiming, f"{replies}, where either claims an AU", "higher")
    for name in _SHARES:
        title = name.replace("_", " ")
        yield _rate(f"{title}, clean", sums.share(name, [0]), count, "questions", "lower")
        yield _rate(f"{title}, damaged", sums.share(name, every), many, replies, "lower")


def _drop_rates(grid: DamageGrid, sums: _Sums, cells: dict[Damage, int]) -> Iterator[TrustRate]:
    """The drop under each damage that was asked at all five levels."""
    for name in KINDS:
        drop = _mean_drop(sums, cells, name)
        if drop is not NOTHING:
            yield _rate(f"drop: {name}", drop, len(grid.questions), "questions, each at five levels", "lower")


def _mean_drop(sums: _Sums, cells: dict[Damage, int], name: str) -> Bounded:
    places = _places(cells, name)
    return sums.figure(_drop(places)) if len(places) == len(LEVELS) else NOTHING


def _damage_json(sums: _Sums, cells: dict[Damage, int], name: str) -> Json:
    levels = [_level_json(sums, damage, at) for damage, at in cells.items() if damage.name == name]
    kind, drop = KINDS[name], _mean_drop(sums, cells, name)
    about = {"name": name, "quantity": kind.quantity, "unit": kind.unit.strip()}
    return about | {"drop": drop.to_json(), "levels": levels}


def _level_json(sums: _Sums, damage: Damage, at: int) -> Json:
    shares = {name: sums.share(name, [at]) for name in ("score", "answer_kept", *_SHARES)}
    shares |= {
        "claimed_aus_kept": sums.share("au_f1", [at], _AT["au_faces"]),
        "drop": sums.figure(_drop([at])),
    }
    return {"level": damage.level, "value": damage.value} | {
        name: figure.to_json() for name, figure in shares.items()
    }


def _notes(grid: DamageGrid, cells: dict[Damage, int]) -> tuple[str, ...]:
    notes = list(cluster_notes(grid.questions))
    lacking = [damage for damage in GRID if damage not in cells]
    if lacking:
        more = f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
        named = ", ".join(map(str, lacking[:4])) + more
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
