"""The radar chart and the labels before and after: what they draw, what they refuse to draw, and the PNG
files beside the page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.report.page.pages import (
    NOUNS,
    make_dataset,
    scored,
    three_sets,
    write_page,
    write_run,
)
from unifer.cli import main
from unifer.evaluate.statistics.recalls import LabelChange
from unifer.report.figures import PALETTE
from unifer.report.page import charts
from unifer.report.page.charts import MOST, Outline, Radar, over_datasets, radars_of
from unifer.report.page.pairs import ALL, held_against

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from playwright.sync_api import Page

Open = Callable[..., "Page"]
Draw = Callable[..., "Figure"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Calls a function that draws a PNG, and gives the figure that it would have written."""
    figures: list[Figure] = []
    monkeypatch.setattr(charts, "save_png", lambda figure, path: figures.append(figure))

    def draw(make: Callable[..., None], *arguments: Any) -> Figure:
        make(Path("unused"), *arguments)
        return figures.pop()

    return draw


# --- the radar chart
# -----------------------------------------------------------------------------------------------------------
def test_axes_are_datasets_and_name_the_score_where_it_is_another(tmp_path: Path) -> None:
    results = three_sets(tmp_path)
    found = over_datasets(results, ["A", "B"])
    assert found.axes == ("Set nouns", "Set adjectives", "Set units (AU F1)")
    first, second = found.outlines
    assert results[4].action_units is not None
    assert first.values == (results[0].labelled.war, results[1].labelled.war, results[4].action_units.face_f1)
    assert first.intervals[0] == results[0].labelled.intervals["war"]
    assert second.values[2] is None
    assert found.notes == ("B has no score for Set units (AU F1): its outline is open there",)


def test_axes_are_labels_where_there_is_one_dataset(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", (*NOUNS, "fear"), count=4)
    results = [scored(spec, name, skill) for name, skill in (("A", 3), ("B", 4))]
    radars = radars_of(results, ["A", "B"])
    assert list(radars) == ["nouns"]
    assert radars["nouns"].axes == NOUNS, "no question shows fear: its axis would be a corner at 0"
    recalls = {row.label: row.recall for row in results[0].labelled.per_class}
    assert radars["nouns"].outlines[0].values == tuple(recalls[label] for label in NOUNS)
    assert all(bounds is not None for bounds in radars["nouns"].outlines[0].intervals)


def test_the_scale_starts_at_0_and_a_missing_axis_opens_the_outline(drawn: Draw) -> None:
    whole, gap = Outline("A", (0.9, 0.8, 0.85), (None,) * 3), Outline("B", (0.5, None, 0.6), (None,) * 3)
    figure = drawn(charts.radar_png, Radar("WAR", ("x", "y", "z"), (whole, gap)))
    (axes,) = figure.axes
    assert axes.get_ylim() == (0, 100)
    closed, opened = (line.get_ydata() for line in axes.get_lines()[:2])
    np.testing.assert_allclose(np.asarray(closed, float), [90, 80, 85, 90])
    np.testing.assert_allclose(np.asarray(opened, float), [50, np.nan, 60, 50])
    (legend,) = figure.legends
    assert "B has no score for y" in legend.get_title().get_text()


@pytest.mark.parametrize("axes", [("x",), ("x", "y")])
def test_fewer_than_three_axes_have_no_shape(axes: tuple[str, ...], tmp_path: Path) -> None:
    few = Radar("WAR", axes, (Outline("A", (0.5,) * len(axes), (None,) * len(axes)),))
    assert f"needs at least 3 axes, and WAR has {len(axes)} here ({', '.join(axes)})" in few.refusal
    with pytest.raises(ValueError, match="No radar chart"):
        charts.radar_png(tmp_path / "radar.png", few)
    assert list(tmp_path.iterdir()) == []


def test_no_two_outlines_look_alike(drawn: Draw) -> None:
    """An eighth outline would have the colour and the mark of the first."""
    many = tuple(Outline(f"m{number}", (0.1 * number,) * 3, (None,) * 3) for number in range(MOST + 2))
    chart = Radar("WAR", ("x", "y", "z"), many)
    lines = drawn(charts.radar_png, chart).axes[0].get_lines()
    looks = {(line.get_color(), line.get_marker()) for line in lines if str(line.get_label()).startswith("m")}
    assert len(looks) == MOST
    assert chart.notes == ("2 more models stand in the table only",)


# --- before and after
# -----------------------------------------------------------------------------------------------------------
CHANGES = [
    LabelChange("fear", 40, 10, 30, 22, 2, 0.001, (30.0, 68.0)),
    LabelChange("anger", 40, 30, 15, 1, 16, 0.01, (-55.0, -20.0)),
    LabelChange("joy", 40, 20, 24, 8, 4, 0.4, (0.5, 20.0)),
    LabelChange("awe", 0, 0, 0, 0, 0, 1.0),
]


def test_colour_and_word_mark_only_what_is_sure(drawn: Draw) -> None:
    """An interval without 0 is no proof where eight labels are looked at: p after the correction decides."""
    figure = drawn(charts.dumbbells_png, CHANGES, "a", "b", "here")
    recalls, gains = figure.axes
    assert [text.get_text() for text in recalls.get_yticklabels()] == ["joy (40)", "anger (40)", "fear (40)"]
    assert {text.get_text() for text in gains.texts} == {"+50.0 won", "-37.5 lost", "+10.0"}
    colours = [line.get_color() for line in recalls.get_lines()[::3]]
    assert colours == [PALETTE[6], PALETTE[1], PALETTE[0]]
    ends = [np.asarray(line.get_xdata(), float).tolist() for line in recalls.get_lines()[::3]]
    assert ends == [[50, 60], [75, 37.5], [25, 75]]


def test_without_intervals_the_points_stand_alone(drawn: Draw) -> None:
    """`--resamples 0`."""
    _, gains = drawn(
        charts.dumbbells_png, [LabelChange("fear", 40, 10, 30, 22, 2, 0.001)], "a", "b", "here"
    ).axes
    assert [text.get_text() for text in gains.texts] == ["+50.0 won"]
    assert gains.get_xlabel() == "difference, points"


def test_labels_from_files_are_drawn_as_they_are(tmp_path: Path) -> None:
    odd = LabelChange("$\\frac$", 9, 1, 9, 8, 0, 0.01, (60.0, 100.0))
    charts.dumbbells_png(tmp_path / "a.png", [odd], "\x1b[31m", "笑顔", "$x_{")
    charts.radar_png(
        tmp_path / "b.png",
        Radar("$", ("$\\frac$", "\ud800", "c"), (Outline("$x_{", (1.0, 0.0, 0.5), (None,) * 3),)),
    )
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            image.verify()


def test_what_the_labels_gain_is_what_the_models_gain(tmp_path: Path) -> None:
    results = three_sets(tmp_path)
    for row in held_against(results, ["A", "B"], None, 20):
        assert row.gain is not None
        assert sum(each.fixed for each in row.labels) == row.gain.fixed
        assert sum(each.broken for each in row.labels) == row.gain.broken
        assert sum(each.n for each in row.labels) == row.gain.n
    pooled = held_against(results, ["A", "B"], None, 20)[0]
    assert (pooled.scope, [each.label for each in pooled.labels]) == (
        ALL,
        ["neutral", "happiness", "sadness", "anger"],
    )


def test_the_baseline_stands_before_even_where_it_is_better(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS)
    results = [scored(spec, name, skill) for name, skill in (("A", 2), ("B", 30), ("C", 5))]
    by_gain = held_against(results, ["A", "B", "C"], None, 20)
    assert [(row.before, row.after) for row in by_gain] == [("A", "B"), ("A", "C"), ("C", "B")]
    held = held_against(results, ["A", "B", "C"], "B", 20)
    assert [(row.before, row.after) for row in held] == [("B", "A"), ("B", "C")]
    assert held[0].gain is not None
    assert held[0].gain.points < 0


# --- with the page
# -----------------------------------------------------------------------------------------------------------
def test_figures_lie_beside_the_page_and_none_of_an_earlier_one(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS)
    runs = [(spec, write_run(spec, name, skill)) for name, skill in (("A", 3), ("B", 4), ("C", 5))]
    out = tmp_path / "out"
    out.mkdir()
    (out / "labels.mine.png").write_bytes(b"mine")
    written = write_page(out, runs)
    assert [path.name for path in written.figures] == [
        "radar.png",
        "labels.png",
        "labels.2.png",
        "labels.3.png",
    ]
    assert all(path.is_file() for path in written.figures)
    assert written.no_radar == ""
    pair = make_dataset(tmp_path, "pair", ("happy", "sad"))
    again = write_page(out, [(pair, write_run(pair, "A", 3))])
    assert (again.figures, {path.name for path in out.iterdir()}) == ((), {"index.html", "labels.mine.png"})
    assert "has 2 here (happy, sad)" in again.no_radar


def test_a_baseline_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS, count=6)
    write_run(spec, "m", 3)
    assert main(["report", str(spec.folder), "--out", str(tmp_path / "page"), "--baseline", "base"]) == 2
    assert "--baseline base: is none of the runs; there are m" in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
