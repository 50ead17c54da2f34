"""Pages of accounts and people in a real browser: axe finds nothing, nothing is too wide, the console is silent; also in Arabic."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from backend.accounts.models import User
from backend.cities.services.invitations import invitation_path
from tests.actors import World, make_world
from tests.factories import PASSWORD, ApiTokenFactory, CommunityRoleFactory, InvitationFactory, JoinRequestFactory, UserFactory
from tests.second_factor import current_code
from tests.web.browser import Browser, Visitor
from tests.web.test_accessibility import check_pages

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    cache.clear()
    Client().get(reverse("account_login"))  # all pages are imported by the first request, which may take longer than a browser waits
    made = make_world()
    CommunityRoleFactory(community=made.a, role="committee_member")
    InvitationFactory(community=made.a)
    JoinRequestFactory(community=made.a)
    ApiTokenFactory(user=made.user("official"))
    return made


def addresses(world: World) -> list[str]:
    names = ("web:account", "web:account_acts", "web:account_data", "web:account_tokens", "web:account_erase", "web:desk")
    allauth = ("account_email", "account_change_password", "account_reauthenticate", "mfa_index", "usersessions_list")
    of_a = ("web:people", "web:community_acts")
    pages = [reverse(name) for name in (*names, *allauth)] + [reverse(name, args=[world.a.pk]) for name in of_a]
    return [*pages, reverse("web:join", args=[world.b.pk]), invitation_path(world.a.invitations.get().pk)]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_pages_of_an_official(live_server, world: World, browser: Browser, language: str) -> None:
    User.objects.filter(pk=world.user("official").pk).update(language=language)
    visitor = Visitor.at(browser, live_server.url, width=320)
    visitor.sign_in("official@example.org")
    check_pages(visitor, addresses(world))


def test_pages_of_visitors_and_the_code_page(live_server, world: World, browser: Browser) -> None:
    visitor = Visitor.at(browser, live_server.url, width=320)
    check_pages(visitor, [reverse("account_request_login_code"), invitation_path(world.a.invitations.get().pk)])
    visitor.open(reverse("account_request_login_code"))
    visitor.page.fill("#id_email", "official@example.org")
    visitor.page.click("main form:first-of-type button[type=submit]")
    visitor.page.wait_for_selector("#id_code")
    assert visitor.violations() == []
    assert visitor.overflow() == []


def test_staff_set_up_a_second_factor_and_then_work(live_server, world: World, browser: Browser) -> None:
    UserFactory(email="fresh@example.org", admin=True, factor=False)
    visitor = Visitor.at(browser, live_server.url, width=320)
    visitor.open("/account/login/")
    visitor.page.fill("#id_login", "fresh@example.org")
    visitor.page.fill("#id_password", PASSWORD)
    visitor.page.click("main form:first-of-type button[type=submit]")
    visitor.page.wait_for_url("**" + reverse("web:second_factor"))
    assert visitor.violations() == []
    visitor.page.click("text=Set up an app")
    visitor.page.fill("#id_password", PASSWORD)
    visitor.page.click("main form:first-of-type button[type=submit]")
    visitor.page.wait_for_url("**" + reverse("mfa_activate_totp") + "*")
    assert visitor.violations() == []
    assert visitor.overflow() == []
    visitor.page.fill("#id_code", current_code(visitor.page.input_value("#authenticator_secret")))
    visitor.page.click("main form:first-of-type button[type=submit]")
    visitor.page.wait_for_url("**/recovery-codes/**")
    assert visitor.violations() == []
    check_pages(visitor, [reverse("mfa_add_webauthn"), *[reverse(f"web:staff_{name}") for name in ("roles", "joining", "tokens")]])
