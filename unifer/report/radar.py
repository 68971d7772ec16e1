"""Radar charts: scores of models over datasets, or recall over the labels of one, on axes that all start at 0
and end at 100 percent.

Computes no score but takes each with its interval, for the table below a chart: outlines have no room for
intervals. Areas are not filled, since they grow with the square of a score and change with the order of axes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.recalls import recall_intervals
from unifer.records import Json
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.tables import plain

FEWEST = 3
"""Axes from which an outline has a shape."""
MOST = 7
"""Outlines that colour and mark tell apart."""
_MARKS = "os^Dv*P"


class Outline(NamedTuple):
    """The scores of one model in [0, 1], one for each axis with its 95 % interval; None where there is
    none.
    """

    model: str
    values: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class Radar:
    """One chart: `outlines` of models over `axes`, each named by what it stands for; `what` names the
    score.
    """

    what: str
    axes: tuple[str, ...]
    outlines: tuple[Outline, ...]

    @property
    def refusal(self) -> str:
        """Why there is nothing to draw; empty where there is."""
        if len(self.axes) >= FEWEST:
            return ""
        return (
            "No radar chart: it needs at least "
            f"{FEWEST} axes, and {self.what} has {len(self.axes)} here ({', '.join(self.axes)})."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Which outlines are open and where, and which models are not drawn."""
        found = []
        for model, values, _ in self.outlines[:MOST]:
            lacking = [axis for axis, value in zip(self.axes, values, strict=True) if value is None]
            found += (
                [f"{model} has no score for {', '.join(lacking)}: its outline is open there"]
                if lacking
                else []
            )
        left = len(self.outlines) - MOST
        return (*found, *([f"{left} more models stand in the table only"] if left > 0 else []))

    def to_json(self) -> Json:
        models = [
            {"name": each.model, "values": each.values, "intervals": each.intervals} for each in self.outlines
        ]
        about = {"what": self.what, "refusal": self.refusal, "notes": self.notes, "most": MOST}
        return {**about, "axes": self.axes, "models": models}


def over_datasets(results: Sequence[DatasetScores], models: Sequence[str]) -> Radar:
    """WAR of each of `models` on each dataset; AU F1 a face, and the axis says so, where a dataset asks for
    AUs alone.
    """
    specs = {result.spec.name: result.spec for result in results}
    named = {(result.run.name, result.spec.name): _headline(result) for result in results}
    axes = tuple(spec.title if spec.labels else f"{spec.title} (AU F1)" for spec in specs.values())
    outlines = [
        _outline(model, [named.get((model, name), (None, None)) for name in specs]) for model in models
    ]
    return Radar("WAR on each dataset", axes, tuple(outlines))


def over_labels(results: Sequence[DatasetScores]) -> Radar:
    """Recall of each label of one dataset, of every run in `results`; a label that no question shows has no
    axis.
    """
    found = []
    for result in results:
        scores = result.labelled
        intervals = recall_intervals(scores)
        found.append({row.label: (row.recall, intervals[row.label]) for row in scores.per_class})
    labels = [
        label for label in results[0].spec.labels if any(recalls[label][0] is not None for recalls in found)
    ]
    outlines = [
        _outline(result.run.name, [recalls[label] for label in labels])
        for result, recalls in zip(results, found, strict=True)
    ]
    return Radar(f"Recall of each label of {results[0].spec.title}", tuple(labels), tuple(outlines))


_Score = tuple[float | None, tuple[float, float] | None]


def _headline(result: DatasetScores) -> _Score:
    if result.scores is not None:
        return result.scores.war, result.scores.intervals.get("war")
    units = result.action_units
    return (None, None) if units is None else (units.face_f1, units.intervals.get("face_f1"))


def _outline(model: str, scores: Sequence[_Score]) -> Outline:
    return Outline(model, tuple(value for value, _ in scores), tuple(bounds for _, bounds in scores))


def radar_png(path: Path, radar: Radar) -> None:
    """Draw the first `MOST` outlines. Raises ValueError for fewer than `FEWEST` axes."""
    if radar.refusal:
        raise ValueError(radar.refusal)
    figure = new_figure(6.4, 6.6)
    # Typed by matplotlib as the common ancestor, which has no angles.
    axes: Any = figure.add_subplot(projection="polar", theta_offset=np.pi / 2, theta_direction=-1)
    turns = np.linspace(0, 2 * np.pi, len(radar.axes) + 1)
    for outline, colour, mark in zip(radar.outlines[:MOST], PALETTE, _MARKS, strict=False):
        # A gap in the numbers is a gap in the line: an outline that lacks an axis stays open.
        values = [np.nan if value is None else 100 * value for value in (*outline.values, outline.values[0])]
        axes.plot(
            turns,
            values,
            color=colour,
            marker=mark,
            markersize=5,
            linewidth=1.6,
            label=plain(outline.model, 40),
            clip_on=False,
        )
    axes.set_xticks(
        turns[:-1], [textwrap.fill(plain(name, 32), 16) for name in radar.axes], color=INK, fontsize=9.5
    )
    for turn, text in zip(turns, axes.get_xticklabels(), strict=False):
        side = np.sin(turn)
        text.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
    axes.set_ylim(0, 100)
    axes.set_yticks(
        range(20, 101, 20), [f"{ring}" for ring in range(20, 101, 20)], color="#5d6167", fontsize=8
    )
    for text in axes.get_yticklabels():
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8})
    axes.set_rlabel_position(180 / len(radar.axes))
    axes.grid(color="#d9dce0", linewidth=0.8)
    axes.spines["polar"].set_color("#b8bcc2")
    axes.set_title(plain(f"{radar.what}, 0 to 100 percent", 70), loc="left", fontsize=11, pad=26)
    notes = "\n".join(textwrap.fill(plain(note, 200), 90) for note in radar.notes)
    figure.legend(
        loc="outside lower center", ncols=2, frameon=False, fontsize=9, title=notes or None, title_fontsize=8
    )
    save_png(figure, path)
