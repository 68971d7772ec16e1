"""The page in a real browser: it loads alone, filters as Python does, answers keys and links, and takes
replies for text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.report.page.pages import (
    COUNT,
    HOSTILE,
    NOUNS,
    SmallPage,
    make_dataset,
    samples_of,
    summary_of,
    write_page,
    write_run,
)
from unifer.records import Json

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
TITLES = {"nouns": "Set nouns", "adjectives": "Set adjectives"}


def selected(page: Page) -> str:
    return page.locator(".permalink").inner_text()


def test_it_loads_without_an_error_and_asks_for_nothing(opened: Open) -> None:
    page = opened()
    assert page.locator("#count").inner_text() == f"{2 * COUNT} questions"
    assert page.title() == "How well do they read faces?"
    assert page.locator("#scores table tbody").count() == 4
    assert page.locator("#warnings li").count() >= 1
    assert page.evaluate("document.querySelectorAll('.row').length") < 60


def expected(samples: Json, summary: Json, **filters: str) -> int:
    """How many questions the filters keep, by the rule as the documentation states it."""
    titles, models = [each["name"] for each in summary["datasets"]], summary["models"]
    chosen = [models.index(filters["model"])] if filters.get("model") else range(len(models))

    def fits(at: int, model: int) -> bool:
        columns = samples["replies"][model]
        outcome, label = columns["outcome"][at], columns["label"][at]
        verdict = "missing" if outcome < 0 else samples["outcomes"][outcome]
        verdict = ("right" if columns["right"][at] else "wrong") if verdict == "answered" else verdict
        if filters.get("said") and (label < 0 or samples["emotions"][label] != filters["said"]):
            return False
        wanted = filters.get("verdict", "")
        if (
            wanted
            and wanted != "disagree"
            and verdict != wanted
            and not (wanted == "not right" and verdict != "right")
        ):
            return False
        texts = (columns["text"][at], samples["questions"]["key"][at], samples["questions"]["image"][at])
        return any(filters.get("find", "").lower() in text.lower() for text in texts)

    def kept(at: int) -> bool:
        questions = samples["questions"]
        if filters.get("dataset") and titles[questions["dataset"][at]] != filters["dataset"]:
            return False
        if filters.get("truth") and samples["emotions"][questions["truth"][at]] != filters["truth"]:
            return False
        said = {
            (each["outcome"][at], each["label"][at])
            for each in samples["replies"]
            if each["outcome"][at] >= 0
        }
        if filters.get("verdict") == "disagree" and len(said) < 2:
            return False
        return any(fits(at, model) for model in chosen)

    return sum(map(kept, range(len(samples["questions"]["key"]))))


FILTERS: list[dict[str, str]] = [
    {"dataset": "adjectives"},
    {"truth": "happiness"},
    {"model": "Model-B", "verdict": "wrong"},
    {"verdict": "not right"},
    {"verdict": "missing"},
    {"verdict": "failed", "dataset": "nouns"},
    {"verdict": "off_list"},
    {"verdict": "no_answer", "model": "Model-A"},
    {"verdict": "disagree"},
    {"said": "sadness", "truth": "sadness"},
    {"find": "READING 2"},
    {"find": "faces/004", "model": "Model-A"},
    {"find": "<script>"},
    {"find": "no such text anywhere"},
]


_FILTERED = """(filters) => {
  unifer.setFilters({ ...unifer.EMPTY, ...filters });
  return unifer.samples.matching(unifer.currentFilters()).length;
}"""


def test_filters_keep_what_the_same_rule_keeps_in_python(opened: Open, small: SmallPage) -> None:
    page, samples, summary = opened(), samples_of(small.text), summary_of(small.text)
    for filters in FILTERS:
        number = expected(samples, summary, **filters)
        shown = page.evaluate(_FILTERED, filters)
        assert shown == number, filters
        assert (
            page.locator("#list").evaluate("box => box.querySelector('.space').style.height")
            == f"{56 * number}px"
        )


def test_controls_filter_and_their_count_is_said(opened: Open, small: SmallPage) -> None:
    page, samples, summary = opened(), samples_of(small.text), summary_of(small.text)
    page.locator("[name=verdict]").select_option("wrong")
    page.locator("[name=dataset]").select_option("nouns")
    number = expected(samples, summary, verdict="wrong", dataset="nouns")
    assert page.locator("#count").inner_text() == f"{number} of {2 * COUNT} questions"
    page.locator("[name=find]").fill("nothing like this")
    assert page.locator("#count").inner_text() == f"0 of {2 * COUNT} questions"
    assert page.locator("#detail").inner_text() == "No sample passes these filters."
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#count").inner_text() == f"{2 * COUNT} questions"


def test_keys_move_search_and_explain(opened: Open) -> None:
    page = opened()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert selected(page) == "faces/002.png"
    page.keyboard.press("k")
    assert selected(page) == "faces/001.png"
    page.locator("#list").focus()
    page.keyboard.press("End")
    assert selected(page) == "faces/059.png"
    assert page.locator('[aria-selected="true"]').get_attribute("aria-posinset") == str(2 * COUNT)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert selected(page) == "faces/001.png"
    page.keyboard.press("/")
    page.keyboard.type("jk reading 33")
    assert page.locator("[name=find]").input_value() == "jk reading 33", (
        "letters typed into the search field are text, not keys"
    )
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    assert page.locator("[name=find]").input_value() == ""
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()


def test_a_link_restores_sample_and_filters(opened: Open) -> None:
    page = opened()
    page.locator("[name=verdict]").select_option("wrong")
    page.locator("[name=model]").select_option("Model-B")
    page.keyboard.press("Tab")
    page.locator("#list").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    name, count, fragment = (
        selected(page),
        page.locator("#count").inner_text(),
        page.evaluate("location.hash"),
    )
    again = opened(fragment)
    assert (selected(again), again.locator("#count").inner_text()) == (name, count)
    assert again.locator("[name=model]").input_value() == "Model-B"
    assert again.locator("#samples").evaluate("element => element.getBoundingClientRect().top") < 100


def test_an_old_or_broken_link_shows_everything(opened: Open) -> None:
    page = opened("#sample=gone&verdict=%3Cscript%3E&dataset=no-such-set&truth=%E0%A4%A")
    assert page.locator("#count").inner_text() == f"{2 * COUNT} questions"


@pytest.mark.parametrize(("number", "name"), list(enumerate(HOSTILE, 20)))
def test_replies_stay_text(opened: Open, number: int, name: str) -> None:
    page = opened(f"#sample=nouns%2Ffaces%2F{number:03d}.png")
    assert page.evaluate("window.broken") is None
    reply = page.locator(".card .reply").first
    assert reply.locator("script, img, style, iframe").count() == 0
    shown = reply.inner_text()
    assert not any(char in shown for char in "\x00\x07\x1b\x9b\u202e\u2066\u2069\u200b\ufeff\ud800\udfff"), (
        "shown as signs, not obeyed"
    )
    if name in ("script", "closing", "template"):
        assert HOSTILE[name] in shown
    if name == "bidi":
        assert "⟨U+202E⟩" in shown


def test_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS, count=8)
    name = "<img src=x onerror=window.broken=1>\u202eevil"
    runs = [(spec, write_run(spec, name, 3)), (spec, write_run(spec, "other", 4))]
    page = browser.new_page()
    page.goto(write_page(tmp_path / "out", runs, title="<b>bold</b>").path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("window.broken") is None
    assert page.locator("main img[src=x], h1 b").count() == 0
    assert page.locator("h1").inner_text() == "<b>bold</b>"
    assert (
        page.locator("#scores tbody th").nth(1).inner_text()
        == "<img src=x onerror=window.broken=1>⟨U+202E⟩evil"
    )
    page.close()


def test_no_model_is_called_best_that_was_asked_other_questions(opened: Open) -> None:
    page = opened()
    bold = page.locator("#scores tbody").evaluate_all(
        "all => all.map((group) => group.querySelectorAll('.best').length)"
    )
    assert [number > 0 for number in bold] == [False, False, True, False], (
        "pooled, mean, nouns, adjectives: Model-B lacks five of the last"
    )


def test_a_cut_reply_says_so(opened: Open) -> None:
    page = opened("#sample=nouns%2Ffaces%2F027.png")
    assert "cut here: 20,000 of 1,080,037 characters" in page.locator(".card .cut").inner_text()


def test_action_units_are_marked_as_claimed_and_denied(opened: Open) -> None:
    page = opened("#sample=nouns%2Ffaces%2F001.png")
    marks = page.locator(".card").first.locator("mark.au")
    assert marks.evaluate_all("all => all.map((each) => each.className)") == [
        "au claimed agrees",
        "au claimed agrees",
        "au denied agrees",
    ]
    assert "(claimed, on the face)" in marks.first.inner_text()


def test_a_cell_of_the_confusion_leads_to_its_samples(opened: Open, small: SmallPage) -> None:
    page = opened()
    page.locator("#scope").select_option("nouns")
    cell = page.locator("#confusion figure").first.get_by_role("button", name="happiness → sadness")
    count = cell.get_attribute("aria-label")
    cell.click()
    number = expected(
        samples_of(small.text),
        summary_of(small.text),
        dataset="nouns",
        truth="happiness",
        said="sadness",
        model="Model-A",
    )
    assert count is not None
    assert count.startswith(f"happiness → sadness: {number} of ")
    assert page.locator("#count").inner_text() == f"{number} of {2 * COUNT} questions"


def test_cells_can_be_walked_with_arrow_keys_and_tell_their_count(opened: Open) -> None:
    page = opened()
    figure = page.locator("#confusion figure").first
    figure.get_by_role("button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    said = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert figure.locator(".readout").inner_text() == said
    assert figure.locator('button[tabindex="0"]').count() == 1
