"""Limits of signing in: who guesses is slowed down, and whose account it is still gets in."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.core.internal.ratelimit import Rate, apply_rate, get_rates
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from backend.accounts.models import AccountMail
from tests.factories import PASSWORD, UserFactory, current_code
from tests.web.test_sign_in import (
    BY_CODE,
    CONFIRM,
    DASHBOARD,
    LOGIN,
    TYPE_CODE,
    code_sent_to,
    is_in,
    sign_up,
)


@pytest.fixture(autouse=True)
def unlimited() -> None:
    """Each test counts its own tries."""
    cache.clear()


@pytest.mark.system
@pytest.mark.django_db
def test_fifty_people_behind_one_address_sign_in() -> None:
    people = [UserFactory() for _number in range(50)]
    for user in people:
        client = Client(REMOTE_ADDR="203.0.113.7")
        assert client.post(LOGIN, {"login": user.email, "password": PASSWORD}).url == DASHBOARD, (
            user
        )
        assert is_in(client)


@pytest.mark.system
@pytest.mark.django_db
def test_fifty_people_behind_one_address_ask_for_codes_and_sign_up() -> None:
    for number in range(50):
        client = Client(REMOTE_ADDR="203.0.113.7")
        assert client.post(BY_CODE, {"email": UserFactory().email}).status_code == 302
        assert (
            sign_up(Client(REMOTE_ADDR="203.0.113.7"), email=f"new{number}@example.org").status_code
            == 302
        )


STRANGER, OWN = {"REMOTE_ADDR": "203.0.113.7"}, {"REMOTE_ADDR": "198.51.100.1"}
RESET = reverse("account_reset_password")


@pytest.mark.django_db
def test_stranger_closes_none_of_the_doors_of_an_account() -> None:
    victim = UserFactory()
    for _try in range(11):
        Client(**STRANGER).post(LOGIN, {"login": victim.email, "password": "guess"})
        Client(**STRANGER).post(BY_CODE, {"email": victim.email})
        Client(**STRANGER).post(RESET, {"email": victim.email})
    for address in (BY_CODE, RESET):
        before = AccountMail.objects.count()
        assert Client(**STRANGER).post(address, {"email": victim.email}).status_code == 200
        assert AccountMail.objects.count() == before
        assert Client(**OWN).post(address, {"email": victim.email}).status_code == 302
        assert AccountMail.objects.count() == before + 1
    signed_in = Client(**OWN).post(LOGIN, {"login": victim.email, "password": PASSWORD})
    assert signed_in.url == DASHBOARD


@pytest.mark.django_db
def test_guesses_from_everywhere_stop_before_the_password_and_not_before_its_owner(
    settings: Any,
) -> None:
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"guesses": "3/h/key"}
    victim = UserFactory()
    right = {"login": victim.email, "password": PASSWORD}
    assert Client(**OWN).post(LOGIN, right).url == DASHBOARD
    for number in range(3):
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(LOGIN, right | {"password": "guess"})
    assert "Too many failed login attempts" in Client(**STRANGER).post(LOGIN, right).text
    assert Client(**OWN).post(LOGIN, right).url == DASHBOARD
    assert Client(**STRANGER).post(BY_CODE, {"email": victim.email}).url == TYPE_CODE


@pytest.mark.django_db
def test_first_right_password_on_the_phone_leads_to_a_page_for_the_code() -> None:
    sign_up(Client(), password1="a long enough secret")
    phone = Client()
    values = {"login": "new@example.org", "password": "a long enough secret"}
    assert phone.post(LOGIN, values).url == CONFIRM
    assert 'name="code"' in phone.get(CONFIRM).text
    assert phone.post(CONFIRM, {"code": code_sent_to("new@example.org")}).status_code == 302
    assert is_in(phone)


@pytest.mark.django_db
@pytest.mark.parametrize("page", [CONFIRM, TYPE_CODE])
def test_page_for_a_code_says_on_the_phone_how_to_go_on(page: str) -> None:
    """The account has no password, and its address is not confirmed yet."""
    sign_up(Client())
    phone = Client()
    assert "in the browser in which you asked for it" in phone.get(page, follow=True).text
    assert "in the browser in which" in Client().post(page, {"code": "1"}, follow=True).text
    assert phone.post(BY_CODE, {"email": "new@example.org"}).url == TYPE_CODE
    shown = phone.get(TYPE_CODE).text
    assert 'name="code"' in shown
    assert "in the browser in which" not in shown
    phone.post(TYPE_CODE, {"code": code_sent_to("new@example.org")})
    assert is_in(phone)


@pytest.mark.django_db
def test_second_factor_is_locked_for_longer_and_longer() -> None:
    """Who knows the password has 30 tries in an hour, and 60 in a day, however patient they are."""
    rates = [
        rate
        for rate in get_rates(app="allauth.account", action="login_failed")
        if rate.per == "key"
    ]
    assert [(rate.amount, rate.duration) for rate in rates] == [(10, 60), (30, 3600), (60, 86400)]
    history: dict[Rate, list[float]] = {rate: [] for rate in rates}
    allowed = 0
    for now in range(0, 86_400, 10):
        allowed += all(apply_rate(history[rate], float(now), rate)[0] for rate in rates)
    assert allowed <= 60


@pytest.mark.django_db
def test_wrong_codes_of_the_second_factor_are_counted_by_account(settings: Any) -> None:
    """From wherever they come, and in the longer windows too."""
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {
        "login_failed": "10/m/key,3/h/key"
    }
    curator = UserFactory(curator=True)
    authenticate = reverse("mfa_authenticate")
    clients = [Client(REMOTE_ADDR=f"192.0.2.{number}") for number in range(4)]
    for client in clients:
        client.post(LOGIN, {"login": curator.email, "password": PASSWORD})
    for client in clients[:3]:
        assert "Too many failed" not in client.post(authenticate, {"code": "000000"}).text
    refused = clients[3].post(authenticate, {"code": current_code()})
    assert "Too many failed login attempts" in refused.text
    assert not is_in(clients[3])


@pytest.mark.django_db
def test_guessing_one_account_is_slowed_down_while_others_get_in() -> None:
    victim, colleague = UserFactory(), UserFactory()
    for _try in range(10):
        Client(**STRANGER).post(LOGIN, {"login": victim.email, "password": "guess"})
    html = Client(**STRANGER).post(LOGIN, {"login": victim.email, "password": PASSWORD}).text
    assert "Too many failed login attempts" in html
    assert (
        Client(REMOTE_ADDR="203.0.113.7")
        .post(LOGIN, {"login": colleague.email, "password": PASSWORD})
        .status_code
        == 302
    )
