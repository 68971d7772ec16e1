"""What a model scores over all datasets of its board together: pooled, and the mean of the sets.

Nothing is pooled over a part: a model that lacks a dataset, was asked a part of one, or is two checkpoints
has neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unifer.evaluate.facial_r1 import PROTOCOL as FACIAL_R1
from unifer.evaluate.overall import overall
from unifer.evaluate.published import pool_published
from unifer.report.leaderboard.entries import (
    LABELLED,
    METRICS,
    POOLED_FAMILY,
    Entry,
    Group,
    Value,
    accuracy_interval,
)

POOLED, MEAN = "pooled", "mean"
_NOT_AVERAGED = ("rege", "judge")
"""On scales of their own, and published for one dataset at a time."""

Totals = dict[str, dict[str, Value]]


def summaries(
    entries: Sequence[Entry], order: Sequence[str], group: Group, protocol: str, resamples: int
) -> dict[str, Totals]:
    """Model -> `pooled` and `mean` -> metric -> value, over the datasets for which any entry has the
    metric.
    """
    found: dict[str, Totals] = {entry.model: {} for entry in entries}
    for metric in METRICS:
        if metric in _NOT_AVERAGED:
            continue
        have = {name for entry in entries for name, cell in entry.cells.items() if metric in cell.values}
        parts = [name for name in order if name in have]
        if len(parts) < 2:
            continue
        for entry in entries:
            whole = all(
                name in entry.cells and metric in entry.cells[name].values and entry.cells[name].comparable
                for name in parts
            )
            if whole and entry.one_model:
                _add(found[entry.model], entry, metric, parts, protocol, resamples)
    if group.family != POOLED_FAMILY:
        for totals in found.values():
            totals.pop(POOLED, None)
    return found


def _add(
    totals: Totals, entry: Entry, metric: str, parts: Sequence[str], protocol: str, resamples: int
) -> None:
    """Pooled and mean of one metric; those of labels come together, from the rows of all sets."""
    scores = [entry.cells[name].values[metric].score for name in parts]
    mean = Value(sum(scores) / len(scores))
    if metric not in LABELLED or protocol == FACIAL_R1:  # which pools nothing
        totals.setdefault(MEAN, {})[metric] = mean
        return
    if POOLED not in totals:
        totals[POOLED], totals[MEAN] = (
            _together(entry, parts, resamples)
            if protocol == "strict"
            else (_published(entry, parts, resamples), {})
        )
    totals[MEAN].setdefault(metric, mean)


def _together(
    entry: Entry, parts: Sequence[str], resamples: int
) -> tuple[dict[str, Value], dict[str, Value]]:
    result = overall(
        [scored for name in parts if (scored := entry.cells[name].scored) is not None], resamples
    )
    pooled = {
        name: Value(getattr(result.pooled, name), result.pooled.intervals.get(name)) for name in LABELLED
    }
    return pooled, {name: Value(result.mean[name], result.mean_intervals.get(name)) for name in LABELLED}


def _published(entry: Entry, parts: Sequence[str], resamples: int) -> dict[str, Value]:
    sets = [published for name in parts if (published := entry.cells[name].published) is not None]
    found: Mapping[str, float] = pool_published(sets)["overall"]
    interval = accuracy_interval(found["accuracy"], sum(len(each.pairs) for each in sets), resamples)
    return {
        "war": Value(found["accuracy"], interval),
        "uar": Value(found["recall"]),
        "macro_f1": Value(found["f1"]),
    }
