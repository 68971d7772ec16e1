"""Scores as PNG files: a confusion matrix, and bars of several scores with their intervals.

Computes no score. Text comes from files and is drawn as it is, never as mathematics; one sequential blue that
prints and that colour-blind readers can order.
"""

from __future__ import annotations

import io
import os
import tempfile
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from unifer.report.layout import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

INK = "#222222"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8C8C8C")
"""Okabe and Ito's colours, which colour-blind readers tell apart."""
_SERIES = ("#4a86c0", "#b9d3ea", "#1d4f7c")


class Bar(NamedTuple):
    """Bars side by side under one name: per series a score in [0, 1] with its 95 % interval.

    A score that does not exist is None.

    `chance` is what guessing scores in the first series.
    """

    name: str
    scores: Sequence[float | None]
    intervals: Sequence[tuple[float, float] | None]
    chance: float | None = None


def confusion_png(
    path: Path, counts: Sequence[Sequence[int]], truth: Sequence[str], outcome: Sequence[str], title: str
) -> None:
    """Draw counts (truth x outcome): shade and percentage by row, the count in each cell.

    Columns without any count beyond the labels are left out.
    """
    table = np.asarray(counts, dtype=float)
    kept = [index for index in range(len(outcome)) if index < len(truth) or table[:, index].any()]
    table, names = table[:, kept], [plain(outcome[index].replace("_", " "), 14) for index in kept]
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = new_figure(2.3 + 0.78 * len(names), 1.9 + 0.6 * len(truth))
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*table.shape):
        if table[row, column]:
            colour = "white" if share[row, column] > 0.55 else INK
            part = f"{100 * share[row, column]:.0f} %" if share[row, column] >= 0.005 else "<1 %"
            axes.text(column, row - 0.12, part, ha="center", va="center", color=colour, fontsize=9)
            axes.text(
                column,
                row + 0.23,
                f"{int(table[row, column]):,}",
                ha="center",
                va="center",
                color=colour,
                fontsize=7,
            )
    supports = [
        f"{plain(name, 14)} ({int(total):,})" for name, total in zip(truth, table.sum(axis=1), strict=True)
    ]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(truth)), supports)
    axes.set_xlabel("model says")
    axes.set_ylabel("true label (questions)")
    axes.set_title(plain(title, 60), loc="left", fontsize=11)
    if len(names) > len(truth):
        axes.axvline(len(truth) - 0.5, color=INK, linewidth=1)
    _no_frame(axes)
    save_png(figure, path)


def bars_png(
    path: Path,
    bars: Sequence[Bar],
    series: Sequence[str],
    title: str,
    sections: Sequence[tuple[str, int]] = (),
) -> None:
    """Draw up to three scores of several datasets or models, intervals as whiskers, chance dashed.

    `sections` are headings with the number of bars below each, in order; a gap parts them.
    """
    ends = np.cumsum([count for _, count in sections])
    # A bar stands 0.45 further right for each section that ended before it.
    places = np.array(
        [index + 0.45 * int(np.searchsorted(ends[:-1], index, side="right")) for index in range(len(bars))]
    )
    figure = new_figure(max(5.0, 1.8 + 1.15 * len(bars)), 4.1)
    axes = figure.add_subplot()
    width = 0.76 / len(series)
    for index, name in enumerate(series):
        _columns(axes, places + (index - (len(series) - 1) / 2) * width, bars, index, name, 0.94 * width)
    for place, bar in zip(places, bars, strict=True):
        if bar.chance is not None:
            label = (
                f"chance ({series[0]})"
                if bar is next(other for other in bars if other.chance is not None)
                else None
            )
            ends_at = [place - 0.4, place - 0.36 + width]
            axes.plot(ends_at, [100 * bar.chance] * 2, color=INK, linewidth=1, linestyle="--", label=label)
    for (heading, count), end in zip(sections, ends, strict=True):
        axes.text(
            places[end - count] - 0.4, 110, plain(heading, 60), ha="left", va="bottom", fontsize=9, color=INK
        )
    axes.set_xticks(places, [plain(bar.name, 16) for bar in bars])
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("percent")
    axes.set_title(plain(title, 80), loc="left", fontsize=11, pad=24 if sections else 6)
    axes.legend(
        frameon=False, ncols=len(series) + 1, loc="upper center", bbox_to_anchor=(0.5, -0.09), fontsize=8.5
    )
    _no_frame(axes)
    save_png(figure, path)


def _columns(
    axes: Axes, places: NDArray[np.float64], bars: Sequence[Bar], series: int, name: str, width: float
) -> None:
    """One series: its bars, whiskers and numbers. A score that does not exist leaves its place empty."""
    found = [
        (place, bar.scores[series], bar.intervals[series]) for place, bar in zip(places, bars, strict=True)
    ]
    drawn = [(place, 100 * score, bounds) for place, score, bounds in found if score is not None]
    axes.bar(
        [place for place, _, _ in drawn],
        [value for _, value, _ in drawn],
        width=width,
        color=_SERIES[series],
        label=name,
    )
    for place, value, bounds in drawn:
        if bounds is not None:
            axes.plot([place, place], [100 * bounds[0], 100 * bounds[1]], color=INK, linewidth=1.2)
        top = value if bounds is None else 100 * bounds[1]
        axes.text(place, top + 1.2, f"{value:.1f}", ha="center", va="bottom", fontsize=8, color=INK)


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure of width x height inches."""
    # Without pyplot: no display, no global state, and half the time to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _no_frame(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=9)


def save_png(figure: Figure, path: Path) -> None:
    """Write the PNG whole or not at all; the same figure gives the same bytes."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        _as_data(text)
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(image, format="png", dpi=150, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(image.getvalue())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def svg_text(figure: Figure, paper: str = "") -> str:
    """The figure as SVG on `paper`, or on nothing, its text as text; one figure gives the same characters."""
    import matplotlib as mpl
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        _as_data(text)
    image = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "unifer"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        about = {"Date": None, "Creator": "unifer"}
        # Matplotlib takes `transparent` before any colour: axes have a white ground of their own.
        figure.savefig(image, format="svg", transparent=not paper, facecolor=paper or "none", metadata=about)
    return image.getvalue()


def _as_data(text: Any) -> None:
    """A dollar sign in a label is a dollar sign."""
    text.set_parse_math(False)


if TYPE_CHECKING:
    from PIL.Image import Image

_RIGHT, _WRONG = "#1f6fb2", "#c0504d"


class AnsweredFace(NamedTuple):
    """One face and what was said of it; `answer` is None where the reply named no label."""

    image: Image
    truth: str
    answer: str | None
    reasoning: str


def gallery_png(path: Path, answered: Sequence[AnsweredFace], title: str, columns: int = 4) -> None:
    """Draw the faces in rows of `columns`, right answers ticked, wrong ones crossed with the truth."""
    rows = -(-len(answered) // columns)
    # Laid out by hand: an automatic layout leaves no room for the text below a face.
    figure = new_figure(3.1 * columns, 4.2 * rows + 0.4, layout=None)
    figure.subplots_adjust(
        left=0.01, right=0.99, top=1 - 0.8 / (4.2 * rows), bottom=0.1, hspace=0.3, wspace=0.08
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, item in zip(grid.flat, answered, strict=False):
        right = item.answer == item.truth
        mark = "✓" if right else "✗"
        said = f"{mark} {plain(item.answer or 'no answer', 16)}" + (
            "" if right else f"  (is {plain(item.truth, 16)})"
        )
        axes.imshow(item.image)
        axes.set_title(said, fontsize=12, loc="left", color=_RIGHT if right else _WRONG)
        lines = textwrap.wrap(plain(item.reasoning, 320), 46)[:6]
        axes.text(
            0, -0.03, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=7.5, color="#333333"
        )
    figure.suptitle(plain(title, 90), x=0.01, y=0.99, ha="left", fontsize=13)
    save_png(figure, path)
