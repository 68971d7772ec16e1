"""A calibration for people: a table before and after, and the figure of reliability and of risk.

Computes no score and prints nothing: it reads sheets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.layout import grid, notes_text, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from unifer.records import Json

_WHOLE = (
    ("ece", "ECE, bias corrected"),
    ("brier", "Brier score"),
    ("aurc", "AURC"),
    ("accuracy", "right, of all answers"),
    ("accuracy_at_90", "right, of the surest 90 %"),
    ("accuracy_at_80", "right, of the surest 80 %"),
    ("refusals", "questions without an answer"),
)
_HALF = (("ece", "ECE, bias corrected"), ("brier", "Brier score"), ("aurc", "AURC"))
_SURE = (
    ("brier_gain", "Brier score won, paired"),
    ("sure", "answers that are sure"),
    ("accuracy_sure", "right, of the sure answers"),
)


def calibration_text(sheet: Sheet) -> str:
    """The rates of one run, then before and after the fit on the judged half, then notes."""
    counts, halves = sheet.details["counts"], sheet.details["halves"]
    fit = sheet.details["calibration"]
    asked = ", ".join(f"{number:,} {name}" for name, number in counts.items() if number)
    whole = [(title, _figure(sheet, name), _interval(sheet, name)) for name, title in _WHOLE]
    half = [
        (title, *(cell for when in ("before", "after") for cell in _cells(sheet, f"{name}_{when}")))
        for name, title in _HALF
    ]
    sure = [(title, _figure(sheet, name), _interval(sheet, name)) for name, title in _SURE]
    blocks = [
        f"{plain(sheet.model)} · {plain(sheet.dataset)} · {sheet.details['votes']} votes\nquestions: {asked}",
        grid(("percent", "", "95 %"), whole),
        f"temperature {fit['temperature']:g}, smoothing {fit['smoothing']:g}, fitted on {halves['fit']:,} "
        f"answers; judged on the\nother {halves['judge']:,} ({halves['units']} drawn):",
        grid(("percent", "before", "95 %", "after", "95 %"), half),
        f"threshold {fit['threshold']:g}; on the judged half:",
        grid(("percent", "", "95 %"), sure),
        notes_text(sheet.notes),
    ]
    return "\n\n".join(filter(None, blocks))


def _cells(sheet: Sheet, name: str) -> tuple[str, str]:
    return _figure(sheet, name), _interval(sheet, name)


def _figure(sheet: Sheet, name: str) -> str:
    rate = sheet.rate(name)
    return "–" if rate is None or rate.value is None else f"{100 * rate.value:.1f}"


def _interval(sheet: Sheet, name: str) -> str:
    rate: TrustRate | None = sheet.rate(name)
    if rate is None or rate.low is None or rate.high is None:
        return ""
    return f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"


def calibration_png(path: Path, sheet: Sheet) -> None:
    """Draw reliability and risk against coverage of the judged half, before and after the fit."""
    figure = new_figure(8.6, 4.0)
    left, right = figure.subplots(1, 2)
    left.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=":")
    for when, colour, marker in (("before", PALETTE[0], "o"), ("after", PALETTE[1], "s")):
        _reliability(left, sheet.details[f"bins_{when}"], when, colour, marker)
        curve = sheet.details[f"risk_coverage_{when}"]
        right.plot(
            [100 * point["coverage"] for point in curve],
            [100 * point["risk"] for point in curve],
            color=colour,
            marker=marker,
            markersize=3,
            linewidth=1.2,
            label=when,
        )
    left.set(xlabel="confidence, percent", ylabel="right, percent", xlim=(0, 103), ylim=(0, 103))
    right.set(xlabel="coverage: the surest answers, percent", ylabel="wrong of them, percent", xlim=(0, 103))
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8.5, loc="upper left")
        axes.tick_params(labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    title = f"{plain(sheet.model)} · {plain(sheet.dataset)} · {sheet.details['votes']} votes"
    figure.suptitle(f"{title} · judged half", fontsize=11, x=0.02, ha="left")
    save_png(figure, path)


def _reliability(axes: Axes, bins: list[Json], when: str, colour: str, marker: str) -> None:
    """A mark per number of votes, its area by the number of answers, its interval as a whisker."""
    total = sum(each["n"] for each in bins)
    for each in bins:
        place = 100 * each["confidence"]
        if each["low"] is not None:
            axes.plot([place] * 2, [100 * each["low"], 100 * each["high"]], color=colour, linewidth=0.9)
    axes.scatter(
        [100 * each["confidence"] for each in bins],
        [100 * each["accuracy"] for each in bins],
        s=[16 + 180 * each["n"] / total for each in bins],
        color=colour,
        marker=marker,
        alpha=0.75,
        label=when,
    )
