"""The leaderboard's page in a real browser: it sorts, hides published lines, and takes names for text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.report.leaderboard.models import answer, project
from unifer.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<img src=x onerror=alert(1)>"
PUBLISHED = """
sources: {s: {title: Paper}}
protocols: {p: {text: accuracy}}
tables:
  - {source: s, protocol: p, metric: war, setting: zero-shot, columns: [rafdb], rows: {Theirs: [75.5]}}
"""


@pytest.fixture
def page(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The page of three models; afterwards nothing may have gone wrong in it, asked for anything, or opened a
    dialog.
    """
    monkeypatch.chdir(tmp_path)
    specs = project(tmp_path)
    for spec in specs.values():
        for model, right in (("b", 0.9), (HOSTILE, 0.3), ("a", 0.6)):
            answer(spec, model, right)
    (tmp_path / "told.yaml").write_text(PUBLISHED, encoding="utf-8")
    assert main(["leaderboard", "--published", "told.yaml", "--format", "html", "--resamples", "50"]) == 0
    wrong: list[str] = []
    context = browser.new_context(color_scheme="dark")
    opened = context.new_page()
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url),
    )
    opened.goto((tmp_path / "leaderboard" / "leaderboard.html").as_uri())
    yield opened
    context.close()
    assert wrong == []


MARK = " another prompt"
"""Behind each run that stands beside published lines and was asked in other words."""


def names(page: Page) -> list[str]:
    shown = page.locator("table").first.locator("tbody tr:not(.baseline) th").all_inner_texts()
    return [text.split("\n")[0].removesuffix(MARK) for text in shown if text]


def test_runs_asked_in_other_words_are_marked_beside_published_lines(page: Page) -> None:
    shown = page.locator("table").first.locator("tbody tr:not(.baseline) th").all_inner_texts()
    assert [text.split("\n")[0].endswith(MARK) for text in shown if text] == [True, True, True, False]


def test_headings_sort_with_missing_values_last_in_both_directions(page: Page) -> None:
    assert names(page) == ["b", "a", HOSTILE, "Theirs published"]
    rafdb = page.locator("table").first.locator("th", has_text="Set rafdb").locator("button")
    rafdb.click()
    assert names(page) == ["b", "Theirs published", "a", HOSTILE]
    rafdb.click()
    assert names(page) == [HOSTILE, "a", "Theirs published", "b"]
    pooled = page.locator("table").first.locator("th", has_text="pooled").locator("button")
    pooled.focus()
    page.keyboard.press("Enter")
    assert names(page) == ["b", "a", HOSTILE, "Theirs published"]
    page.keyboard.press("Enter")
    assert names(page)[-1] == "Theirs published", "a line without a value stays last"
    assert page.locator("th[aria-sort='ascending']").first.inner_text().startswith("pooled")
    assert "pooled, ascending" in str(page.locator("#status").text_content())


def test_published_lines_hide_and_come_back(page: Page) -> None:
    box = page.locator("#told")
    box.uncheck()
    assert not page.locator("tr.published").first.is_visible()
    box.check()
    assert page.locator("tr.published").first.is_visible()


def test_colours_follow_the_system_and_the_button(page: Page) -> None:
    def dark() -> bool:
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in paper.strip("rgb()").split(",")[:3]) < 200

    assert dark()
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert not dark()


def test_a_hostile_name_is_text(page: Page) -> None:
    assert page.locator("main img").count() == 0
    assert HOSTILE in page.locator("table").first.inner_text()
