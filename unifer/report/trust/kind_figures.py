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
from unifer.report.trust.reading import number, point, points, rate_line, series

_SERIES = 3
"""Rates that stand side by side in one figure."""


def faithfulness_figures(sheet: Sheet) -> list[Drawing]:
    """Rates by Action Unit and by emotion (`by_...` of the details), with the noise floor."""
    floor = [
        ReferenceLine("noise floor", rate.value)
        for rate in sheet.rates
        if "noise" in rate.name and rate.value is not None
    ]
    drawn = []
    for key, raw in sheet.details.items():
        rates = series(raw)[:_SERIES] if key.startswith("by") else []
        if rates:
            names = {each.name for _, one in rates for each in one}
            figure, axes = column(0.75 + 0.11 * len(names) * (1 + len(rates)))
            rate_bars(axes, _named_series(rates), floor)
            axes.set_xlabel("percent of pairs", fontsize=SMALL)
            legend(figure)
            drawn.append(
                (f"Faithfulness {key.replace('_', ' ').replace('au', 'AU')}, with 95 % intervals", figure)
            )
    return drawn


def _named_series(
    rates: Sequence[tuple[str, Sequence[RatePoint]]],
) -> list[tuple[str, Sequence[RatePoint]]]:
    return [(name.replace("_", " "), one) for name, one in rates]


def votes_figures(sheet: Sheet) -> list[Drawing]:
    """Accuracy by how clear the vote is, from unclear to clear, with the lines of one and five people."""
    bands = [band for band in sheet.details.get("bands", ()) if isinstance(band, Mapping)][::-1]
    runs = [
        each._replace(n=None)
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
    axes.margins(x=0.14)
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
    clean = point("0", _inner(details.get("clean"), "score"))
    found = []
    for damage in details.get("damages", ()):
        levels = _inner(damage, "levels")
        one = [
            each
            for raw in (levels if isinstance(levels, list) else ())
            if (each := point("", _inner(raw, "score"), number(_inner(raw, "level")) or 0.0))
        ]
        if one:
            found.append((str(_inner(damage, "name")), [*([clean] if clean else []), *one]))
    return found


def _inner(raw: Any, key: str) -> Any:
    return raw.get(key) if isinstance(raw, Mapping) else None


def calibration_figures(sheet: Sheet) -> list[Drawing]:
    """Reliability (accuracy against confidence) and risk against coverage."""
    drawn = []
    bins = sheet.details.get("bins", sheet.details.get("reliability", ()))
    reliable = [
        each
        for raw in bins
        if isinstance(raw, Mapping) and (each := point("", raw, 100 * (number(raw.get("confidence")) or 0.0)))
    ]
    if reliable:
        figure, axes = column(2.6)
        axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle="--", label="calibrated")
        rate_curves(axes, [(plain(sheet.model, 30), reliable)])
        for each in reliable:
            if each.n is not None:
                axes.annotate(f"{each.n:,}", (each.x, 2), ha="center", fontsize=5.5, color=INK)
        axes.set_xlim(-2, 102)
        axes.set_ylim(0, 101)
        axes.set_xlabel("confidence: share of the votes, percent (n above)", fontsize=SMALL)
        axes.set_ylabel("accuracy, percent", fontsize=SMALL)
        legend(figure)
        drawn.append(("Reliability: accuracy against confidence, with 95 % intervals", figure))
    risks = _risks(sheet.details.get("risk_coverage", ()))
    if risks:
        figure, axes = column(2.2)
        rate_curves(axes, [(plain(sheet.model, 30), risks)])
        axes.set_xlim(0, 102)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("coverage: percent of questions answered", fontsize=SMALL)
        axes.set_ylabel("risk: percent wrong of those", fontsize=SMALL)
        drawn.append(("Risk against coverage", figure))
    return drawn


def _risks(raw: Any) -> list[RatePoint]:
    """From pairs `[coverage, risk]` or mappings with both, by coverage."""
    found = []
    for each in raw if isinstance(raw, Sequence) and not isinstance(raw, str) else ():
        pair = (each.get("coverage"), each.get("risk")) if isinstance(each, Mapping) else tuple(each)[:2]
        coverage, risk = (number(part) for part in (*pair, None, None)[:2])
        if coverage is not None and risk is not None:
            found.append(RatePoint("", risk, x=100 * coverage))
    return sorted(found, key=lambda each: each.x)


def fairness_figures(sheet: Sheet) -> list[Drawing]:
    """UAR of each group with its interval, one figure per column of groups."""
    raw = sheet.details.get("groups", {})
    nested = isinstance(raw, Mapping) and not points(raw)
    columns = raw.items() if nested else [("group", raw)]
    drawn = []
    for name, groups in columns:
        dots = points(groups)
        if dots:
            figure, axes = column(0.55 + 0.2 * len(dots))
            rate_dots(axes, dots)
            axes.set_xlabel("UAR, percent (n)", fontsize=SMALL)
            drawn.append((f"UAR by {plain(str(name), 30)}, with 95 % intervals", figure))
    return drawn


DRAWINGS: Mapping[Kind, Callable[[Sheet], list[Drawing]]] = {
    "faithfulness": faithfulness_figures,
    "votes": votes_figures,
    "damage": damage_figures,
    "calibration": calibration_figures,
    "fairness": fairness_figures,
}
