"""A new official's journey through the running service: from the landing page to a published
profile and its first suggestion.

Elements are chosen by name, value and address, not by their words: the same walk is made in English
and in Arabic. With ``CSC_SCREENSHOTS=<folder>`` each page is kept there as a picture, narrow and
wide.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connections
from django.db.models import Q, QuerySet
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.queries import WALK
from backend.runtime.processes import wait_until
from backend.suggestions.models import Suggestion
from backend.suggestions.services.runs import begin_run
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    PlaceFactory,
    UserFactory,
    document,
)
from tests.faults.service import running
from tests.letters import pdf
from tests.web.browser import Browser, Visitor
from tests.web.service import WholeService
from tests.world import everything_is_done, make_communities

pytestmark = pytest.mark.browser
NEEDS, OFFERS = (
    ["heritage_conservation", "public_transport"],
    ["port_logistics", "water_management"],
)
PARTNER = "partner@example.org"
STAFF = ("staff.one@example.org", "staff.two@example.org")
CURATED_SECONDS = 15.0  # from the second approval until both sides have a suggestion and its mail

Answer = Callable[["Newcomer"], None]
ANSWERS: dict[str, Answer] = {
    "authority": lambda person: person.answer(
        {
            "registrant_office": "International affairs",
            "highest_official_name": "Axel Josefson",
            "highest_official_office": "Mayor",
        },
        {"registrant_role": ["employee"]},
    ),
    "themes": lambda person: person.answer(
        {}, {"importances.trade": ["3"], "importances.culture": ["2"]}
    ),
    "needs_offers": lambda person: person.answer({}, {"needs": NEEDS, "offers": OFFERS}),
    "languages": lambda person: person.confirm_or_answer("working", "English"),
    "story": lambda person: person.tell(
        "A port in the west: trams, islands, and a university that builds ships.", "en"
    ),
    "identity": lambda person: person.answer(
        {"local_name": "Göteborg", "website": "https://goteborg.example"}, {}
    ),
    "sectors": lambda person: person.answer(
        {}, {"strengths.logistics": ["3"], "strengths.tourism": ["1"]}
    ),
}


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In place of pytest-django's, which empties the database after each test: these walks share
    one world, and leave none.
    """
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def service(
    transactional_db: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WholeService]:
    """One service and one world for all walks: each person registers a city of their own, in a
    country of its own.
    """
    cache.clear()
    make_world()
    with running(WholeService(tmp_path_factory.mktemp("service"))) as started:
        begin_run(reason="first")
        started.until(everything_is_done, seconds=90)
        yield started


@pytest.fixture(autouse=True)
def closed_connections(browser: Browser, service: WholeService) -> Iterator[None]:
    """Under Playwright's event loop Django opens connections of its own, which nothing closes from
    outside of it.
    """
    yield
    connections.close_all()


def make_world() -> None:
    # So few abroad that Partnerport has places left for those who register
    make_communities(home=4, abroad=2)
    answers = document(
        needs_offers={"needs": OFFERS, "offers": NEEDS}, capacity={"open_introductions": 3}
    )
    partner = CommunityFactory(name="Partnerport", published=True, published__document=answers)
    CommunityRoleFactory(community=partner, user=UserFactory(email=PARTNER, name="Pat Partner"))
    for address in STAFF:
        UserFactory(email=address, curator=True)
    for code, country, name, ascii_name in (
        ("SE", "Sweden", "Göteborg", "goteborg"),
        ("NO", "Norway", "Ålesund", "alesund"),
        ("DK", "Denmark", "Sønderborg", "sonderborg"),
    ):
        home = CountryFactory(
            code=code, name=country, region="Europe", subregion="Northern Europe", languages=["en"]
        )
        PlaceFactory(
            name=name,
            search_text=ascii_name,
            country=home,
            population=90_000,
            admin1="West",
            admin1_code="W",
            timezone="Europe/Stockholm",
        )


@dataclass
class Newcomer(Visitor):
    """Somebody who has never seen the service. Counts what they do, and looks at the pages they
    come to.
    """

    clicks: int = 0
    lines: int = 0
    looks: bool = True
    found: dict[str, list[str]] = field(default_factory=dict)

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.clicks += 1

    def write(self, selector: str, text: str) -> None:
        self.page.fill(selector, text)
        self.lines += 1

    def answer(self, texts: dict[str, str], choices: dict[str, list[str]]) -> None:
        for name, text in texts.items():
            self.write(f'[name="{name}"]', text)
        for name, values in choices.items():
            for at, value in enumerate(values, start=1):
                if self.page.locator(f"select#{name}-1").count():
                    self.page.select_option(f"#{name}-{at}", value)
                else:
                    self.page.check(f'input[name="{name}"][value="{value}"]')
                self.clicks += 1

    def tell(self, story: str, language: str) -> None:
        self.write("#text", story)
        self.page.select_option("#language", language)
        self.clicks += 1

    def confirm_or_answer(self, name: str, text: str) -> None:
        """Leaves what open data has filled in; else writes it into the first line."""
        line = self.page.locator(f'input[name="{name}"]').first
        if not line.input_value():
            line.fill(text)
            self.lines += 1

    def look(self, name: str) -> None:
        """What axe finds and whether the page scrolls sideways, at 320 and 1280 px."""
        if self.looks:
            self.found[name] = self.defects(name)

    @property
    def wrong(self) -> dict[str, list[str]]:
        """The pages on which something was found."""
        return {name: lines for name, lines in self.found.items() if lines}

    def at_topic(self) -> str:
        return self.page.url.rstrip("/").rsplit("/", 1)[-1]


def code_in_mail_to(service: WholeService, address: str) -> str:
    """The code, as soon as the mail is in the folder."""
    assert wait_until(lambda: service.mails_to(address) > 0, seconds=30, every=0.05), (
        "no mail with a code"
    )
    return re.search(
        r"^([A-Z0-9]{3,}-?[A-Z0-9]{3,})$", service.mail_texts(address)[-1], re.MULTILINE
    )[1]  # type: ignore[index]


def sign_up(person: Newcomer, service: WholeService, address: str) -> None:
    person.open("/")
    person.look("home")
    person.click("main a.button")
    person.look("sign up")
    person.write("#id_name", "Nils Ny")
    person.write("#id_email", address)
    person.click("main form button[type=submit]")
    person.page.wait_for_selector("#id_code")
    person.look("code")
    person.write("#id_code", code_in_mail_to(service, address))
    person.click("main form button[type=submit]")
    person.page.wait_for_url("**" + reverse("web:dashboard"))
    person.look("start page, new")


def register(person: Newcomer, typed: str, name: str, *, javascript: bool = True) -> Community:
    person.click(f'main a.button[href="{reverse("web:register")}"]')
    person.look("register")
    if javascript:
        person.page.locator("#id_q").press_sequentially(typed)
        person.lines += 1
    else:
        person.write("#id_q", typed)
        person.click("form[role=search] button[type=submit]")
    person.page.wait_for_selector("input[name=place_id]")
    person.look("register, found")
    assert (
        name in person.page.locator("label", has=person.page.locator("strong")).first.inner_text()
    )
    person.click("input[name=place_id]")
    person.click("#places button[type=submit]")
    person.page.wait_for_url("**/profile/")
    person.look("profile, new")
    return Community.objects.get(name=name)


def answer_topics(person: Newcomer, stop_after: str) -> None:
    """Follows the buttons from topic to topic: those that are needed come first."""
    person.click("main .actions a.button")
    while True:
        topic = person.at_topic()
        person.look(f"topic {topic}")
        if topic in ANSWERS:
            ANSWERS[topic](person)
        if topic == stop_after:
            break
        with person.page.expect_navigation():
            person.click("button[name=next]")
        assert person.at_topic() != topic, person.page.inner_text("main")
    with person.page.expect_navigation():
        person.click("button[name=stop]")


def send_letter_and_submit(person: Newcomer, community: Community) -> None:
    person.look("profile, answered")
    person.page.set_input_files(
        "#letter",
        {"name": "letter of the mayor.pdf", "mimeType": "application/pdf", "buffer": pdf()},
    )
    person.clicks += 1
    with person.page.expect_navigation():
        person.click(f'form[action="{reverse("web:profile_letter", args=[community.pk])}"] button')
    assert "letter of the mayor.pdf" in person.page.inner_text("main")
    person.click(f'main .actions a[href="{reverse("web:profile_check", args=[community.pk])}"]')
    person.page.wait_for_url("**/check/")
    person.look("check")
    with person.page.expect_navigation():
        person.click(f'form[action="{reverse("web:profile_submit", args=[community.pk])}"] button')
    person.look("profile, submitted")
    assert Profile.objects.get(community=community).status == Profile.Status.SUBMITTED


def newcomer(browser: Browser, service: WholeService, **options: object) -> Newcomer:
    return Newcomer.at(browser, service.url, **options)  # type: ignore[arg-type]


def look_at_the_other_topics(person: Newcomer, community: Community) -> None:
    """Those that may stay empty and that the walk went past."""
    for group in WALK:
        if f"topic {group.code}" not in person.found:
            person.open(reverse("web:profile_group", args=[community.pk, group.code]))
            person.look(f"topic {group.code}")


def approve(staff: Newcomer, address: str, community: Community) -> None:
    staff.sign_in(address)
    staff.look("staff")
    staff.click(f'main a[href="{reverse("web:staff_vetting")}"]')
    staff.page.wait_for_url("**" + reverse("web:staff_vetting"))
    staff.look("vetting queue")
    staff.click(f'main a[href="{reverse("web:staff_submission", args=[community.pk])}"]')
    staff.page.wait_for_url("**" + reverse("web:staff_submission", args=[community.pk]))
    staff.look("submission")
    with staff.page.expect_navigation():
        staff.click(f'form[action="{reverse("web:staff_publish", args=[community.pk])}"] button')


def with_partner(community: Community) -> QuerySet[Suggestion]:
    of_both = Q(pair__a__name="Partnerport", pair__b=community) | Q(
        pair__b__name="Partnerport", pair__a=community
    )
    return Suggestion.objects.filter(of_both)


def has_read_of(service: WholeService, address: str, name: str) -> bool:
    return any(name in text for text in service.mail_texts(address))


def wait_for_the_suggestion(service: WholeService, address: str, community: Community) -> float:
    """Seconds until both sides have the suggestion and a mail about it."""
    began = time.monotonic()
    service.until(lambda: with_partner(community).exists(), seconds=30)
    service.until(
        lambda: (
            has_read_of(service, address, "Partnerport")
            and has_read_of(service, PARTNER, community.name)
        ),
        seconds=30,
    )
    return time.monotonic() - began


def look_at_what_came(person: Newcomer, community: Community, language: str) -> None:
    for name in ("suggestions", "profile", "community"):
        person.open(reverse(f"web:{name}", args=[community.pk]))
        person.look(f"{name}, published ({language})")
    for name in ("inbox", "dashboard"):
        person.open(reverse(f"web:{name}"))
        person.look(f"{name}, published ({language})")
    person.open(reverse("web:suggestion", args=[community.pk, with_partner(community).get().pk]))
    person.look(f"suggestion ({language})")


def test_from_the_landing_page_to_the_first_suggestion(
    service: WholeService, browser: Browser
) -> None:
    began = time.monotonic()
    official = newcomer(browser, service)
    sign_up(official, service, "nils@goteborg.example")
    community = register(official, "Goteborg", "Göteborg")
    answer_topics(official, stop_after="sectors")
    send_letter_and_submit(official, community)
    clicks, lines, walked = official.clicks, official.lines, time.monotonic() - began
    look_at_the_other_topics(official, community)

    first, second = newcomer(browser, service), newcomer(browser, service)
    approve(first, STAFF[0], community)
    assert Profile.objects.get(community=community).status == Profile.Status.SUBMITTED, (
        "the first profile of a country needs two"
    )
    approve(second, STAFF[1], community)
    assert Profile.objects.get(community=community).status == Profile.Status.PUBLISHED
    curated = wait_for_the_suggestion(service, "nils@goteborg.example", community)
    assert official.shows(reverse("web:suggestions", args=[community.pk]), "Partnerport")
    look_at_what_came(official, community, "en")
    User.objects.filter(email="nils@goteborg.example").update(language="ar")
    look_at_what_came(official, community, "ar")
    partner = newcomer(browser, service)
    partner.sign_in(PARTNER)
    role_of_partner = Community.objects.get(name="Partnerport")
    assert partner.shows(reverse("web:suggestions", args=[role_of_partner.pk]), "Göteborg")
    print(
        f"\nfrom the landing page to a submitted profile: {clicks} clicks, {lines} lines written, "
        f"{walked:.1f} s with all looks; "
        f"curators: {first.clicks} and {second.clicks} clicks after sign-in; "
        f"suggestion and mails on both sides {curated:.2f} s after the second approval"
    )
    assert official.wrong | first.wrong | second.wrong == {}
    assert official.complaints == first.complaints == second.complaints == partner.complaints == []
    assert curated <= CURATED_SECONDS


def test_in_arabic(service: WholeService, browser: Browser) -> None:
    official = newcomer(browser, service, locale="ar", width=320)
    sign_up(official, service, "nour@alesund.example")
    community = register(official, "Alesunt", "Ålesund")
    assert official.page.get_attribute("html", "dir") == "rtl"
    answer_topics(official, stop_after="sectors")
    send_letter_and_submit(official, community)
    look_at_the_other_topics(official, community)
    assert official.wrong == {}
    assert official.complaints == []


def test_without_javascript(service: WholeService, browser: Browser) -> None:
    official = newcomer(browser, service, javascript=False)
    official.looks = False
    sign_up(official, service, "ann@sonderborg.example")
    community = register(official, "Sonderburg", "Sønderborg", javascript=False)
    answer_topics(official, stop_after="story")
    send_letter_and_submit(official, community)
    print(f"\nwithout JavaScript: {official.clicks} clicks, {official.lines} lines written")
    assert official.complaints == []
