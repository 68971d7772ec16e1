"""Recall of each label before and after, as a PNG: two dots and what lies between them, and beside it the
paired difference.

Computes no score. Colour and a word mark what is surely won or lost; all else stays grey, whatever its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unifer.evaluate.statistics.recalls import ALPHA, LabelChange
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.tables import plain

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
        "won, lost: p ≤ "
        f"{ALPHA} after Holm's correction over the labels (McNemar; swaps, where there are subjects)"
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
