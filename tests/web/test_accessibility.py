"""Every page under axe: those of the service and those of the account."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from playwright.sync_api import APIResponse, Error, Route

from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.cities.services.invitations import invitation_path
from backend.introductions.models import Introduction
from backend.suggestions.models import Suggestion
from tests.actors import World, make_world
from tests.factories import (
    FULL_DOCUMENT,
    MOMENT,
    PASSWORD,
    ApiTokenFactory,
    CommunityRoleFactory,
    FollowUpFactory,
    IntroductionFactory,
    InvitationFactory,
    JoinRequestFactory,
    ListedPartnershipFactory,
    NotificationFactory,
    PlaceFactory,
    ScoringRunFactory,
    SuggestionFactory,
    UserFactory,
    current_code,
)
from tests.web.browser import THE_SYSTEMS, Browser, Visitor, present
from tests.web.html_forms import url
from tests.web.test_suggestion_pages import REASONS

# Main pages in a real browser: no axe violation, no word of the console, no sideways scrolling
# at 320 px, light enough.


pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE_BYTES = 100_000
# One page for each way of asking.
HELP = ("/guide/", "/guide/organisations/", "/privacy/", "/contact/", "/organisation/")
TOPICS = ("sectors", "needs_offers", "facts", "ties", "sought", "story", "partnerships")


@pytest.fixture
def busy(suggestion: Suggestion, official: CommunityRole) -> tuple[User, User, dict[str, str]]:
    """An official, a curator, and the addresses of pages that have something to show."""
    staff = UserFactory(email="staff@example.org", curator=True)
    suggestion.a_reasons = suggestion.b_reasons = REASONS
    suggestion.save()
    official.community.profile.draft = FULL_DOCUMENT
    official.community.profile.save()
    ListedPartnershipFactory(place_a=official.community.place)
    NotificationFactory(recipient=official.user, community=official.community)
    third = SuggestionFactory(pair__a=official.community, mutual=True)
    introduction = IntroductionFactory(
        suggestion=third, stage=Introduction.Stage.INTRODUCED, met_on=MOMENT.date()
    )
    asked = FollowUpFactory(introduction=introduction, community=official.community)
    submitted = CommunityRoleFactory(vetted_at=None).community
    run = ScoringRunFactory(status="running", shard_count=3)
    pk = official.community_id
    addresses = {
        "web:home": "",
        "web:about": "",
        "web:sources": "",
        "web:seeking": "",
        "web:search": "",
        "web:place": f"{PlaceFactory().pk}",
        "web:directory": "",
        "web:community": f"{pk}",
        "web:dashboard": "",
        "web:inbox": "",
        "web:register": "",
        "web:profile": f"{pk}",
        "web:volunteers": f"{pk}",
        "web:named_partners": f"{pk}",
        "web:community_membership": f"{pk}",
        "web:saved_searches": "",
        "web:profile_check": f"{pk}",
        "web:profile_contacts": f"{pk}",
        "web:suggestions": f"{pk}",
        "web:suggestion": f"{pk} {suggestion.pk}",
        "web:dossier": f"{pk} {suggestion.pk}",
        "web:introduction": f"{introduction.pk}",
        "web:follow_up": f"{introduction.pk} {asked.occasion}",
        "account_login": "",
        "account_signup": "",
        "account_reset_password": "",
        "account_logout": "",
        "web:staff": "",
        "web:staff_vetting": "",
        "web:staff_tickets": "",
        "web:staff_members": "",
        "web:staff_dues": "",
        "web:staff_suggestions": "",
        "web:staff_suggestion": f"{suggestion.pk}",
        "web:staff_introductions": "",
        "web:staff_introduction": f"{introduction.pk}",
        "web:staff_agreement": f"{introduction.pk}",
        "web:staff_runs": "",
        "web:staff_run": f"{run.pk}",
        "web:staff_dead_letters": "",
        "web:staff_weights": "",
        "web:staff_mails": "",
        "web:staff_events": "",
        **{f"web:profile_group {group}": f"{pk} {group}" for group in TOPICS},
    }
    assert submitted.pk
    return official.user, staff, addresses


def paths(addresses: dict[str, str], *, staff: bool) -> list[str]:
    chosen = {
        name: args for name, args in addresses.items() if name.startswith("web:staff") == staff
    }
    return [reverse(name.split()[0], args=args.split()) for name, args in chosen.items()]


class Scales:
    """What each page weighs in bytes, with all that it names, compressed. Nothing comes from the
    browser's cache meanwhile; what does not change is read and compressed once.
    """

    def __init__(self, visitor: Visitor) -> None:
        self._files: dict[str, tuple[APIResponse, bytes, int]] = {}
        self._weight = 0
        self.weights: dict[str, int] = {}
        visitor.page.route("**", self._weigh)

    def _weigh(self, route: Route) -> None:
        url = route.request.url
        if url not in self._files:
            response = route.fetch()
            body = response.body()
            weighed = response, body, len(gzip.compress(body))
            if "/static/" in url:
                self._files[url] = weighed
        else:
            weighed = self._files[url]
        response, body, weight = weighed
        self._weight += weight
        route.fulfill(response=response, body=body)

    def note(self, path: str) -> None:
        """All that the page names has come; nothing is asked for later without a click."""
        self.weights[path], self._weight = self._weight, 0


def check_pages(visitor: Visitor, addresses: list[str], scales: Scales | None = None) -> None:
    """At the narrow width, where more can go wrong; the wide one differs in columns alone."""
    found: dict[str, list[str]] = {}
    for path in addresses:
        visitor.open(path)
        if scales:
            scales.note(path)
        if wrong := visitor.violations() + visitor.overflow():
            found[path] = wrong
    assert found == {}
    assert visitor.complaints == []


def test_pages_of_visitors(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser
) -> None:
    public = [
        path
        for path in paths(busy[2], staff=False)
        if path in ("/", "/about/", "/sources/", "/partnerships/", "/communities/")
    ]
    check_pages(
        Visitor.at(browser, live_server.url, width=320),
        [*public, "/account/login/", "/account/signup/", "/account/password/reset/", *HELP],
    )


PUBLIC = (
    *("/", "/about/", "/sources/", "/communities/", "/partnerships/", "/search/?q=a"),
    *("/members/us/", "/members/global/", "/membership/", "/communities/{community}/"),
    *("/places/{place}/", "/terms/", "/accessibility/", *HELP),
)


@pytest.mark.system
@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_public_pages_in_each_language_which_are_light(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser, language: str
) -> None:
    addresses = busy[2]
    known = {"community": addresses["web:community"], "place": addresses["web:place"]}
    visitor = Visitor.at(browser, live_server.url, width=320)
    scales = Scales(visitor)
    shown = [f"/{language}{path.format(**known)}" for path in PUBLIC]
    check_pages(visitor, shown, scales)
    print(f"{language}: heaviest page {max(scales.weights.values()):,} bytes, compressed")
    assert max(scales.weights.values()) <= PAGE_BYTES
    assert visitor.page.get_attribute("html", "lang") == language


@pytest.mark.system
def test_pages_of_an_official_which_are_light(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser
) -> None:
    official, _staff, addresses = busy
    visitor = Visitor.at(browser, live_server.url, width=320)
    visitor.sign_in(official.email)
    scales = Scales(visitor)
    shown = [
        path
        for path in paths(addresses, staff=False)
        if not path.startswith("/account/") or "logout" in path
    ]
    check_pages(visitor, shown, scales)
    weights = scales.weights
    heaviest = max(weights, key=weights.__getitem__)
    print(f"heaviest page: {heaviest} with {weights[heaviest]:,} bytes, compressed")
    assert weights.keys() == set(shown)
    assert weights[heaviest] <= PAGE_BYTES


@pytest.mark.system
def test_pages_of_staff(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser
) -> None:
    _official, staff, addresses = busy
    visitor = Visitor.at(browser, live_server.url, width=320)
    visitor.sign_in(staff.email)
    check_pages(visitor, paths(addresses, staff=True))


def test_autosave_in_a_browser(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser
) -> None:
    official = busy[0]
    community_id = official.community_roles.get().community_id
    visitor = Visitor.at(browser, live_server.url)
    visitor.sign_in(official.email)
    visitor.open(url("profile_group", community_id, "story"))
    visitor.page.fill("#text", "Written while nobody pressed a button.")
    visitor.page.press("#text", "Tab")
    visitor.page.locator("#autosave", has_text="Saved").wait_for()
    visitor.open(url("profile_group", community_id, "story"))
    assert visitor.page.input_value("#text") == "Written while nobody pressed a button."
    assert visitor.complaints == []


def test_place_is_found_while_typing(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser
) -> None:
    visitor = Visitor.at(browser, live_server.url)
    visitor.sign_in(busy[0].email)
    visitor.open("/register/")
    visitor.page.locator("#id_q").press_sequentially("homep")
    visitor.page.wait_for_selector("#places >> text=registered already")
    assert visitor.complaints == []


def test_profile_page_without_javascript(
    live_server, busy: tuple[User, User, dict[str, str]], browser: Browser
) -> None:
    official = busy[0]
    community_id = official.community_roles.get().community_id
    visitor = Visitor.at(browser, live_server.url, javascript=False, width=320)
    visitor.sign_in(official.email)
    visitor.open(url("profile_group", community_id, "facts"))
    visitor.page.fill("#population", "many")
    visitor.page.click("text=Save and continue")
    assert "Write a whole number, for example" in visitor.page.inner_text(".errors")
    assert visitor.page.input_value("#population") == "many"
    visitor.page.fill("#population", "120,000")
    visitor.page.click("text=Save and continue")
    assert visitor.page.inner_text("h1") == "Challenges"


# Pages of accounts and people in a real browser: axe finds nothing, nothing is too wide, the
# console is silent; also in Arabic.


@pytest.fixture
def world() -> World:
    cache.clear()
    # All pages are imported by the first request, which may take longer than a browser waits
    Client().get(reverse("account_login"))
    made = make_world()
    CommunityRoleFactory(community=made.a, role="committee_member")
    InvitationFactory(community=made.a)
    JoinRequestFactory(community=made.a)
    ApiTokenFactory(user=made.user("official"))
    return made


def addresses(world: World) -> list[str]:
    names = (
        "web:account",
        "web:account_audit_log",
        "web:account_data",
        "web:account_tokens",
        "web:account_erase",
        "web:dashboard",
    )
    allauth = (
        "account_email",
        "account_change_password",
        "account_reauthenticate",
        "mfa_index",
        "usersessions_list",
    )
    of_a = ("web:people", "web:community_audit_log")
    pages = [reverse(name) for name in (*names, *allauth)] + [
        reverse(name, args=[world.a.pk]) for name in of_a
    ]
    return [
        *pages,
        url("join", world.b.pk),
        invitation_path(world.a.invitations.get().pk),
    ]


@pytest.mark.system
@pytest.mark.parametrize("language", ["ar", "en"])
def test_account_pages_of_an_official(
    live_server, world: World, browser: Browser, language: str
) -> None:
    User.objects.filter(pk=world.user("official").pk).update(language=language)
    visitor = Visitor.at(browser, live_server.url, width=320)
    visitor.sign_in("official@example.org")
    check_pages(visitor, addresses(world))


def test_pages_of_visitors_and_the_code_page(live_server, world: World, browser: Browser) -> None:
    visitor = Visitor.at(browser, live_server.url, width=320)
    check_pages(
        visitor,
        [reverse("account_request_login_code"), invitation_path(world.a.invitations.get().pk)],
    )
    visitor.open(reverse("account_request_login_code"))
    visitor.page.fill("#id_email", "official@example.org")
    visitor.page.click("main form:first-of-type button[type=submit]")
    visitor.page.wait_for_selector("#id_code")
    assert visitor.violations() == []
    assert visitor.overflow() == []


@pytest.mark.system
def test_staff_set_up_a_second_factor_and_then_work(
    live_server, world: World, browser: Browser
) -> None:
    UserFactory(email="fresh@example.org", admin=True, factor=False)
    visitor = Visitor.at(browser, live_server.url, width=320)
    visitor.open("/account/login/")
    visitor.page.fill("#id_login", "fresh@example.org")
    visitor.page.fill("#id_password", PASSWORD)
    visitor.page.click("main form:first-of-type button[type=submit]")
    visitor.page.wait_for_url("**" + url("second_factor"))
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
    check_pages(
        visitor,
        [
            reverse("mfa_add_webauthn"),
            *[url(f"staff_{name}") for name in ("roles", "joining", "tokens")],
        ],
    )


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
    assert f"{8 + 400 - 320} px too wide with {THE_SYSTEMS}" in visitor.overflow(), (
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
    if missing := {"DejaVu", "Noto"} - present().keys():
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
