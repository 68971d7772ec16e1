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
    ADJECTIVES,
    NOUNS,
    SmallPage,
    make_dataset,
    summary_of,
    units_dataset,
    write_page,
    write_run,
)
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.evaluate.statistics.recalls import LabelChange
from unifer.report import dumbbells, radar
from unifer.report.figures import PALETTE
from unifer.report.page.charts import radars_of
from unifer.report.page.pairs import ALL, held_against
from unifer.report.radar import MOST, Outline, Radar, over_datasets

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
Draw = Callable[..., "Figure"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Calls a function that draws a PNG, and gives the figure that it would have written."""
    kept: list[Figure] = []
    for module in (radar, dumbbells):
        monkeypatch.setattr(module, "save_png", lambda figure, path: kept.append(figure))

    def draw(make: Callable[..., None], *arguments: Any) -> Figure:
        make(Path("unused"), *arguments)
        return kept.pop()

    return draw


def scored(spec: DatasetSpec, name: str, skill: int, **more: Any) -> DatasetScores:
    return score_strict(spec, PredictionFile(name, write_run(spec, name, skill, **more)), 50)


def three_sets(root: Path) -> list[DatasetScores]:
    """A and B on two datasets with labels and one of AUs alone, which B did not answer."""
    nouns, adjectives, units = (
        make_dataset(root, "nouns", NOUNS),
        make_dataset(root, "adjectives", ADJECTIVES),
        units_dataset(root),
    )
    found = [
        scored(spec, name, skill) for name, skill in (("A", 3), ("B", 4)) for spec in (nouns, adjectives)
    ]
    return [
        *found,
        scored(
            units,
            "A",
            3,
            count=6,
            replies={at: {"model_response": "<answer>AU12</answer>"} for at in range(6)},
        ),
    ]


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
    figure = drawn(radar.radar_png, Radar("WAR", ("x", "y", "z"), (whole, gap)))
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
        radar.radar_png(tmp_path / "radar.png", few)
    assert list(tmp_path.iterdir()) == []


def test_no_two_outlines_look_alike(drawn: Draw) -> None:
    """An eighth outline would have the colour and the mark of the first."""
    many = tuple(Outline(f"m{number}", (0.1 * number,) * 3, (None,) * 3) for number in range(MOST + 2))
    chart = Radar("WAR", ("x", "y", "z"), many)
    lines = drawn(radar.radar_png, chart).axes[0].get_lines()
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
    figure = drawn(dumbbells.dumbbells_png, CHANGES, "a", "b", "here")
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
        dumbbells.dumbbells_png, [LabelChange("fear", 40, 10, 30, 22, 2, 0.001)], "a", "b", "here"
    ).axes
    assert [text.get_text() for text in gains.texts] == ["+50.0 won"]
    assert gains.get_xlabel() == "difference, points"


def test_labels_from_files_are_drawn_as_they_are(tmp_path: Path) -> None:
    odd = LabelChange("$\\frac$", 9, 1, 9, 8, 0, 0.01, (60.0, 100.0))
    dumbbells.dumbbells_png(tmp_path / "a.png", [odd], "\x1b[31m", "笑顔", "$x_{")
    radar.radar_png(
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


def test_the_chart_of_a_page_shows_the_numbers_below_it(opened: Open, small: SmallPage) -> None:
    page = opened()
    assert "No radar chart: it needs at least 3 axes" in page.locator("#radar").inner_text()
    page.locator("#scope").select_option("nouns")
    chart = summary_of(small.text)["radars"]["nouns"]
    assert page.locator("#radar .radar .axis-name").all_text_contents() == [
        axis + axis for axis in chart["axes"]
    ]  # name and its title
    assert page.locator("#radar .outline polyline").count() == 2
    assert page.locator("#radar .outline circle, #radar .outline rect").count() == 2 * len(chart["axes"])
    cells = [cell.split()[0] for cell in page.locator("#radar td.num").all_inner_texts()]
    values = zip(*(model["values"] for model in chart["models"]), strict=True)
    assert cells == [f"{100 * value:.1f}" for row in values for value in row]


def test_an_outline_without_an_axis_is_open_on_the_page(opened: Open) -> None:
    page = opened()
    page.evaluate("""() => {
      const models = [["whole", [0.5, 0.6, 0.7, 0.8]], ["open", [0.5, null, 0.7, 0.8]], ["torn", [0.5, null, 0.7, null]]];
      unifer.summary.radars["*"] = {what: "WAR", refusal: "", notes: ["open"], most: 7, axes: ["a", "b", "c", "d"],
        models: models.map(([name, values]) => ({name, values, intervals: values.map(() => null)}))};
      unifer.drawRadar();
    }""")
    corners = page.evaluate("""[...document.querySelectorAll("#radar .outline")].map((outline) =>
      [...outline.querySelectorAll("polyline")].map((line) => line.getAttribute("points").split(" ").length))""")
    assert corners == [[5], [3], []], "closed; from c over d to a; two corners that no line joins"


def test_a_dataset_of_action_units_alone_has_neither_chart(browser: Browser, tmp_path: Path) -> None:
    """It has no labels; those of another dataset would stand under its name."""
    results = three_sets(tmp_path)
    page = browser.new_page()
    page.goto(write_page(tmp_path / "out", [(each.spec, each.run.path) for each in results]).path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#radar .outline").count() == 2
    page.locator("#scope").select_option("units")
    assert not page.locator("#radar").is_visible()
    assert not page.locator("#changes").is_visible()
    page.close()


def test_labels_before_and_after_are_those_of_the_pair_and_scope(opened: Open, small: SmallPage) -> None:
    page = opened()
    for scope in ("*", "nouns", "adjectives"):
        page.locator("#scope").select_option(scope)
        (row,) = [row for row in summary_of(small.text)["gains"] if row["dataset"] == scope]
        shown = page.locator("#changes tbody tr").all_inner_texts()
        assert [line.split()[0] for line in shown] == [each["label"] for each in row["labels"]]
        assert page.locator("#changes .bell").count() == len(row["labels"])
        for each, line in zip(row["labels"], shown, strict=True):
            assert line.split()[1:4] == [
                str(each["n"]),
                f"{100 * each['before']:.1f}",
                f"{100 * each['after']:.1f}",
            ]
    assert "only the 55 questions" in page.locator("#changes").inner_text()


def test_one_of_several_pairs_is_chosen(opened: Open) -> None:
    page = opened()
    page.evaluate("""() => {
      const [row] = unifer.summary.gains;
      unifer.summary.gains.push({...row, before: "X", after: "Y", labels: [{...row.labels[0], label: "joy", verdict: "won"}]});
      unifer.drawChanges();
    }""")
    page.locator("#changes select").select_option("X → Y")
    assert page.locator("#changes tbody tr").count() == 1
    assert page.locator("#changes .bell.won").count() == 1
    assert "won" in page.locator("#changes tbody tr").inner_text()
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
