"""How the page looks and who can read it: colours, contrast, narrow screens, print, screen readers, and pages
of other kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tests.report.page.pages import (
    units_dataset,
    write_page,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]


def test_colours_follow_the_system_and_the_button(opened: Open) -> None:
    page = opened(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = opened(color_scheme="light").evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    for wanted in (dark, light, dark):  # dark, light, as the system
        page.locator("#theme").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == wanted


READ = [
    "body",
    ".lede",
    ".heat button",
    ".verdict",
    ".row small",
    ".count",
    ".au",
    ".chip",
    ".tag",
    ".key",
    ".warnings li",
    "small",
]


def test_text_can_be_read_in_both_colours(opened: Open) -> None:
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        assert page.evaluate(_CONTRAST, READ) == []


_CONTRAST = """(selectors) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (value) =>
    (value <= 10.31475 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [red, green, blue] = rgb(colour).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = getComputedStyle(at).backgroundColor;
      if (rgb(found)[3] === 255) return found;
    }
    return "white";
  };
  const faint = [];
  for (const selector of selectors) {
    for (const element of [...document.querySelectorAll(selector)].slice(0, 60)) {
      const [one, two] = [light(getComputedStyle(element).color), light(behind(element))];
      const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      if (ratio < 4.5) faint.push(`${selector} ${element.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
    }
  }
  return faint;
}"""
"""Elements whose text has less than 4.5 : 1 against what is behind it (WCAG 2.2, 1.4.3)."""


def test_a_narrow_screen_does_not_scroll_sideways(opened: Open) -> None:
    page = opened(viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator(".detail .card").first.bounding_box() is not None


def test_print_shows_scores_and_the_sample_without_controls(opened: Open) -> None:
    page = opened()
    page.emulate_media(media="print")
    assert page.locator("#scores table").is_visible()
    assert page.locator(".detail .card").first.is_visible()
    for hidden in (".bar", ".filters", "#list"):
        assert not page.locator(hidden).first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_names_roles_and_headings_are_there_for_screen_readers(opened: Open) -> None:
    page = opened()
    assert page.locator("h1").count() == 1
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].filter((h) => h.offsetParent).map((h) => "
        "Number(h.tagName[1]))"
    )
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every((table) => table.querySelector('th[scope]'))"
    )
    assert page.evaluate("[...document.querySelectorAll('img')].every((img) => img.hasAttribute('alt'))")
    assert page.evaluate(
        "[...document.querySelectorAll('button')].every((b) => (b.getAttribute('aria-label') ?? "
        "b.textContent).trim())"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('select,input')].every((field) => field.labels.length)"
    )
    active = page.locator("#list").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"


def test_a_dataset_of_action_units_alone_has_a_page_too(browser: Browser, tmp_path: Path) -> None:
    spec = units_dataset(tmp_path)
    replies = ["AU12", "AU6", "AU12, AU4", "AU12, not AU6", "", "AU12"]
    rows = json.loads(spec.questions.read_text())
    answered = [
        row | {"model_response": f"<answer>{reply}</answer>"}
        for row, reply in zip(rows, replies, strict=True)
    ]
    path = spec.results / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in answered))
    page = browser.new_page()
    page.goto(write_page(tmp_path / "out", [(spec, path)]).path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#units table").count() == 2
    assert not page.locator("#confusion").is_visible()
    assert page.locator("#scores tbody th").last.inner_text() == "m"
    verdicts = page.evaluate("unifer.samples.questions.key.map((_, at) => unifer.samples.verdict(at, 0))")
    assert verdicts == ["right", "wrong", *verdicts[2:4], "no_answer", "right"]
    page.keyboard.press("j")
    assert page.locator(".told h3").inner_text() == "AU12 is the truth"
    assert page.locator(".card mark.au").all_text_contents() == ["AU6 (claimed, not on the face)"]
    page.keyboard.press("j")
    assert page.locator(".card mark.au.unknown").text_content() == "AU4 (claimed, not coded on this face)"
    page.close()


def test_a_missing_image_says_why(opened: Open) -> None:
    page = opened("#sample=nouns%2Ffaces%2F059.png")
    assert "is missing" in page.locator(".face .noface").inner_text()
    assert page.locator(".face img").count() == 0
