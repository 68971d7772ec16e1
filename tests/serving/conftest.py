"""One browser with a stand-in for a camera, and a server to open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.page.pages import FLAGS, chromium
from tests.serving.doubles import address
from unifer.recognition.recognizer import Recognizer
from unifer.serving.guard import Access
from unifer.serving.limits import ServerLimits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
CAMERA = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=[*FLAGS, CAMERA])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens the page of a server over some recognizers.

    Afterwards nothing may have gone wrong in it, no dialog been opened, and no other host been asked.
    """
    closing: list[Callable[[], Any]] = []
    wrong: list[str] = []

    def start(
        *recognizers: Recognizer,
        limits: ServerLimits | None = None,
        access: Access | None = None,
        expects: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        server = address(*recognizers, limits=limits, access=access)
        url = server.__enter__()
        closing.append(lambda: server.__exit__(None, None, None))
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1280, "height": 900}), accept_downloads=True, **options
        )
        closing.append(context.close)
        page = context.new_page()

        def said(message: Any) -> None:
            if message.type in ("error", "warning") and not any(each in message.text for each in expects):
                wrong.append(message.text)

        page.on("console", said)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((url, "data:", "blob:")) else wrong.append(request.url)
            ),
        )
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        return page

    yield start
    for close in reversed(closing):
        close()
    assert wrong == []
