"""One page and one browser for all tests of the page: both take seconds to make, and no test changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.page.pages import FLAGS, SmallPage, chromium, small_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallPage:
    return small_page(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not longer than a file of tests: while Playwright runs, its event loop does, and no other test of this
    # process could start its own.
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, small: SmallPage) -> Iterator[Open]:
    """Opens the small page; afterwards nothing may have gone wrong in it, asked for anything, or opened a
    dialog.
    """
    contexts, wrong = [], []

    def start(fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1280, "height": 900}), **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url),
        )
        page.goto(small.written.path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        return page

    yield start
    for context in contexts:
        context.close()
    assert wrong == []
