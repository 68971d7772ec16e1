"""The page in Chromium: photos from everywhere, faces to choose, answers, history, keys, a file to save."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.recognition.doubles import FixedDetector, face, recognizer
from tests.report.page.test_looks import _CONTRAST
from tests.serving.doubles import AFRAID, HAPPY, SAD, named, photo
from unifer.recognition.recognizer import DRAWN_FACES_ONLY
from unifer.serving.answers import NOTICE
from unifer.serving.guard import Access
from unifer.serving.limits import ServerLimits

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api").expect
Open = Callable[..., "Page"]
_DROP = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  const kind = name === "pasted" ? ClipboardEvent : DragEvent;
  const how = name === "pasted" ? { clipboardData: carried } : { dataTransfer: carried };
  document.body.dispatchEvent(new kind(name === "pasted" ? "paste" : "drop", { bubbles: true, ...how }));
}"""


def drop(page: Page, data: bytes, name: str = "dropped.png", kind: str = "image/png") -> None:
    """Let go of a file over the page; the name `pasted` pastes it."""
    page.evaluate(_DROP, [name, kind, base64.b64encode(data).decode()])


def test_a_sample_is_read_and_what_names_a_region_lights_up_together(opened: Open) -> None:
    page = opened(recognizer(AFRAID))
    page.locator("#samples button").first.click()
    page.wait_for_selector(".card")
    assert page.locator(".card .label").inner_text() == "fear"
    assert page.locator(".units li b").all_inner_texts() == ["AU1", "AU2", "AU20"]
    # The emoji before the words is two units of a JavaScript string and one character of a span.
    assert page.locator(".word").all_inner_texts() == ["AU1", "AU2", "(AU20)"]
    assert page.locator(".region").count() == 2
    page.locator(".word", has_text="AU20").hover()
    assert page.locator(".lit").evaluate_all("all => all.map((each) => each.dataset.region)") == ["mouth"] * 3
    page.locator(".units li").first.focus()
    assert page.locator(".region.lit").get_attribute("data-region") == "brows"
    assert "a guess" in page.locator("figcaption").inner_text()
    assert page.locator("#status").inner_text() == "Answer: fear."
    assert page.locator("#care").inner_text() == NOTICE


def test_a_photo_is_dropped_pasted_or_chosen(opened: Open, tmp_path: Path) -> None:
    page = opened(recognizer(HAPPY))
    page.on("filechooser", lambda chooser: None)  # from here on, or a key outruns the browser's interception
    drop(page, photo())
    page.wait_for_selector(".card")
    drop(page, photo(70), "pasted")
    expect(page.locator(".past li")).to_have_count(2)
    (tmp_path / "chosen.png").write_bytes(photo(80))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("o")
    chooser.value.set_files(tmp_path / "chosen.png")
    expect(page.locator(".past li")).to_have_count(3)
    names = [label.split(":")[0] for label in page.locator(".past button").evaluate_all(_LABELS)]
    assert names == ["chosen.png", "pasted.png", "dropped.png"]
    page.locator(".past button").last.click()
    assert page.evaluate("unifer.entry.photo.name") == "dropped.png"
    page.get_by_role("button", name="Forget them").click()
    assert not page.locator("#visit").is_visible()
    assert not page.locator("#answer").is_visible()


_LABELS = "all => all.map((each) => each.getAttribute('aria-label'))"


def test_what_is_no_photo_or_too_large_is_told_in_one_line(opened: Open) -> None:
    limits = ServerLimits(upload_bytes=2000)
    page = opened(recognizer(), limits=limits, expects=("422",))
    drop(page, b"hello", "notes.txt", "text/plain")
    assert "notes.txt is not a photo" in page.locator("#problem").inner_text()
    drop(page, b"x" * 3000)
    assert "dropped.png is too large" in page.locator("#problem").inner_text()
    drop(page, b"no picture")
    expect(page.locator("#problem")).to_contain_text("not an image of a known format")


def test_the_camera_takes_a_photo(opened: Open) -> None:
    page = opened(recognizer(SAD), permissions=["camera"])
    page.keyboard.press("c")
    page.wait_for_selector("#shoot:not([disabled])")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    assert page.evaluate("unifer.entry.width") >= 320
    assert page.locator(".card .label").inner_text() == "sadness"
    assert page.evaluate("document.querySelectorAll('video').length") == 0
    page.locator("#camera-button").click()
    page.wait_for_selector("#shoot:not([disabled])")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.locator(".past li").count() == 1


def test_a_camera_that_is_refused_is_told(opened: Open) -> None:
    page = opened(recognizer())
    page.locator("#camera-button").click()
    expect(page.locator("#problem")).to_contain_text("was refused")


def test_of_several_faces_one_is_chosen_then_all(opened: Open) -> None:
    detector = FixedDetector(face(200, 20, 30), face(10, 10, 40, points=True), face(100, 10, 40))
    page = opened(recognizer(HAPPY, detector=detector))
    drop(page, photo(300))
    page.wait_for_selector(".box")
    assert page.locator(".box").count() == 3
    assert page.locator("#status").inner_text() == "3 faces found."
    page.locator(".box").nth(1).click()
    page.wait_for_selector(".card")
    assert page.locator("#answer h2").inner_text() == "Face 2 of 3"
    assert page.locator(".box").all_inner_texts() == ["1", "happiness", "3"]
    page.keyboard.press("a")
    expect(page.locator(".box").nth(2)).to_have_text("happiness")
    assert not page.locator("#all").is_visible()
    page.locator(".box").first.click()
    assert page.locator("#answer h2").inner_text() == "Face 1 of 3"
    assert "by the face's five points" in page.locator("figcaption").inner_text()
    page.keyboard.press("f")
    assert page.locator("#answer h2").inner_text() == "Face 2 of 3"
    assert page.locator(".box[aria-pressed=true]").count() == 1


def test_the_group_of_samples_brings_its_boxes(opened: Open) -> None:
    page = opened(recognizer(HAPPY))
    page.keyboard.press("9")
    page.wait_for_selector(".box")
    page.keyboard.press("f")
    page.wait_for_selector(".card")
    page.locator(".box").nth(2).click()
    expect(page.locator("#answer h2")).to_have_text("Face 3 of 3")
    assert page.locator(".box").all_inner_texts() == ["happiness", "2", "happiness"]


def test_two_models_stand_side_by_side_with_votes_and_are_saved(opened: Open, tmp_path: Path) -> None:
    tiny = named(recognizer(HAPPY), "UniFER-Tiny", [DRAWN_FACES_ONLY])
    page = opened(tiny, named(recognizer(SAD), "Other"))
    assert DRAWN_FACES_ONLY in page.locator("#warnings").inner_text()
    page.select_option("#votes", "4")
    page.keyboard.press("2")
    page.wait_for_selector(".card")
    cards = page.locator(".card")
    assert cards.locator("h4").all_inner_texts() == ["UniFER-Tiny", "Other"]
    assert cards.locator(".label").all_inner_texts() == ["happiness", "sadness"]
    boxes = [cards.nth(at).bounding_box() for at in range(2)]
    left, right = [box for box in boxes if box]
    assert left["y"] == right["y"]
    assert left["x"] < right["x"]
    assert cards.first.locator(".shares tr").first.inner_text().split() == ["happiness", "100", "%"]
    assert cards.first.locator(".beware").inner_text() == DRAWN_FACES_ONLY + "."
    assert cards.last.locator(".beware").count() == 0
    with page.expect_download() as saved:
        page.keyboard.press("s")
    assert saved.value.suggested_filename == "happiness.unifer.json"
    saved.value.save_as(tmp_path / "saved.json")
    record = json.loads((tmp_path / "saved.json").read_text())
    assert [answer["model"] for answer in record["answers"]] == ["UniFER-Tiny", "Other"]
    assert record["answers"][0]["readings"][0]["votes"]["shares"]["happiness"] == 1
    assert record["answers"][0]["warnings"] == [DRAWN_FACES_ONLY]
    assert record["answers"][0]["notice"] == NOTICE
    page.select_option("#models", "Other")
    page.keyboard.press("3")
    expect(page.locator(".card")).to_have_count(1)


def test_a_reply_cannot_act(opened: Open) -> None:
    hostile = "<think><img src=x onerror=alert(1)> </script><script>alert(2)</script> AU12 \u202e</think>"
    page = opened(named(recognizer(f"{hostile}<answer>fear</answer>"), "<b>Bold</b>", ["</script><i>"]))
    page.keyboard.press("1")
    page.wait_for_selector(".card")
    assert "<img src=x" in page.locator(".reasoning").inner_text()
    assert "U+202E" in page.locator(".reasoning").inner_text()
    assert page.locator(".card h4").inner_text() == "<b>Bold</b>"
    assert page.locator(".reasoning img, .card b b, i").count() == 0


def test_a_key_is_asked_for_once(opened: Open) -> None:
    page = opened(recognizer(HAPPY), access=Access(key="sesame"), expects=("401",))
    page.keyboard.press("1")
    page.wait_for_selector("#key-field")
    page.locator("#key-field").fill("sesame")
    page.keyboard.press("Enter")
    page.wait_for_selector(".card .label")
    assert page.locator(".card .label").inner_text() == "happiness"
    page.keyboard.press("2")
    expect(page.locator(".past li")).to_have_count(2)


def test_help_names_the_keys_and_every_control_has_a_name(opened: Open) -> None:
    page = opened(recognizer(HAPPY))
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    assert "sample faces" in page.locator("#help").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.wait_for_selector(".card")
    nameless = (
        "[...document.querySelectorAll('button, select, input, [tabindex=\"0\"]')].filter((each) => !("
        "each.labels?.length || each.getAttribute('aria-label') || each.textContent.trim() || "
        "each.querySelector('img[alt]'))).map((each) => each.outerHTML)"
    )
    assert page.evaluate(nameless) == []
    assert page.locator("h1").count() == 1
    assert page.locator("#status").get_attribute("aria-live") == "polite"
    order = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5')].filter((h) => h.offsetParent).map((h) => h.tagName)"
    )
    assert order[0] == "H1"


def test_it_can_be_read_in_both_colours_and_on_a_phone(opened: Open) -> None:
    read = [
        "body",
        ".care",
        ".beware",
        ".ask",
        ".options",
        ".label",
        ".about",
        ".units small",
        ".word",
        ".main",
    ]
    for scheme in ("light", "dark"):
        tiny = named(recognizer(HAPPY), "UniFER-Tiny", [DRAWN_FACES_ONLY])
        page = opened(
            tiny,
            named(recognizer(SAD), "Other"),
            viewport={"width": 360, "height": 740},
            color_scheme=scheme,
        )
        page.locator("#samples button").first.click()
        page.wait_for_selector(".card")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.locator(".units li").first.hover()
        assert page.evaluate(_CONTRAST, read) == []
