"""The figures of each kind of sheet, drawn from its `details`; nothing where they hold nothing to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unifer.evaluate.trust.sheets import Kind, Sheet
from unifer.report.figures import INK, new_figure
from unifer.report.layout import plain
from unifer.report.trust.drawings import (
    COLUMN,
    SMALL,
    TEXT,
    Drawing,
    RatePoint,
    ReferenceLine,
    column,
    legend,
    rate_bars,
    rate_curves,
    rate_dots,
)
from unifer.report.trust.reading import inner, number, point, points, rate_line, rows, series
from unifer.report.trust.wording import rate_name

_BARS = ("seen", "moved", "says why")
"""Rates that stand side by side in the figures of faithfulness, where they are there; else the first ones."""


def faithfulness_figures(sheet: Sheet) -> list[Drawing]:
    """Rates by Action Unit and by emotion (`by_...` of the details), with the noise floor."""
    floor = [
        ReferenceLine(rate_name(rate.name), rate.value)
        for rate in sheet.rates
        if rate.name.startswith("noise") and rate.value is not None
    ]
    drawn = []
    for key, raw in sheet.details.items():
        rates = dict(series(raw)) if key.startswith("by_") else {}
        chosen = [(rate_name(name), rates[name]) for name in _BARS if name in rates]
        chosen = chosen or [(rate_name(name), one) for name, one in list(rates.items())[:3]]
        if chosen:
            names = {each.name for _, one in chosen for each in one}
            figure, axes = column(0.85 + len(names) * (0.06 + 0.08 * len(chosen)))
            rate_bars(axes, chosen, floor, [rate_name(name) for name in _BARS])
            axes.set_xlabel("percent of pairs", fontsize=SMALL)
            legend(figure, 3)
            by = "by Action Unit" if key == "by_au" else key.replace("_", " ")
            drawn.append((f"Faithfulness {by}, with 95 % intervals (Wilson, over pairs)", figure))
    return drawn


def votes_figures(sheet: Sheet) -> list[Drawing]:
    """Accuracy by how clear the vote is, from unclear to clear, with the lines of one and five people."""
    bands = rows(sheet.details, "bands")[::-1]
    runs = [
        each
        for x, band in enumerate(bands)
        if (each := point(str(band.get("name")), band.get("accuracy on the top vote"), float(x)))
    ]
    if not runs:
        return []
    people = [
        (name, [each for x, band in enumerate(bands) if (each := point(name, band.get(name), float(x)))])
        for name in ("one person", "five people")
    ]
    figure, axes = column(2.5)
    rate_curves(axes, [(plain(sheet.model, 30), runs), *((n, p) for n, p in people if p)])
    lines = [*rate_line(sheet, "one person", label="one person, all faces")]
    lines += rate_line(sheet, "five people", label="five people, all faces")
    for line, dashes in zip(lines, ("--", ":"), strict=False):
        label = f"{line.name}: {100 * line.value:.1f}"
        axes.axhline(100 * line.value, color=INK, linewidth=0.9, linestyle=dashes, label=label)
    names = [f"{plain(str(band.get('name')), 20)}\n({number(band.get('n')) or 0:,.0f})" for band in bands]
    axes.set_xticks(range(len(bands)), names)
    axes.margins(x=0.2)
    axes.set_xlabel("votes for the top emotion (faces)", fontsize=SMALL)
    axes.set_ylabel("accuracy, percent", fontsize=SMALL)
    axes.set_ylim(0, 101)
    legend(figure)
    return [("Accuracy by how clear the human vote is, with 95 % intervals", figure)]


def damage_figures(sheet: Sheet) -> list[Drawing]:
    """The score against level, one small panel per damage, all on one scale; 0 is the picture as it is."""
    curves = _damages(sheet.details)
    if not curves:
        return []
    across = 3
    down = -(-len(curves) // across)
    figure = new_figure(COLUMN, 0.35 + 0.95 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    highest = max(100 * each.ends[1] for _, one in curves for each in one)
    for at, axes in enumerate(grid.flat):
        if at >= len(curves):
            axes.set_axis_off()
            continue
        name, one = curves[at]
        rate_curves(axes, [("", one)], band=True)
        axes.axhline(100 * one[0].value, color=INK, linewidth=0.6, linestyle=":")
        axes.set_title(plain(name, 16), fontsize=TEXT, loc="left", pad=2)
        axes.set_ylim(0, min(101, highest * 1.08))
        axes.tick_params(labelbottom=at + across >= len(curves))
    score = plain(str(sheet.details.get("score", "accuracy")), 20)
    figure.supxlabel("level of damage (0: as it is)", fontsize=SMALL)
    figure.supylabel(f"{score}, percent", fontsize=SMALL)
    return [(f"{score} against the level of each damage, with 95 % intervals", figure)]


def _damages(details: Mapping[str, Any]) -> list[tuple[str, list[RatePoint]]]:
    """Name of each damage -> score by level, the clean score at level 0."""
    clean = point("0", inner(details.get("clean"), "score"))
    curves = []
    for damage in rows(details, "damages"):
        levels = [
            each
            for row in rows(damage, "levels")
            if (each := point("", row.get("score"), number(row.get("level")) or 0.0))
        ]
        if levels:
            curves.append((str(damage.get("name")), [*([clean] if clean else []), *levels]))
    return curves


def calibration_figures(sheet: Sheet) -> list[Drawing]:
    """Reliability (accuracy against confidence) and risk against coverage, before and after a fit."""
    drawn = []
    reliable = _parts(sheet, "bins", _reliable)
    if reliable:
        figure, axes = column(2.6)
        axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle="--", label="calibrated")
        rate_curves(axes, reliable)
        for each in reliable[0][1]:
            if each.n is not None:
                axes.annotate(f"{each.n:,}", (each.x, 2), ha="center", fontsize=5.5, color=INK)
        axes.set_xlim(-2, 104)
        axes.set_ylim(0, 101)
        axes.set_xlabel("confidence, percent (above: answers)", fontsize=SMALL)
        axes.set_ylabel("accuracy, percent", fontsize=SMALL)
        legend(figure, 3)
        drawn.append(("Reliability: accuracy against confidence, with 95 % intervals", figure))
    risks = _parts(sheet, "risk_coverage", _risks)
    if risks:
        figure, axes = column(2.3)
        rate_curves(axes, risks)
        axes.set_xlim(0, 102)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage: percent of questions answered", fontsize=SMALL)
        axes.set_ylabel("risk: percent wrong of those", fontsize=SMALL)
        legend(figure, 3)
        drawn.append(("Risk against coverage, the surest answers first", figure))
    return drawn


def _parts(
    sheet: Sheet, key: str, read: Callable[[Sequence[Mapping[str, Any]]], list[RatePoint]]
) -> list[tuple[str, list[RatePoint]]]:
    """The points of all answers, and of the judged half after the fit, where there are any."""
    ends = (("", "all answers"), ("_after", "fitted, other half"))
    parts = [(name, read(rows(sheet.details, f"{key}{end}"))) for end, name in ends]
    return [(name, one) for name, one in parts if one]


def _reliable(bins: Sequence[Mapping[str, Any]]) -> list[RatePoint]:
    return [
        each
        for row in bins
        if (sure := number(row.get("confidence"))) is not None and (each := point("", row, 100 * sure))
    ]


def _risks(levels: Sequence[Mapping[str, Any]]) -> list[RatePoint]:
    pairs = [(number(row.get("coverage")), number(row.get("risk"))) for row in levels]
    return [
        RatePoint("", risk, x=100 * part) for part, risk in pairs if part is not None and risk is not None
    ]


def fairness_figures(sheet: Sheet) -> list[Drawing]:
    """UAR of each group with its interval, a figure per column of groups."""
    drawn = []
    for each in rows(sheet.details, "columns"):
        dots = points(each.get("groups"))
        if dots:
            figure, axes = column(0.55 + 0.2 * len(dots))
            rate_dots(axes, dots)
            axes.set_xlabel("UAR, percent (n faces)", fontsize=SMALL)
            drawn.append((f"UAR by {plain(str(each.get('column')), 30)}, with 95 % intervals", figure))
    return drawn


DRAWINGS: Mapping[Kind, Callable[[Sheet], list[Drawing]]] = {
    "faithfulness": faithfulness_figures,
    "votes": votes_figures,
    "damage": damage_figures,
    "calibration": calibration_figures,
    "fairness": fairness_figures,
}
