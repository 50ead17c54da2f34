"""A passkey from end to end: made on one's account, and signed in with instead of a password, by
Chromium's virtual authenticator.
"""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import expect

from backend.accounts.models import User
from tests.factories import PASSWORD, CommunityFactory, CommunityRoleFactory, UserFactory
from tests.web.browser import Browser, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# A device with a screen lock that unlocks whenever it is asked to.
_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def visitor(live_server, browser: Browser) -> Visitor:
    cache.clear()
    # No passkey is for an address in numbers.
    visitor = Visitor.at(browser, live_server.url.replace("127.0.0.1", "localhost"), width=320)
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})
    return visitor


def add_passkey(visitor: Visitor, name: str) -> None:
    visitor.open(reverse("mfa_add_webauthn"))
    visitor.page.fill("#id_password", PASSWORD)  # who adds a key shows first that it is them
    visitor.page.click("main form:first-of-type button[type=submit]")
    print(visitor.page.inner_html("main"))
    visitor.page.fill("#id_name", name)
    visitor.page.check("#id_passwordless")
    visitor.page.click("#mfa_webauthn_add")
    visitor.page.wait_for_function("!location.pathname.endsWith('/add/')")


@pytest.mark.parametrize("who", ["official", "staff"])
def test_passkey_is_made_and_replaces_password_and_second_factor(
    visitor: Visitor, who: str
) -> None:
    if who == "staff":
        user: User = UserFactory(curator=True, email="curator.staff@example.org")
    else:
        user = CommunityRoleFactory(
            user=UserFactory(email="official@example.org"),
            community=CommunityFactory(published=True),
        ).user
    page = visitor.page
    visitor.sign_in(user.email)
    add_passkey(visitor, "Town hall laptop")
    assert user.authenticator_set.filter(type="webauthn").count() == 1
    page.context.clear_cookies()

    visitor.open(reverse("account_login"))
    page.click("#passkey_login")
    page.wait_for_url("**/staff/" if who == "staff" else "**/desk/")
    assert visitor.complaints == []


def test_passkey_of_nobody_is_refused_in_words(visitor: Visitor) -> None:
    user = CommunityRoleFactory(
        user=UserFactory(email="official@example.org"), community=CommunityFactory(published=True)
    ).user
    visitor.sign_in(user.email)
    add_passkey(visitor, "Lost laptop")
    user.authenticator_set.all().delete()
    visitor.page.context.clear_cookies()

    visitor.open(reverse("account_login"))
    visitor.page.click("#passkey_login")
    expect(visitor.page.locator("body")).to_contain_text(
        "a passkey has to be listed in your account still"
    )
    assert reverse("account_login") in visitor.page.url
