"""A trust card as one A4 page for a paper's supplement or a model's folder: drawn once, as SVG and as PNG.

Laid out by hand, in points from the top left: an automatic layout would move lines with their text.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from unifer.evaluate.trust.sheets import TrustRate
from unifer.report.figures import INK, PALETTE, new_figure
from unifer.report.layout import plain
from unifer.report.trust.card import CardBlock, CardLine, TrustCard
from unifer.report.trust.drawings import GRID, SOFT
from unifer.report.trust.wording import ARROWS, bounds_text, denominator, is_share, number_text, rate_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE, _HIGH, _EDGE = 595.0, 842.0, 40.0
"""Points: A4, and its margin."""
_RATES, _AXIS, _LAST = 178.0, 336.0, 416.0
"""Where the rates begin, and the axis from 0 to 100 and its end."""
_RIGHT = _WIDE - _EDGE
_NOTES, _QUESTIONS = 3, 4
"""Notes, and question files, that the page holds; the HTML holds all."""
_FOOT = (
    "Faithfulness is measured on drawn faces: it says how the model reads drawings. No figure here says how "
    "it reads a face of a person or place that is not in its questions."
)


class _Page(NamedTuple):
    """The axes of the page; writes text at points from the top left."""

    axes: Axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 8,
        colour: str = INK,
        *,
        end: bool = False,
        bold: bool = False,
    ) -> None:
        self.axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha="right" if end else "left",
            va="baseline",
            fontweight="bold" if bold else "normal",
        )

    def lines(self, x: float, y: float, text: str, width: int, most: int = 3) -> float:
        """Small grey text on up to `most` lines of `width` characters; where the next line would stand."""
        wrapped = textwrap.wrap(text, width)
        for line in wrapped[:most]:
            self.text(x, y, line, 6.6, SOFT)
            y += 8.4
        return y


def card_figure(card: TrustCard) -> Figure:
    """The page, on white; small print goes where it would run over the foot."""
    for room in (2, 1, 0):
        figure, end = _drawn(card, room)
        if end <= _HIGH - _EDGE / 2:
            break
    return figure


def _drawn(card: TrustCard, room: int) -> tuple[Figure, float]:
    """The page with up to `room` lines of small print per headline, and where it ends."""
    figure = new_figure(_WIDE / 72, _HIGH / 72, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, _WIDE)
    axes.set_ylim(_HIGH, 0)
    page = _Page(axes)
    page.text(_EDGE, 52, "TRUST CARD", 7, SOFT)
    page.text(_EDGE, 74, plain(card.model, 46), 17, bold=True)
    about = "Headline of each measure with its 95 % interval and what it is over."
    page.text(_EDGE, 88, about, 7.5, SOFT)
    y = 100.0
    for block in card.blocks:
        y = _block(page, block, y, room if len(block.lines) < 3 else 0)
    return figure, _provenance(page, card, y)


def _rule(page: _Page, y: float) -> None:
    page.axes.plot([_EDGE, _RIGHT], [y, y], color=GRID, linewidth=0.8)


def _block(page: _Page, block: CardBlock, y: float, room: int) -> float:
    _rule(page, y)
    page.text(_EDGE, y + 16, block.title, 10.5, bold=True)
    below = page.lines(_EDGE, y + 27, block.question, 34)
    if not block.lines:
        page.text(_RATES, y + 16, "not measured; this measures it:", 8, SOFT)
        page.text(_RATES, y + 28, block.command, 8, SOFT)
        return max(below, y + 30) + 6
    at = y + 16
    for line in block.lines:
        at = _line(page, line, at, room)
    if block.left:
        page.text(_RATES, at - 3, f"and {block.left} more, in the report", 6.6, SOFT)
        at += 9
    return max(below, at) + 2


def _line(page: _Page, line: CardLine, y: float, room: int) -> float:
    """Name, axis and value, dataset and denominator below, and other rates on up to `room` lines."""
    rate = line.rate
    page.text(_RATES, y, f"{plain(rate_name(rate.name), 24)} {ARROWS[rate.better]}", 8.5, bold=True)
    _whisker(page, rate, y - 3)
    bounds = bounds_text(rate)
    page.text(
        _RIGHT,
        y,
        f"{number_text(rate, rate.value)}{f'  [{bounds}]' if bounds else ''}",
        9,
        end=True,
        bold=True,
    )
    page.text(_RATES, y + 10, plain(line.dataset, 32), 6.6, SOFT)
    page.text(_RIGHT, y + 10, plain(denominator(rate), 58), 6.6, SOFT, end=True)
    y += 19
    others = " · ".join(_short(other) for other in line.others)
    return page.lines(_RATES, y, others, 96, most=room) + 5


def _short(rate: TrustRate) -> str:
    bounds = bounds_text(rate)
    name = f"{plain(rate_name(rate.name), 30)} {ARROWS[rate.better]}".rstrip()
    return f"{name} {number_text(rate, rate.value)}" + (f" [{bounds}]" if bounds else "") + f", n {rate.n:,}"


def _whisker(page: _Page, rate: TrustRate, y: float) -> None:
    if rate.value is None or not is_share(rate) or rate.value < 0:
        return
    page.axes.plot([_AXIS, _LAST], [y, y], color="#b8bcc2", linewidth=0.8)

    def at(value: float) -> float:
        return _AXIS + (_LAST - _AXIS) * min(1.0, max(0.0, value))

    if rate.low is not None and rate.high is not None:
        ends = [at(rate.low), at(rate.high)]
        page.axes.plot(ends, [y, y], color=PALETTE[0], linewidth=4, alpha=0.4, solid_capstyle="butt")
    page.axes.plot([at(rate.value)] * 2, [y - 4, y + 4], color=PALETTE[0], linewidth=1.6)


def _provenance(page: _Page, card: TrustCard, y: float) -> float:
    """Notes, facts and the foot; where they end."""
    _rule(page, y)
    y += 13
    for note in card.notes[:_NOTES]:
        y = page.lines(_EDGE, y, f"! {plain(note, 240)}", 138, most=2)
    questions = [fact for fact in card.facts if fact[0] == "questions"]
    left = questions[_QUESTIONS:]
    for name, text in card.facts:
        if (name, text) not in left:
            page.text(_EDGE, y, name, 6.6, INK)
            more = (
                f"; {len(left)} more in the HTML"
                if left and (name, text) == questions[_QUESTIONS - 1]
                else ""
            )
            y = page.lines(_EDGE + 52, y, text + more, 122, most=2)
    return page.lines(_EDGE, y + 3, _FOOT, 138)
