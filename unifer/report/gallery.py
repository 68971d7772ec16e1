"""A page of answered faces as PNG: each face with its truth, the model's answer and its reasoning. Computes
no score.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from unifer.report.figures import new_figure, save_png
from unifer.report.tables import plain

if TYPE_CHECKING:
    from PIL.Image import Image

_RIGHT, _WRONG = "#1f6fb2", "#c0504d"


class Answered(NamedTuple):
    """One face and what was said of it; `answer` is None where the reply named no label."""

    image: Image
    truth: str
    answer: str | None
    reasoning: str


def gallery_png(path: Path, answered: Sequence[Answered], title: str, columns: int = 4) -> None:
    """Draw the faces in rows of `columns`; right answers are marked with a tick, wrong ones with a cross and
    the truth.
    """
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
