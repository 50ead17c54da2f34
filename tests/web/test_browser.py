"""What the browser tests look at pages with."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Error, Route

from tests.web import fonts
from tests.web.browser import Browser, Visitor

pytestmark = pytest.mark.browser
SITE = "http://pages.test"


def test_a_page_is_judged_once_its_style_sheet_has_come(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk follows a link and looks as soon as it sees a word, which may be before the style
    sheet is there.
    """
    visitor = Visitor.at(browser, SITE, width=320)
    page, held = visitor.page, list[Route]()
    wait = page.wait_for_load_state
    page.route(
        SITE + "/",
        lambda route: route.fulfill(
            content_type="text/html", body='<link rel="stylesheet" href="/late.css"><p>Word'
        ),
    )
    page.route(SITE + "/late.css", lambda route: held.append(route))

    def let_it_come_and_wait(*args: Any, **options: Any) -> None:
        held.pop().fulfill(
            content_type="text/css", body="p { width: 400px; margin: 0; font-family: serif }"
        )
        wait(*args, **options)

    monkeypatch.setattr(page, "wait_for_load_state", let_it_come_and_wait)
    with page.expect_request("**/late.css"):
        page.goto(SITE + "/", wait_until="commit")
    page.wait_for_selector("p", state="attached")
    assert f"{8 + 400 - 320} px too wide with {fonts.THE_SYSTEMS}" in visitor.overflow(), (
        "the margin and the paragraph"
    )


@pytest.mark.parametrize("generic", ["sans-serif", "serif"])
@pytest.mark.parametrize(
    "where",
    [
        "p { font-family: LIST }",
        ":root { --own: LIST } @media screen { p { font-family: var(--own) } }",
    ],
)
def test_a_page_is_measured_with_each_set_of_fonts(
    browser: Browser, generic: str, where: str
) -> None:
    """Words that the narrower font has room for and the wider one has not."""
    visitor = Visitor.at(browser, SITE, width=320)
    if missing := {"DejaVu", "Noto"} - fonts.present().keys():
        pytest.skip(f"FONTS NOT TESTED: this machine lacks {', '.join(missing)}")
    named = {"sans-serif": "Noto Sans", "serif": "Noto Serif"}[generic]
    rule = where.replace("LIST", f"'{named}', {generic}")
    visitor.page.set_content(
        f"<style>body {{ margin: 0 }} p {{ margin: 0; font-size: 20px }} "
        f"{rule}</style><p>{'a' * 27}"
    )
    before = visitor.page.locator("p").bounding_box()
    (found,) = [line for line in visitor.overflow() if "CJK" not in line]
    assert found.endswith("px too wide with DejaVu")
    assert visitor.page.locator("p").bounding_box() == before, "the page is as it was"


def test_a_page_that_names_no_font_cannot_be_measured(browser: Browser) -> None:
    visitor = Visitor.at(browser, SITE)
    with pytest.raises(Error, match="no style sheet of this page names a font"):
        visitor.overflow()


def test_words_that_are_hard_to_read_are_found_wherever_they_are(browser: Browser) -> None:
    """Grey on white and white on grey, each twice: the second time axe knows the colours."""
    visitor = Visitor.at(browser, SITE)
    visitor.page.set_content(
        "<!doctype html><html lang=en><title>Greys</title><main><h1>Greys</h1>"
        + "<p style='color: #999'>Faint</p><p style='color: #fff; background: #999'>Faint</p>" * 2
        + "<p style='color: rgb(0 0 0 / .4)'>Faint</p><p style='color: #000'>Clear</p></main>"
    )
    (found,) = visitor.violations()
    assert found.startswith("color-contrast: ")
    ratios = visitor.page.evaluate(
        "axe.run({runOnly: ['color-contrast']})"
        ".then(({violations: [rule]}) => rule.nodes.map(node => node.any[0].data.contrastRatio))"
    )
    assert ratios == [2.84, 2.84, 2.84, 2.84, 2.84]
