"""Marks on one axes for a paper's column: bars, dots and curves with 95 % intervals, all in percent.

Sizes hold at the printed size, 3.3 inches wide; colours are Okabe and Ito's, and no colour is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unifer.report.figures import INK, PALETTE, new_figure
from unifer.report.layout import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 3.3
"""Inches: the width of one column of a two-column paper."""
SMALL, TEXT = 6.5, 7.5
"""Points: of ticks and notes, of everything else."""
GRID = "#dfe2e6"
SOFT = "#5d6167"
MARKS = "os^Dv*P"
_HATCHES = ("", "/////", ".....", "xxxxx")
"""Series in print without colours."""
Drawing = tuple[str, "Figure"]
"""What a figure shows, in a few words, and the figure."""


class RatePoint(NamedTuple):
    """One value with its 95 % interval and denominator, by its name or its place on the x axis."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    x: float = 0.0

    @property
    def ends(self) -> tuple[float, float]:
        """The interval, or the value twice."""
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)


class ReferenceLine(NamedTuple):
    """A value to read the others against: `one person`, `noise floor`."""

    name: str
    value: float


def quiet(axes: Axes, grid: str = "x") -> None:
    """Small ticks, a faint grid along one axis, no frame."""
    axes.tick_params(length=0, labelsize=SMALL, pad=2)
    axes.grid(axis="x" if grid == "x" else "y", color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def rate_bars(
    axes: Axes,
    series: Sequence[tuple[str, Sequence[RatePoint]]],
    lines: Sequence[ReferenceLine] = (),
    order: Sequence[str] = (),
) -> None:
    """Horizontal bars from 0 with whiskers, the first at the top.

    The series stand side by side within each name, each in the colour and hatch of its place in `order` (of
    names of series), so that figures agree. The denominator stands behind a name where all series share it.
    """
    names = list(dict.fromkeys(point.name for _, points in series for point in points))
    thick = 0.8 / max(1, len(series))
    for number, (title, points) in enumerate(series):
        places = [names.index(point.name) + (number - (len(series) - 1) / 2) * thick for point in points]
        look = order.index(title) if title in order else number
        values = [100 * point.value for point in points]
        axes.barh(
            places,
            values,
            0.86 * thick,
            color=PALETTE[look % len(PALETTE)],
            alpha=0.75,
            hatch=_HATCHES[look % len(_HATCHES)],
            edgecolor="white",
            linewidth=0,
            label=plain(title, 40),
        )
        for place, point in zip(places, points, strict=True):
            if point.low is not None:
                axes.plot([100 * end for end in point.ends], [place, place], color=INK, linewidth=0.8)
    axes.set_yticks(range(len(names)), [_counted(name, series) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    _reference(axes, lines, vertical=True)
    axes.set_xlim(*_limits([point for _, points in series for point in points], lines))
    quiet(axes)


def rate_dots(axes: Axes, points: Sequence[RatePoint], lines: Sequence[ReferenceLine] = ()) -> None:
    """A dot and a whisker per point, the first at the top, the value in figures behind it."""
    for place, point in enumerate(points):
        axes.plot([100 * end for end in point.ends], [place, place], color=PALETTE[0], linewidth=1.6)
        axes.plot([100 * point.value], [place], marker="o", markersize=3.4, color=PALETTE[0])
        axes.annotate(
            f"{100 * point.value:.1f}",
            (100 * point.ends[1], place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    axes.set_yticks(range(len(points)), [_counted(point.name, [("", points)]) for point in points])
    axes.set_ylim(len(points) - 0.4, -0.6)
    _reference(axes, lines, vertical=True)
    low, high = _limits(points, lines)
    axes.set_xlim(low, high + 0.12 * (high - low))
    quiet(axes)


def rate_curves(
    axes: Axes,
    series: Sequence[tuple[str, Sequence[RatePoint]]],
    lines: Sequence[ReferenceLine] = (),
    *,
    band: bool = False,
) -> None:
    """Lines through the points of each series over their x; intervals as whiskers, or as a `band`."""
    for number, (name, points) in enumerate(series):
        colour, xs = PALETTE[number % len(PALETTE)], [point.x for point in points]
        values = [100 * point.value for point in points]
        dense = len(points) > 24
        mark = None if dense else MARKS[number % len(MARKS)]
        axes.plot(
            xs,
            values,
            color=colour,
            linewidth=1.2,
            marker=mark,
            markersize=3.2,
            label=plain(name, 40) or None,
        )
        ends = np.array([[100 * end for end in point.ends] for point in points]).reshape(-1, 2)
        if band or dense:
            axes.fill_between(xs, ends[:, 0], ends[:, 1], color=colour, alpha=0.18, linewidth=0)
        else:
            axes.vlines(xs, ends[:, 0], ends[:, 1], color=colour, linewidth=0.8)
    _reference(axes, lines, vertical=False)
    quiet(axes, "y")


def _counted(name: str, series: Sequence[tuple[str, Sequence[RatePoint]]]) -> str:
    counts = {point.n for _, points in series for point in points if point.name == name}
    only = counts.pop() if len(counts) == 1 else None
    return plain(name, 24) + ("" if only is None else f" ({only:,})")


def _limits(points: Sequence[RatePoint], lines: Sequence[ReferenceLine]) -> tuple[float, float]:
    """From 0 (or the least end) to the greatest end, with a margin; never beyond 0 to 100 for shares."""
    ends = [100 * end for point in points for end in point.ends] + [100 * line.value for line in lines]
    low, high = min([0.0, *ends]), max([1.0, *ends])
    return low * 1.05, min(high * 1.05, 101.0) if high <= 100 else high * 1.05


def _reference(axes: Axes, lines: Sequence[ReferenceLine], *, vertical: bool) -> None:
    """Dashed lines, told apart by their dashes and named in the legend."""
    for line, dashes in zip(lines, ("--", ":", "-.", (0, (6, 2))), strict=False):
        draw = axes.axvline if vertical else axes.axhline
        label = f"{plain(line.name, 30)} ({100 * line.value:.1f})"
        draw(100 * line.value, color=INK, linewidth=0.9, linestyle=dashes, label=label)


def column(height: float) -> tuple[Figure, Axes]:
    """A figure of one column's width and `height` inches, with one axes."""
    figure = new_figure(COLUMN, height)
    return figure, figure.add_subplot()


def legend(figure: Figure, columns: int = 2) -> None:
    """One legend below all axes, each name once."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        figure.legend(
            list(named.values()),
            list(named),
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            fontsize=SMALL,
            handlelength=1.6,
            columnspacing=1.0,
        )
