"""Training curves: small multiples over optimizer steps as one PNG, and the same run in a few lines of text.

Raw points are faint, their running mean lies over them; which panels there are is `panels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unifer.records import Json
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.layout import notes_text, plain
from unifer.report.panels import CurveLine, Panel, is_number, neighbours, panels, running_mean, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GRID = "#e3e6ea"
_COLUMNS = 3


def curves_png(path: Path, rows: Sequence[Json], title: str) -> None:
    """Draw the panels that `rows` have data for, the headline two columns wide.

    Raises ValueError without any.
    """
    chosen = panels(rows)
    if not chosen:
        raise ValueError("no metric that a panel shows")
    lines = -(-(len(chosen) + 1) // _COLUMNS)
    figure = new_figure(11.5, 0.75 + 2.45 * lines)
    grid = figure.add_gridspec(lines, _COLUMNS)
    for index, panel in enumerate(chosen):
        # The headline takes two places, so every later panel stands one further.
        row, column = divmod(index + 1 if index else 0, _COLUMNS)
        axes = figure.add_subplot(grid[0, :2] if not index else grid[row, column])
        _draw(axes, panel, rows)
    figure.suptitle(plain(title, 90), x=0.01, ha="left", fontsize=12, color=INK)
    half = neighbours(len(rows))
    means = (
        f"faint: logged steps; line: mean of {2 * half + 1} of them" if half else "each point a logged step"
    )
    alarms = "; dotted: an alarm starts" if _alarmed(rows) else ""
    figure.supxlabel(f"optimizer step  ({means}{alarms})", fontsize=8.5, color=INK)
    figure.set_layout_engine("constrained", w_pad=0.09, h_pad=0.09)
    save_png(figure, path)


def _draw(axes: Axes, panel: Panel, rows: Sequence[Json]) -> None:
    half = 0 if panel.exact else neighbours(len(rows))
    for step in _alarmed(rows):
        axes.axvline(step, color=INK, linewidth=1, linestyle=":", alpha=0.6)
    if panel.stacked:
        _stack(axes, panel, rows, half)
    else:
        colours = iter(PALETTE * len(panel.lines))
        for line in panel.lines:
            colour = INK if line.bold and len(panel.lines) > 1 else next(colours)
            _line(axes, panel, line, rows, half, colour)
    _style(axes, panel, rows)


def _alarmed(rows: Sequence[Json]) -> list[int]:
    return [row["step"] for row in rows if row.get("alarms")]


def _line(axes: Axes, panel: Panel, line: CurveLine, rows: Sequence[Json], half: int, colour: str) -> None:
    steps, values = series(rows, line.metric)
    if panel.log:
        steps, values = steps[values > 0], values[values > 0]
    values = values * panel.scale
    if line.low:
        bounded = [row for row in rows if all(is_number(row.get(name)) for name in (line.low, line.high))]
        (at, low), (_, high) = series(bounded, line.low), series(bounded, line.high)
        axes.fill_between(
            at, running_mean(low, half), running_mean(high, half), color=colour, alpha=0.13, linewidth=0
        )
    if not panel.exact:
        axes.plot(
            steps,
            values,
            "o",
            color=colour,
            markersize=2.2 if half else 3,
            alpha=0.22 if half else 0.9,
            markeredgewidth=0,
        )
    axes.plot(
        steps,
        running_mean(values, half),
        color=colour,
        linewidth=2.0 if line.bold else 1.5,
        label=plain(line.label, 32),
    )


def _stack(axes: Axes, panel: Panel, rows: Sequence[Json], half: int) -> None:
    """Areas of the phases and of what they leave of a step up to `step_time`, the last line if logged."""
    *phases, last = panel.lines
    timed = [row for row in rows if any(is_number(row.get(line.metric)) for line in panel.lines)]
    steps = np.asarray([row["step"] for row in timed], dtype=float)
    parts = {
        line: np.asarray([row[line.metric] if is_number(row.get(line.metric)) else 0.0 for row in timed])
        for line in panel.lines
    }
    if last.metric == "step_time":
        parts[last] = np.maximum(parts[last] - np.sum([parts[line] for line in phases], axis=0), 0.0)
    smooth = [running_mean(part, half) for part in parts.values()]
    labels = [plain(line.label, 24) for line in parts]
    if len(steps) == 1:  # an area needs two sides
        steps, smooth = np.asarray([steps[0] - 0.5, steps[0] + 0.5]), [np.repeat(part, 2) for part in smooth]
    axes.stackplot(
        steps, smooth, labels=labels, colors=(PALETTE * len(parts))[: len(parts)], linewidth=0, alpha=0.85
    )


def _style(axes: Axes, panel: Panel, rows: Sequence[Json]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    several = len(panel.lines) > 1 or bool(panel.lines[0].low)
    axes.set_title(panel.title, loc="left", fontsize=9.5, color=INK, pad=18 if several else 6)
    if several:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=len(panel.lines),
            frameon=False,
            fontsize=7.5,
            handlelength=0.9,
            handletextpad=0.4,
            columnspacing=0.8,
            borderpad=0,
            borderaxespad=0.3,
        )
    axes.set_ylabel(panel.unit, fontsize=8, color=INK)
    first, last = rows[0]["step"], rows[-1]["step"]
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if panel.log:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
        axes.yaxis.set_minor_locator(NullLocator())
    elif panel.scale == 100 or panel.stacked:
        axes.set_ylim(0, max(axes.get_ylim()[1], 5 if panel.scale == 100 else 0))
    # Plain numbers: text is drawn as it is, so that powers of ten would show their mark-up.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.grid(True, color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=8, colors=INK)


def curves_text(rows: Sequence[Json], name: str) -> str:
    """The run in lines of at most 80 columns: first against last of each panel's lines, and the alarms."""
    count = max(1, min(10, len(rows) // 2))
    steps = f"{len(rows):,} logged steps, {rows[0]['step']:,} to {rows[-1]['step']:,}"
    lines = [
        f"{plain(name)} · {steps}",
        "",
        f"  {'mean of ' + str(count) + ' logged steps':<34}{'first':>12}{'last':>12}",
    ]
    for panel in panels(rows):
        for line in panel.lines:
            _, values = series(rows, line.metric)
            part = (
                "whole" if line.metric == "step_time" else line.label
            )  # only the figure takes the phases off
            label = panel.title if len(panel.lines) == 1 else f"{panel.title}: {part}"
            unit = " %" if panel.scale == 100 else ""
            first, last = (
                f"{panel.scale * ends.mean():.3g}{unit}" for ends in (values[:count], values[-count:])
            )
            lines.append(f"  {plain(label, 34):<34}{first:>12}{last:>12}")
    alarms = [alarm for row in rows for alarm in row.get("alarms", ())]
    return "\n".join([*lines, "", notes_text(alarms) or "no alarm in the log"])
