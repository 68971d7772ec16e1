"""The page of reviews in a real browser: judged by keys alone, remembered, saved, read back; replies stay
text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.report.page.pages import HOSTILE
from unifer import cli, files

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

REPLY = "<think>Cheeks: AU6 cheek raiser, AU4. No AU9.</think>\n<answer>happy</answer>"
COUNT = 5


def row(number: int, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": f"f{number}#try-1",
        "image_path": f"faces/{number}.png",
        "question": "Which face is this?",
        "response": REPLY,
    }
    return (
        made
        | {
            "label": "happy",
            "candidate_labels": ["happy", "sad"],
            "AUs": ["AU6", "AU12"],
            "faults": ["it has no think"],
        }
        | more
    )


@pytest.fixture
def reviewed(tmp_path: Path) -> Path:
    """Five rows: the fourth has AUs alone and no picture, the last one's reply would break out if it
    could.
    """
    path = tmp_path / "review.jsonl"
    (tmp_path / "faces").mkdir()
    for number in (0, 1, 2, 4):
        Image.new("RGB", (300, 300), (number * 40, 90, 120)).save(tmp_path / f"faces/{number}.png")
    alone = row(
        3,
        label=None,
        candidate_labels=None,
        response="<think>So.</think><answer>AU6, AU12</answer>",
        faults=[],
    )
    hostile = row(4, id="</script><b>f4</b>", response="".join(HOSTILE.values()), faults=[HOSTILE["script"]])
    files.write_rows(path, [row(0), row(1), row(2), alone, hostile])
    assert cli.main(["synthesize", "review", str(path)]) == 0
    return path


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, reviewed: Path) -> Iterator[Page]:
    """The page; afterwards nothing may have gone wrong in it, asked for anything, or opened a dialog."""
    wrong: list[str] = []
    opened = context.new_page()
    opened.on(
        "console",
        lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
    )
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url)
        ),
    )
    opened.goto(reviewed.with_suffix(".html").as_uri())
    opened.wait_for_selector("html[data-ready]")
    yield opened
    assert wrong == []


def at(page: Page) -> str:
    return page.locator("#id").inner_text()


def count(page: Page) -> str:
    return page.locator("#count").inner_text()


def press(page: Page, keys: str) -> None:
    for key in keys.split():
        page.keyboard.press(key)


def test_a_row_shows_picture_question_gold_reply_and_faults(page: Page) -> None:
    assert count(page) == f"0 accepted, 0 rejected, {COUNT} to do"
    detail = page.locator("#detail")
    assert detail.locator("h3").inner_text() == "happy is the gold"
    assert detail.locator(".question").inner_text() == "Which face is this?"
    assert detail.locator(".faults li").all_inner_texts() == ["it has no think"]
    assert detail.locator("img").evaluate("image => image.naturalWidth") == 224, (
        "as large as the model sees it"
    )
    assert detail.locator(".reply mark").evaluate_all("all => all.map((each) => each.className)") == [
        "au claimed agrees", "au claimed differs", "au denied agrees",
    ]  # fmt: skip
    press(page, "End k")
    assert detail.locator("h3").inner_text() == "AU6 AU12 is the gold"
    assert "No image" in str(detail.locator(".noface").get_attribute("aria-label"))


def test_the_whole_review_is_done_by_keys_and_read_back(page: Page, reviewed: Path) -> None:
    """Judging moves on to what is still to do, around the end; a second thought counts."""
    press(page, "j a")
    assert at(page) == "f2#try-1"
    press(page, "r a r")
    assert at(page) == "f0#try-1", "around the end, to the one passed over"
    assert count(page) == "2 accepted, 2 rejected, 1 to do"
    press(page, "r j u")
    assert count(page) == "1 accepted, 3 rejected, 1 to do"
    press(page, "Home n")
    assert at(page) == "f1#try-1"
    press(page, "a")
    assert count(page) == "2 accepted, 3 rejected, 0 to do"
    with page.expect_download() as saved:
        press(page, "s")
    assert saved.value.suggested_filename == "review.verdicts.json"
    path = reviewed.with_name("review.verdicts.json")
    saved.value.save_as(path)
    assert json.loads(path.read_text())["file"]["sha256"] == files.sha256(reviewed)
    assert cli.main(["synthesize", "review", str(reviewed), "--verdicts", str(path)]) == 0
    kept = json.loads(reviewed.with_name("review.accepted.json").read_text())
    assert [each["id"] for each in kept] == ["f1#try-1", "f3#try-1"]


def test_the_buttons_judge_too_and_say_what_was_judged(page: Page) -> None:
    page.get_by_role("button", name="Reject").click()
    press(page, "k")
    assert page.get_by_role("button", name="Reject").get_attribute("aria-pressed") == "true"
    assert page.locator("[aria-selected=true] .verdict").inner_text() == "✗rejected"
    page.get_by_role("button", name="Accept").focus()
    press(page, "Enter k")
    assert page.get_by_role("button", name="Accept").get_attribute("aria-pressed") == "true"


def test_verdicts_are_there_again_after_a_reload_and_not_on_other_rows(
    page: Page, context: BrowserContext, reviewed: Path
) -> None:
    press(page, "a a")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert count(page) == f"2 accepted, 0 rejected, {COUNT - 2} to do"
    assert at(page) == "f2#try-1", "it opens where there is something to do"
    files.write_rows(reviewed, [row(number, response=REPLY + " ") for number in range(3)])
    assert cli.main(["synthesize", "review", str(reviewed)]) == 0
    page.goto(reviewed.with_suffix(".html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert count(page) == "0 accepted, 0 rejected, 3 to do", (
        "a verdict is on one reply, not on whatever has its id"
    )


def test_replies_and_names_stay_text(page: Page) -> None:
    press(page, "End")
    assert page.evaluate("window.broken") is None
    assert page.locator("#detail script, #detail b, #detail iframe, #detail img[src=x]").count() == 0
    assert at(page) == "</script><b>f4</b>"
    assert HOSTILE["script"] in page.locator(".faults").inner_text()


def test_help_names_the_keys_and_keys_wait_for_it(page: Page) -> None:
    press(page, "?")
    assert page.locator("#help").is_visible()
    assert "accept, and on to the next row to do" in page.locator("#help").inner_text()
    press(page, "a")
    assert count(page).startswith("0 accepted")
    press(page, "Escape t")
    assert page.locator("html").get_attribute("data-theme") == "dark"
