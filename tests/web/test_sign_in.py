"""Signing up and in: by code, password, second factor or passkey (Chromium's virtual
authenticator); the same answers whether or not an account exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from backend.accounts.models import AccountMail, User
from backend.accounts.services import change_staff_role
from backend.outbox.models import Event
from tests.division import one_in
from tests.factories import (
    PASSWORD,
    CommunityFactory,
    CommunityRoleFactory,
    UserFactory,
    current_code,
)
from tests.web.browser import Browser, Visitor
from tests.web.html_forms import form_to, forms_of, url

LOGIN, SIGN_UP, BY_CODE = (
    reverse("account_login"),
    reverse("account_signup"),
    reverse("account_request_login_code"),
)
TYPE_CODE, CONFIRM = (
    reverse("account_confirm_login_code"),
    reverse("account_email_verification_sent"),
)
DASHBOARD = url("dashboard")


@pytest.fixture(autouse=True)
def unlimited() -> None:
    """Each test counts its own tries."""
    cache.clear()


def code_sent_to(address: str) -> str:
    """The code in the last mail to the address, as it waits for the worker."""
    text = AccountMail.objects.filter(to=address).latest("pk").text
    return re.search(r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", text, re.MULTILINE)[1]  # type: ignore[index]


def sign_up(client: Client, **values: str) -> Any:
    return client.post(SIGN_UP, {"name": "Ana Silva", "email": "New@Example.org", **values})


def is_in(client: Client) -> bool:
    return client.get(url("account")).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "a long enough secret"])
def test_sign_up_with_and_without_a_password(
    client: Client, password: str, drain: Callable[[], int], mailoutbox: list
) -> None:
    assert sign_up(client, password1=password).url == CONFIRM
    assert not is_in(client)
    user = User.objects.get()
    assert (user.email, user.name, user.has_usable_password()) == (
        "new@example.org",
        "Ana Silva",
        bool(password),
    )
    event = Event.objects.get(topic="user_registered")
    assert (event.subject_id, event.by) == (user.pk, user)
    code = code_sent_to(user.email)
    drain()
    (mail,) = mailoutbox
    assert code in mail.body
    html = client.get(CONFIRM).text
    assert user.email in html
    assert client.post(CONFIRM, {"code": code}).url == DASHBOARD
    assert is_in(client)
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.django_db
def test_language_of_the_page_is_kept_and_used_for_pages_and_mails(client: Client) -> None:
    client.cookies["django_language"] = "de"
    assert (
        client.post(
            SIGN_UP, {"name": "Ana", "email": "ana@example.org"}, headers={"accept-language": "de"}
        ).status_code
        == 302
    )
    assert User.objects.get().language == "de"
    client.post(CONFIRM, {"code": code_sent_to("ana@example.org")})
    del client.cookies["django_language"]
    assert '<html lang="de"' in client.get(url("account")).text
    Client().post(BY_CODE, {"email": "ana@example.org"}, headers={"accept-language": "ja"})
    assert "Anmelde" in AccountMail.objects.latest("pk").subject


@pytest.mark.django_db
def test_mail_to_an_address_holds_no_words_of_who_typed_it(client: Client) -> None:
    words = "Your account is locked! Visit http://evil.example/login now"
    sign_up(client, name=words, password1="a long enough secret")
    (mail,) = AccountMail.objects.all()
    assert "evil.example" not in mail.text + mail.subject
    assert "locked" not in mail.text + mail.subject
    assert "new@example.org" in mail.text


@pytest.mark.django_db
def test_name_is_asked(client: Client) -> None:
    html = sign_up(client, name=" ").text
    assert "There is a problem" in html
    assert not User.objects.exists()


@pytest.mark.django_db
def test_sign_in_by_code_without_a_password(client: Client) -> None:
    user = UserFactory(password="!")
    assert client.post(BY_CODE, {"email": user.email}).url == TYPE_CODE
    assert client.post(TYPE_CODE, {"code": "WRONG1"}).status_code == 200
    assert not is_in(client)
    assert client.post(TYPE_CODE, {"code": code_sent_to(user.email)}).url == DASHBOARD
    assert is_in(client)


@pytest.mark.django_db
def test_sign_in_leads_back_to_where_one_wanted_to_go(client: Client) -> None:
    user = UserFactory()
    wanted = url("inbox")
    response = client.get(wanted)
    html = client.get(response.url).text
    form = form_to(html, LOGIN)
    assert (
        client.post(LOGIN, {**form.values, "login": user.email, "password": PASSWORD}).url == wanted
    )


@pytest.mark.django_db
def test_three_wrong_codes_end_the_try(client: Client) -> None:
    user = UserFactory()
    client.post(BY_CODE, {"email": user.email})
    code = code_sent_to(user.email)
    for _try in range(3):
        client.post(TYPE_CODE, {"code": "AAA-AAA"})
    client.post(TYPE_CODE, {"code": code})
    assert not is_in(client)


def ask(kind: str, email: str) -> tuple[Client, Any]:
    client = Client()
    forms: dict[str, tuple[str, dict[str, str]]] = {
        "sign up": (SIGN_UP, {"name": "Ana", "email": email, "password1": "a long enough secret"}),
        "sign up without password": (SIGN_UP, {"name": "Ana", "email": email, "password1": ""}),
        "sign in": (LOGIN, {"login": email, "password": "not the password"}),
        "code": (BY_CODE, {"email": email}),
        "reset": (reverse("account_reset_password"), {"email": email}),
    }
    address, values = forms[kind]
    return client, client.post(address, values, follow=True)


def what_is_shown(response: Any, email: str) -> str:
    """The page without what differs between any two requests."""
    html = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.text)
    return html.replace(email, "ADDRESS")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind", ["sign up", "sign up without password", "sign in", "code", "reset"]
)
def test_answer_does_not_tell_who_has_an_account(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same addresses, same words, one mail each, and the costly work (hashing a password) as
    often.
    """
    known = {
        "has password": UserFactory(email="one@example.org"),
        "has none": UserFactory(email="two@example.org", password="!"),
    }
    hashed: list[str] = []
    encode = PBKDF2PasswordHasher.encode
    monkeypatch.setattr(
        PBKDF2PasswordHasher,
        "encode",
        lambda *args, **kwargs: hashed.append("") or encode(*args, **kwargs),
    )
    seen = []
    for email in [*(user.email for user in known.values()), "nobody@example.org"]:
        hashed.clear()
        mails = AccountMail.objects.count()
        _client, response = ask(kind, email)
        seen.append(
            (
                response.redirect_chain,
                what_is_shown(response, email),
                AccountMail.objects.count() - mails,
                len(hashed),
            )
        )
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.django_db
def test_wrong_code_is_answered_alike_for_who_has_no_account() -> None:
    user = UserFactory(email="one@example.org")
    shown = []
    for email in (user.email, "nobody@example.org"):
        client, _response = ask("code", email)
        shown.append(
            [
                what_is_shown(client.post(TYPE_CODE, {"code": "AAA-AAA"}, follow=True), email)
                for _try in range(4)
            ]
        )
    assert shown[0] == shown[1]


@pytest.mark.django_db
def test_second_account_for_one_address_is_not_made(client: Client) -> None:
    user = UserFactory(email="new@example.org")
    assert sign_up(client, password1="a long enough secret").url == CONFIRM
    assert User.objects.count() == 1
    client.post(CONFIRM, {"code": "AAA-AAA"})
    assert not is_in(client)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, "192.0.2.99", "192.0.2.99"),
        # What the client made up stands before what the proxy saw
        (1, "6.6.6.6, 192.0.2.99", "192.0.2.99"),
        (0, "6.6.6.6", "203.0.113.7"),
    ],
)
def test_address_of_the_client_behind_one_proxy(
    settings, proxies: int, forwarded: str, address: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    user = UserFactory()
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.post(
        LOGIN, {"login": user.email, "password": PASSWORD}, headers={"x-forwarded-for": forwarded}
    )
    assert UserSession.objects.get(user=user).ip == address


@pytest.mark.django_db
def test_password_is_reset_by_a_link_of_the_public_address(client: Client, settings) -> None:
    settings.PUBLIC_URL = "https://cities.example.org"
    user = UserFactory()
    client.post(reverse("account_reset_password"), {"email": user.email})
    link = re.search(
        r"https://cities\.example\.org(/account/password/reset/key/\S+)",
        AccountMail.objects.latest("pk").text,
    )
    assert link
    page = client.get(link[1], follow=True)
    form = next(form for form in forms_of(page.text) if "password1" in form.values)
    posted = {**form.values, "password1": "another long secret", "password2": "another long secret"}
    assert client.post(form.action or page.request["PATH_INFO"], posted).status_code == 302
    user.refresh_from_db()
    assert user.check_password("another long secret")
    assert not is_in(client), "the link alone does not sign in: a second factor would be passed by"


@pytest.mark.django_db
def test_staff_without_a_factor_are_led_to_set_one_up_before_anything_opens(client: Client) -> None:
    curator = UserFactory(curator=True, factor=False)
    client.post(LOGIN, {"login": curator.email, "password": PASSWORD})
    door = url("second_factor")
    for name in ("web:staff", "web:staff_events", "web:dashboard", "web:inbox"):
        assert client.get(reverse(name)).url == door
    assert client.post(url("staff_run_start")).url == door
    for path in ("me/", "staff/vetting/", "notifications/"):
        response = client.get(f"/api/v1/{path}")
        assert (response.status_code, response.json()["code"]) == (403, "second_factor_required")
    assert "Set up an app" in client.get(door).text
    assert client.get(url("account")).status_code == 200


def set_up_app(client: Client, user: User) -> None:
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    address = reverse("mfa_activate_totp")
    (secret,) = set(re.findall(r"\b[A-Z2-7]{32}\b", client.get(address).text))
    assert client.post(address, {"code": current_code(secret)}).status_code == 302


@pytest.mark.django_db
@pytest.mark.django_db(transaction=True)
def test_factor_that_is_set_up_opens_the_staff_pages_and_ends_other_sessions(
    client: Client,
) -> None:
    curator = UserFactory(curator=True, factor=False)
    elsewhere = Client()
    for browser in (client, elsewhere):
        browser.post(LOGIN, {"login": curator.email, "password": PASSWORD})
    set_up_app(client, curator)
    assert Authenticator.objects.filter(user=curator, type="totp").exists()
    assert Authenticator.objects.filter(user=curator, type="recovery_codes").exists()
    assert client.get(url("staff")).status_code == 200
    assert not is_in(elsewhere), "it never passed the factor"
    changes = Event.objects.filter(topic="second_factor_changed", by=curator).values_list(
        "payload", flat=True
    )
    assert {change["added"] for change in changes} == {"totp", "recovery_codes"}


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["password", "code"])
def test_who_has_a_factor_is_asked_for_it(client: Client, way: str) -> None:
    curator = UserFactory(curator=True)
    if way == "password":
        response = client.post(LOGIN, {"login": curator.email, "password": PASSWORD})
    else:
        client.post(BY_CODE, {"email": curator.email})
        response = client.post(TYPE_CODE, {"code": code_sent_to(curator.email)})
    assert response.url == reverse("mfa_authenticate")
    assert not is_in(client)
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    assert not is_in(client)
    assert client.post(reverse("mfa_authenticate"), {"code": current_code()}).url == DASHBOARD
    assert client.get(url("staff")).status_code == 200


@pytest.mark.django_db
def test_sample_staff_try_the_service_without_a_factor_here_and_not_in_production(
    client: Client, settings
) -> None:
    curator = UserFactory(curator=True, factor=False, is_sample=True)
    client.post(LOGIN, {"login": curator.email, "password": PASSWORD})
    assert client.get(url("staff")).status_code == 200
    settings.STAFF_SECOND_FACTOR = {"required": True, "spares_samples": False}
    assert client.get(url("staff")).url == url("second_factor")


@pytest.mark.django_db
def test_new_staff_role_ends_sessions_that_never_passed_a_factor(client: Client) -> None:
    person = UserFactory()
    client.post(LOGIN, {"login": person.email, "password": PASSWORD})
    assert is_in(client)
    change_staff_role(by=UserFactory(admin=True), email=person.email, role="curator")
    assert not is_in(client)


@pytest.mark.django_db
def test_wrong_password_says_so_in_our_own_page(client: Client) -> None:
    html = client.post(LOGIN, {"login": "no@example.org", "password": "wrong"}).text
    assert "There is a problem" in html
    assert 'class="brand"' in html


@pytest.mark.django_db
def test_too_many_tries_have_a_page(client: Client, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    sign_up(client)
    response = sign_up(Client(), email="other@example.org")
    assert response.status_code == 429
    assert "Too many tries" in response.text


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


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", one_in(2, ["staff", "official"]))
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
    page.wait_for_url("**/staff/" if who == "staff" else "**/dashboard/")
    assert visitor.complaints == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
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
