"""A run against the votes of people, as a table for a terminal and as a figure. Computes no rate."""

from __future__ import annotations

from pathlib import Path

from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.report.figures import INK, PALETTE, new_figure, save_png
from unifer.report.layout import grid, interval_text, notes_text, percent, plain

_PAIRS = (
    ("a voter drawn at random", "expected agreement", "two people"),
    ("the label of nine", "agrees with nine", "one person"),
    ("the label of five", "agrees with five", "five people"),
)
"""What is agreed with, the rate of the run, and that of people on the same reference."""
_TOP = "accuracy on the top vote"


def votes_text(sheet: Sheet) -> str:
    """The run beside people on each reference, its accuracy by how clear the vote is, and the notes."""
    rates = {rate.name: rate for rate in sheet.rates}
    rows = [
        [f"{reference}", _cell(rates[run]), f"{people}: {_cell(rates[people])}"]
        for reference, run, people in _PAIRS
    ]
    rows += [["the published label", _cell(rates["accuracy"]), ""], ["the top vote", _cell(rates[_TOP]), ""]]
    bands = [
        [
            plain(band["name"]),
            f"{band['n']:,}",
            _bounded(band[_TOP]),
            percent(band["one person"][0]),
            percent(band["five people"][0]),
        ]
        for band in sheet.details["bands"]
    ]
    above, crossed, floor = rates["above one person"], rates["cross-entropy"], rates["entropy of the votes"]
    lines = [
        f"votes · {plain(sheet.dataset)} · {plain(sheet.model)} · {rates['accuracy'].n:,} faces",
        "",
        grid(["agrees with", "run", "people"], rows),
        "",
        f"  above one person: {_signed(above)} points",
        f"  cross-entropy {_plain(crossed)} nats; of the votes with themselves {_plain(floor)}",
        "",
        grid(["top vote", "faces", "run on the top vote", "one person", "five people"], bands),
        "",
        "percent, 95 % intervals; one person against the other nine, five against five",
    ]
    return "\n".join([*lines, *filter(None, [notes_text(sheet.notes)])])


def _cell(rate: TrustRate) -> str:
    return _bounded((rate.value, rate.low, rate.high))


def _bounded(bounds: tuple[float | None, float | None, float | None] | list[float | None]) -> str:
    value, low, high = bounds
    return percent(value) + interval_text(None if low is None or high is None else (low, high))


def _signed(rate: TrustRate) -> str:
    if rate.value is None:
        return "–"
    bounds = (
        "" if rate.low is None or rate.high is None else f" [{100 * rate.low:+.1f}, {100 * rate.high:+.1f}]"
    )
    return f"{100 * rate.value:+.1f}{bounds}"


def _plain(rate: TrustRate) -> str:
    return "–" if rate.value is None else f"{rate.value:.3f}"


def votes_png(path: Path, sheet: Sheet) -> None:
    """Draw accuracy on the top vote by how clear it is; one person and five people per band and overall."""
    bands = [band for band in reversed(sheet.details["bands"]) if band["n"]]
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    places = range(len(bands))
    axes.bar(places, [100 * band[_TOP][0] for band in bands], width=0.6, color="#4a86c0", label="run")
    for place, band in zip(places, bands, strict=True):
        value, low, high = band[_TOP]
        if low is not None:
            axes.plot([place, place], [100 * low, 100 * high], color=INK, linewidth=1.2)
        axes.text(place, 1.5, f"{100 * value:.1f}", ha="center", fontsize=8.5, color="white")
    for name, colour, mark in (("one person", PALETTE[1], "o"), ("five people", PALETTE[2], "D")):
        rate = sheet.rate(name)
        drawn = [
            (place, 100 * band[name][0])
            for place, band in zip(places, bands, strict=True)
            if band[name][0] is not None
        ]
        axes.scatter(
            [place for place, _ in drawn],
            [value for _, value in drawn],
            color=colour,
            marker=mark,
            zorder=3,
            s=30,
        )
        if rate is not None and rate.value is not None:
            label = f"{name}, all faces: {100 * rate.value:.1f} %"
            axes.axhline(100 * rate.value, color=colour, linewidth=1.2, linestyle="--", label=label)
    overall = sheet.rate("agrees with nine")
    if overall is not None and overall.value is not None:
        label = f"run against nine, all faces: {100 * overall.value:.1f} %"
        axes.axhline(100 * overall.value, color="#1d4f7c", linewidth=1.2, label=label)
    axes.set_xticks(list(places), [f"{plain(band['name'], 20)}\n({band['n']:,})" for band in bands])
    axes.set_ylim(0, 105)
    axes.set_ylabel("percent")
    axes.set_xlabel("votes of the top emotion (faces)")
    axes.set_title(plain(f"{sheet.dataset} · {sheet.model}", 60), loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    save_png(figure, path)
