"""Whole walks through the running service, as people make them: a real browser, web, relay, worker
and broker.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import zip_longest

import pytest

from backend.cities.models import Community, CommunityRole
from backend.runtime.processes import wait_until
from backend.suggestions.models import Suggestion
from backend.suggestions.services.runs import begin_run
from tests.factories import CommunityFactory, CommunityRoleFactory, UserFactory, document
from tests.web.browser import Browser, Visitor
from tests.web.html_forms import url
from tests.web.service import WholeService
from tests.world import everything_is_done, make_communities

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What the two have in common is little before the change, and much after it.
FAR = document(
    needs_offers={"needs": ["startup_incubation"], "offers": ["vocational_training"]},
    sectors={"strengths": {"mining": 3}},
    themes={"importances": {"sport": 3}},
    languages={"working": ["ja"]},
)
# Nobody else in that world offers or needs these
NEEDS, OFFERS = ["museums_archives", "electric_mobility"], ["fire_rescue", "flood_protection"]
NEAR = {
    **FAR,
    "needs_offers": {"needs": NEEDS, "offers": OFFERS},
    "languages": {"working": ["ja", "en"]},
}
PARTNER = document(needs_offers={"needs": OFFERS, "offers": NEEDS})


@pytest.fixture
def sides() -> tuple[CommunityRole, CommunityRole]:
    """An official of each of two communities that fit badly, in a world of others."""
    make_communities(home=4, abroad=6)
    home = CommunityFactory(name="Walkport", published=True, published__document=FAR)
    abroad = CommunityFactory(
        name="Partnerstadt", country_code="DE", published=True, published__document=PARTNER
    )
    UserFactory(email="staff@example.org", curator=True)
    return CommunityRoleFactory(community=home), CommunityRoleFactory(community=abroad)


def suggestions_path(role: CommunityRole) -> str:
    return url("suggestions", role.community_id)


def are_suggested(home: Community, abroad: Community) -> bool:
    return Suggestion.objects.filter(pair__a=home, pair__b=abroad).exists()


def publish_through_the_page(official: Visitor, role: CommunityRole) -> float:
    """Changes needs, offers and languages, checks, publishes; the moment of the last click."""
    page = official.page
    official.open(url("profile_group", role.community_id, "needs_offers"))
    for box in page.query_selector_all("#offers input:checked"):
        box.uncheck()
    for place, code in zip_longest(page.query_selector_all("#needs select"), NEEDS, fillvalue=""):
        place.select_option(code)
    for code in OFFERS:
        page.check(f'input[name="offers"][value="{code}"]')
    page.click("text=Save and go back to the overview")
    official.open(url("profile_group", role.community_id, "languages"))
    page.locator('input[name="working"]').nth(1).fill("English")
    page.click("text=Save and go back to the overview")
    page.click("text=Check and publish")
    clicked = time.monotonic()
    page.get_by_role("button", name="Publish", exact=True).click()
    page.wait_for_url("**/suggestions/")
    return clicked


def seconds_until(condition: Callable[[], bool], since: float, what: str) -> float:
    assert wait_until(condition, seconds=30, every=0.05), f"not seen within 30 s: {what}"
    return time.monotonic() - since


def unread(visitor: Visitor) -> int:
    visitor.open("/inbox/")
    return visitor.page.locator("li.unread").count()


def answer_interested(visitor: Visitor, role: CommunityRole, other: str) -> None:
    visitor.open(suggestions_path(role))
    visitor.page.get_by_role("button", name=re.compile(f"We are interested.*{other}")).click()
    visitor.page.wait_for_url("**/suggestions/*/")


def is_mutual(visitor: Visitor, path: str) -> bool:
    """Whether the list marks a suggestion so; its words about the order name it too."""
    visitor.shows(path, "")
    return visitor.page.locator(".tag-good", has_text="Mutual interest").count() > 0


def test_publishing_reaches_both_sides_and_mutual_interest_reaches_staff(
    service: WholeService, sides: tuple[CommunityRole, CommunityRole], browser: Browser
) -> None:
    home, abroad = sides
    begin_run(reason="first")
    service.until(everything_is_done, seconds=90)
    assert not are_suggested(home.community, abroad.community)
    here, there = Visitor.at(browser, service.url), Visitor.at(browser, service.url)
    here.sign_in(home.user.email)
    there.sign_in(abroad.user.email)
    unread_here, unread_there = unread(here), unread(there)
    mails_here, mails_there = service.mails_to(home.user.email), service.mails_to(abroad.user.email)

    clicked = publish_through_the_page(here, home)
    seen_here = seconds_until(
        lambda: here.shows(suggestions_path(home), "Partnerstadt"),
        clicked,
        "the suggestion at home",
    )
    seen_there = seconds_until(
        lambda: there.shows(suggestions_path(abroad), "Walkport"), clicked, "the suggestion abroad"
    )
    told_here = seconds_until(lambda: unread(here) > unread_here, clicked, "the message at home")
    told_there = seconds_until(lambda: unread(there) > unread_there, clicked, "the message abroad")
    mailed = seconds_until(
        lambda: (
            service.mails_to(home.user.email) > mails_here
            and service.mails_to(abroad.user.email) > mails_there
        ),
        clicked,
        "both mails",
    )
    print(
        f"\nseconds after the click on Publish: suggestion seen at home {seen_here:.2f}, abroad "
        f"{seen_there:.2f}; "
        f"message at home {told_here:.2f}, abroad {told_there:.2f}; both mails written {mailed:.2f}"
    )

    answer_interested(here, home, "Partnerstadt")
    assert "Mutual" not in there.page.inner_text("main"), (
        "one interest alone shows nothing to the other side"
    )
    assert not is_mutual(there, suggestions_path(abroad))
    answer_interested(there, abroad, "Walkport")
    assert is_mutual(here, suggestions_path(home))
    staff = Visitor.at(browser, service.url)
    staff.sign_in("staff@example.org")
    answered = time.monotonic()
    card = seconds_until(
        lambda: staff.shows(url("staff_introductions"), "Walkport – Partnerstadt"),
        answered,
        "the card",
    )
    print(f"introduction card on the board {card:.2f} s after the second answer")
    assert staff.shows(url("staff_mails"), "partner")
    assert here.complaints == there.complaints == staff.complaints == []
