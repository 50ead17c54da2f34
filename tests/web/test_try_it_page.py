"""The API's try-it page in a real browser: it runs under the strict policy, and a signed-in person
can send a request from it.
"""

from __future__ import annotations

import pytest

from backend.cities.models import CommunityRole
from tests.web.browser import Browser, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_request_sent_from_the_page_is_answered(
    browser: Browser, live_server: object, official: CommunityRole
) -> None:
    visitor = Visitor.at(browser, str(live_server))
    visitor.sign_in(official.user.email)
    visitor.open("/api/v1/docs/")
    page = visitor.page
    page.click("#operations-tag-accounts")
    page.click("#operations-accounts-me_retrieve .opblock-summary-control")
    assert page.locator(".opblock-tag").count() > 5
    page.click("#operations-accounts-me_retrieve .try-out__btn")
    with page.expect_response("**/api/v1/me/") as answer:
        page.click("#operations-accounts-me_retrieve .execute")
    assert answer.value.json()["email"] == official.user.email
    page.wait_for_selector("#operations-accounts-me_retrieve .live-responses-table")
    assert visitor.complaints == []


def test_writing_from_the_page_carries_the_token(
    browser: Browser, live_server: object, official: CommunityRole
) -> None:
    visitor = Visitor.at(browser, str(live_server))
    visitor.sign_in(official.user.email)
    visitor.open("/api/v1/docs/")
    visitor.page.wait_for_selector(".opblock-tag")
    status = visitor.page.evaluate(
        """async (path) => {
            const intercept = ui.getConfigs().requestInterceptor;
            const request = await intercept(
                {method: "POST", credentials: "same-origin", headers: {}});
            return (await fetch(path, {method: "POST", headers: request.headers})).status;
        }""",
        f"/api/v1/communities/{official.community_id}/profile/pause/",
    )
    assert status == 200
