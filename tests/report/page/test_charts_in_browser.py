"""The charts of a page as a browser shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.report.page.pages import (
    SmallPage,
    summary_of,
    three_sets,
    write_page,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]


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
      const models = [["whole", [0.5, 0.6, 0.7, 0.8]], ["open", [0.5, null, 0.7, 0.8]],
        ["torn", [0.5, null, 0.7, null]]];
      unifer.summary.radars["*"] = {
        what: "WAR", refusal: "", notes: ["open"], most: 7, axes: ["a", "b", "c", "d"],
        models: models.map(([name, values]) => ({name, values, intervals: values.map(() => null)}))};
      unifer.drawRadar();
    }""")
    corners = page.evaluate("""[...document.querySelectorAll("#radar .outline")].map((outline) =>
      [...outline.querySelectorAll("polyline")].map(
        (line) => line.getAttribute("points").split(" ").length))""")
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
      const joy = {...row.labels[0], label: "joy", verdict: "won"};
      unifer.summary.gains.push({...row, before: "X", after: "Y", labels: [joy]});
      unifer.drawChanges();
    }""")
    page.locator("#changes select").select_option("X → Y")
    assert page.locator("#changes tbody tr").count() == 1
    assert page.locator("#changes .bell.won").count() == 1
    assert "won" in page.locator("#changes tbody tr").inner_text()
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
