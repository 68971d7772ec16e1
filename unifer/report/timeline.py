"""A video's readings over time as a PNG: per face a strip of labels, below it the claimed AUs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unifer.recognition.readings import Reading
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.layout import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_FACES = 6
"""Faces that one figure shows: those that are seen longest."""
_MARKS = "osD^vPX*"
"""Labels differ by mark as well as by place and colour."""


def timeline_png(path: Path, readings: Sequence[Reading], title: str) -> None:
    """Draw `readings`, all of one video and in order of time. Each face (track) has a panel of its own."""
    tracks: dict[int | None, list[Reading]] = {}
    for reading in readings:
        if not reading.failed:
            tracks.setdefault(reading.track, []).append(reading)
    longest = sorted(tracks, key=lambda track: -len(tracks[track]))[:_MOST_FACES]
    panels = [(track, tracks[track]) for track in longest] or [(None, [])]
    heights = [2.0 + 0.16 * len(_units(rows)) + 0.24 * len(_labels(rows)) for _, rows in panels]
    notes = list(
        dict.fromkeys(warning for reading in readings for warning in reading.warnings if reading.warnings)
    )
    figure = new_figure(10.0, sum(heights) + 0.6)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for (track, rows), each in zip(panels, axes, strict=True):
        _panel(each, rows, "whole picture" if track is None else f"face {track + 1}")
    axes[-1].set_xlabel("seconds" + (f"\nbeware: {plain(notes[0], 110)}" if notes else ""))
    left = f", {len(tracks) - len(panels)} further faces not shown" if len(tracks) > len(panels) else ""
    figure.suptitle(plain(f"{title}{left}", 100), x=0.01, ha="left", fontsize=11)
    save_png(figure, path)


def _labels(rows: Sequence[Reading]) -> list[str]:
    """The labels that occur, in the order of the question."""
    there = {row.label for row in rows}
    return [label for label in (rows[0].labels if rows else ()) if label in there]


def _units(rows: Sequence[Reading]) -> list[int]:
    return sorted({claim.number for row in rows for claim in row.action_units})


def _panel(axes: Axes, rows: Sequence[Reading], name: str) -> None:
    labels, units = _labels(rows), _units(rows)
    places = {label: len(units) + 1.5 + at for at, label in enumerate(reversed(labels))}
    times = [row.time or 0.0 for row in rows]
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.5
    for at, number in enumerate(reversed(units)):
        shown = [row.time or 0.0 for row in rows if number in {claim.number for claim in row.action_units}]
        axes.broken_barh(
            [(time - step / 2, step) for time in shown], (at + 0.1, 0.8), color="#7F9FBF", linewidth=0
        )
    for at, label in enumerate(labels):
        mine = [row for row in rows if row.label == label]
        colour = PALETTE[at % len(PALETTE)]
        sure = [row.sure is not False for row in mine]
        axes.scatter(
            [row.time or 0.0 for row in mine],
            [places[label]] * len(mine),
            marker=_MARKS[at % len(_MARKS)],
            s=34,
            facecolors=[colour if each else "none" for each in sure],
            edgecolors=colour,
        )
    ticks = [at + 0.5 for at in range(len(units))] + list(places.values())
    names = [f"AU{number}" for number in reversed(units)] + list(places)
    axes.set_yticks(ticks, [plain(each, 16) for each in names], fontsize=8, color=INK)
    axes.set_title(name, loc="left", fontsize=10)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
