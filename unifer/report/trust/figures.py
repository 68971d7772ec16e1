"""The figures of a trust sheet, one column of a paper wide, as SVG; here alone figures read `details`.

A sheet whose details give nothing to draw (another version's, or none) gets its rates as dots with intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from unifer import files
from unifer.evaluate.trust.sheets import KINDS, Sheet
from unifer.report.figures import svg_text
from unifer.report.trust.drawings import SMALL, Drawing, column, rate_dots
from unifer.report.trust.kind_figures import DRAWINGS
from unifer.report.trust.reading import rate_point
from unifer.report.trust.wording import KIND_TEXTS, rate_name

FOLDER = "trust"
"""Below the report's folder: where the SVG files lie."""
_MOST = 16
"""Rates that a column holds as dots."""


class TrustFigure(NamedTuple):
    """One figure as SVG; `about` says what it shows, for a caption and for readers who do not see it."""

    name: str
    about: str
    svg: str


def figures_of(sheet: Sheet) -> list[TrustFigure]:
    """The figures of a sheet; none where it holds no value at all."""
    drawn = DRAWINGS[sheet.kind](sheet) or _rates(sheet)
    return [
        TrustFigure(f"{_stem(sheet)}{'' if at == 1 else f'.{at}'}.svg", about, svg_text(figure))
        for at, (about, figure) in enumerate(drawn, 1)
    ]


def write_svgs(out: Path, figures: Sequence[TrustFigure]) -> list[Path]:
    """Write figures below `out`; those of an earlier page go, they would not belong to this one."""
    folder = out / FOLDER
    for kind in KINDS:
        for path in (*folder.glob(f"*.{kind}.svg"), *folder.glob(f"*.{kind}.[0-9]*.svg")):
            path.unlink()
    for each in figures:
        files.write_text(folder / each.name, each.svg)
    return [folder / each.name for each in figures]


def _stem(sheet: Sheet) -> str:
    """A file name of a model, dataset and kind, which come from a file: no separators in it."""
    return ".".join(
        part.replace("/", "-").replace("\\", "-") for part in (sheet.model, sheet.dataset, sheet.kind)
    )


def _rates(sheet: Sheet) -> list[Drawing]:
    dots = [dot for rate in sheet.rates if (dot := rate_point(rate)) is not None][:_MOST]
    if not dots:
        return []
    figure, axes = column(0.55 + 0.2 * len(dots))
    rate_dots(axes, [dot._replace(name=rate_name(dot.name)) for dot in dots])
    axes.set_xlabel("percent", fontsize=SMALL)
    return [(f"{KIND_TEXTS[sheet.kind].title}: the rates with 95 % intervals", figure)]
