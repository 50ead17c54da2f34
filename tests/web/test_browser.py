"""What the browser tests look at pages with."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Route

from tests.web.browser import Browser, Visitor

pytestmark = pytest.mark.browser
SITE = "http://pages.test"


def test_a_page_is_judged_once_its_style_sheet_has_come(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk follows a link and looks as soon as it sees a word, which may be before the style sheet is there."""
    visitor = Visitor.at(browser, SITE, width=320)
    page, held = visitor.page, list[Route]()
    wait = page.wait_for_load_state
    page.route(SITE + "/", lambda route: route.fulfill(content_type="text/html", body='<link rel="stylesheet" href="/late.css"><p>Word'))
    page.route(SITE + "/late.css", lambda route: held.append(route))

    def let_it_come_and_wait(*args: Any, **options: Any) -> None:
        held.pop().fulfill(content_type="text/css", body="p { width: 400px; margin: 0 }")
        wait(*args, **options)

    monkeypatch.setattr(page, "wait_for_load_state", let_it_come_and_wait)
    with page.expect_request("**/late.css"):
        page.goto(SITE + "/", wait_until="commit")
    page.wait_for_selector("p", state="attached")
    assert visitor.overflow() == 8 + 400 - 320, "the margin and the paragraph"
