"""Radar chart and labels before and after: which of them a page has, and the same as PNG files."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.recalls import ALPHA, LabelChange, recall_intervals
from unifer.records import Json
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.layout import plain
from unifer.report.page.pairs import ALL, Versus


def radars_of(results: Sequence[DatasetScores], models: Sequence[str]) -> dict[str, Radar]:
    """A chart per scope: over the datasets, if there are several, and over the labels of each."""
    by_dataset: dict[str, list[DatasetScores]] = {}
    for result in results:
        by_dataset.setdefault(result.spec.name, []).append(result)
    found = {ALL: over_datasets(results, models)} if len(by_dataset) > 1 else {}
    return found | {name: over_labels(each) for name, each in by_dataset.items() if each[0].spec.labels}


def write_figures(
    out: Path, radars: Mapping[str, Radar], pairs: Sequence[Versus], titles: Mapping[str, str]
) -> tuple[Path, ...]:
    """Write `radar.png`, and `labels.png` (`labels.2.png`, ...) per pair of models, of the widest scope.

    `titles` are those of datasets by name. What an earlier page left under these names goes: it would not
    belong to this one.
    """
    for path in (out / "radar.png", out / "labels.png", *out.glob("labels.[0-9]*.png")):
        path.unlink(missing_ok=True)
    found = []
    for radar in list(radars.values())[:1]:
        if not radar.refusal:
            found.append(out / "radar.png")
            radar_png(found[-1], radar)
    widest: dict[tuple[str, str], Versus] = {}
    for pair in pairs:
        if any(each.n for each in pair.labels):
            widest.setdefault((pair.before, pair.after), pair)
    for number, pair in enumerate(widest.values(), 1):
        found.append(out / ("labels.png" if number == 1 else f"labels.{number}.png"))
        about = f"{titles.get(pair.scope, 'all datasets')}, {sum(each.n for each in pair.labels):,} questions"
        dumbbells_png(found[-1], pair.labels, pair.before, pair.after, about)
    return tuple(found)


if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"won": PALETTE[0], "lost": PALETTE[1], "": PALETTE[6]}


def dumbbells_png(path: Path, changes: Sequence[LabelChange], before: str, after: str, about: str) -> None:
    """Draw each label that has faces, in their order from the top; `about` says on what."""
    shown = [change for change in changes if change.n][::-1]
    figure = new_figure(8.4, 2.1 + 0.38 * len(shown))
    recalls, gains = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, change in enumerate(shown):
        _recalls(recalls, place, change)
        _gain(gains, place, change)
    recalls.set_yticks(range(len(shown)), [f"{plain(change.label, 16)} ({change.n:,})" for change in shown])
    recalls.set_ylim(-0.6, len(shown) - 0.4)
    recalls.set_xlim(-2, 106)
    recalls.set_xlabel("recall, percent  (○ before, ● after)", fontsize=9)
    gains.axvline(0, color=INK, linewidth=0.8)
    drawn = any(change.ci95 is not None for change in shown)
    gains.set_xlabel("difference, points" + (", paired 95 % interval" if drawn else ""), fontsize=9)
    ends = [0.0, *(bound for change in shown for bound in (change.points, *(change.ci95 or ())))]
    # Room on the right for the words behind each dot, also where all differences are tiny.
    room = max(max(ends) - min(ends), 5)
    gains.set_xlim(min(ends) - 0.06 * room, max(ends) + 0.5 * room)
    for axes in (recalls, gains):
        axes.grid(axis="x", color="#e3e6ea", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.suptitle(
        f"{plain(before, 36)} → {plain(after, 36)}\n{plain(about, 80)}", x=0.01, ha="left", fontsize=11
    )
    rule = (
        f"won, lost: p ≤ {ALPHA} after Holm's correction over the labels (McNemar; swaps, where there "
        "are subjects)"
    )
    figure.supxlabel(rule, fontsize=8, color="#5d6167")
    save_png(figure, path)


def _recalls(axes: Axes, place: int, change: LabelChange) -> None:
    """An open dot before, a full one after."""
    colour, ends = _COLOURS[change.verdict], [100 * change.before / change.n, 100 * change.after / change.n]
    axes.plot(ends, [place, place], color=colour, linewidth=2.4 if change.verdict else 1.6, zorder=2)
    axes.plot(ends[:1], [place], marker="o", markersize=7, color=colour, markerfacecolor="white", zorder=3)
    axes.plot(ends[1:], [place], marker="o", markersize=7, color=colour, zorder=4)


def _gain(axes: Axes, place: int, change: LabelChange) -> None:
    colour = _COLOURS[change.verdict]
    if change.ci95 is not None:
        axes.plot(
            change.ci95,
            [place, place],
            color=colour,
            linewidth=2.4 if change.verdict else 1.6,
            solid_capstyle="butt",
        )
    axes.plot([change.points], [place], marker="o", markersize=5, color=colour)
    text = f"{change.points:+.1f} {change.verdict}".rstrip()
    # Right of the zero line too, which would strike out a minus sign.
    end = max((0.0, change.points, *(change.ci95 or ())))
    axes.annotate(
        text, (end, place), (6, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK
    )


FEWEST = 3
"""Axes from which an outline has a shape."""
MOST = 7
"""Outlines that colour and mark tell apart."""
_MARKS = "os^Dv*P"


class Outline(NamedTuple):
    """The scores of one model in [0, 1] with 95 % intervals, one per axis; None without a score."""

    model: str
    values: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class Radar:
    """One chart: `outlines` of models over `axes`, named by what they stand for; `what` is the score."""

    what: str
    axes: tuple[str, ...]
    outlines: tuple[Outline, ...]

    @property
    def refusal(self) -> str:
        """Why there is nothing to draw; empty where there is."""
        if len(self.axes) >= FEWEST:
            return ""
        return (
            f"No radar chart: it needs at least {FEWEST} axes, and {self.what} has {len(self.axes)} here "
            f"({', '.join(self.axes)})."
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
    """WAR of each of `models` on each dataset; AU F1 per face, as its axis says, for AUs alone."""
    specs = {result.spec.name: result.spec for result in results}
    named = {(result.run.name, result.spec.name): _headline(result) for result in results}
    axes = tuple(spec.title if spec.labels else f"{spec.title} (AU F1)" for spec in specs.values())
    outlines = [
        _outline(model, [named.get((model, name), (None, None)) for name in specs]) for model in models
    ]
    return Radar("WAR on each dataset", axes, tuple(outlines))


def over_labels(results: Sequence[DatasetScores]) -> Radar:
    """Recall of each label of one dataset, of every run; labels without questions have no axis."""
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
        look = {"color": colour, "marker": mark, "markersize": 5, "linewidth": 1.6, "clip_on": False}
        axes.plot(turns, values, label=plain(outline.model, 40), **look)
    axes.set_xticks(
        turns[:-1], [textwrap.fill(plain(name, 32), 16) for name in radar.axes], color=INK, fontsize=9.5
    )
    # Names beside the circle grow away from it, those above and below stay centred.
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
