"""From a released suggestion to a recognised sister city, as four people walk it through the
running service in real browsers.

Each page on the way is looked at by axe and, outside of the whole suite, kept as a picture
(``tests.web.browser.Album``).
"""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from icalendar import Calendar
from playwright.sync_api import expect
from pypdf import PdfReader

from backend.cities.models import Community, CommunityRole, Contact
from backend.introductions.models import Consent, Introduction, Partnership
from backend.runtime import pdf_libraries
from backend.suggestions.models import Suggestion
from backend.suggestions.services.runs import begin_run
from tests.actors import contact_of
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    MembershipFactory,
    UserFactory,
    document,
)
from tests.letters import pdf
from tests.web.browser import Album, Browser, Visitor
from tests.web.service import WholeService
from tests.world import everything_is_done, make_communities

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not pdf_libraries.are_there(), reason="PDF TEST SKIPPED: this machine has no Pango"
    ),
]
HERE, THERE = "Walkport Heights", "Neustadt an der Weinstraße"
COMMENT = "Their port could take our surplus; ask about the winter."
NEEDS, OFFERS = (
    ["heritage_conservation", "public_transport"],
    ["port_logistics", "water_management"],
)
Role = CommunityRole.Role


@dataclass
class Walk:
    """Who walks, between which two communities, and what was seen."""

    service: WholeService
    here: Community
    there: Community
    contacts: tuple[Contact, Contact]
    member: Visitor
    chair: Visitor
    official: Visitor
    curator: Visitor
    album: Album = field(default_factory=lambda: Album("agreement"))

    @property
    def visitors(self) -> list[Visitor]:
        return [self.member, self.chair, self.official, self.curator]

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion.objects.get(pair__a=self.here, pair__b=self.there)

    @property
    def card(self) -> Introduction:
        return Introduction.objects.get(pair__a=self.here, pair__b=self.there)

    def settle(self) -> None:
        """Relay and worker have done all that is due."""
        self.service.until(everything_is_done, seconds=60)


@pytest.fixture
def walk(service: WholeService, browser: Browser) -> Walk:
    """Two communities that fit well, in a world of others; nothing is suggested yet."""
    make_communities(home=2, abroad=3)
    here = CommunityFactory(
        name=HERE,
        published=True,
        published__document=document(needs_offers={"needs": NEEDS, "offers": OFFERS}),
    )
    there = CommunityFactory(
        name=THERE,
        country_code="DE",
        place__admin1="Rhineland-Palatinate",
        place__latitude=49.35,
        place__longitude=8.14,
        place__timezone="Europe/Berlin",
        published=True,
        published__document=document(needs_offers={"needs": OFFERS, "offers": NEEDS}),
    )
    MembershipFactory(community=here)
    people = {
        "member": UserFactory(email="member@example.org", name="Mara Member"),
        "chair": UserFactory(email="chair@example.org", name="Chris Chair"),
        "official": UserFactory(email="official@example.org", name="Otto Official"),
        "curator": UserFactory(email="staff@example.org", name="Cora Curator", curator=True),
    }
    CommunityRoleFactory(user=people["member"], community=here, role=Role.COMMITTEE_MEMBER)
    CommunityRoleFactory(user=people["chair"], community=here, role=Role.CHAIR)
    CommunityRoleFactory(user=people["official"], community=there)
    visitors = {name: Visitor.at(browser, service.url) for name in people}
    for name, user in people.items():
        visitors[name].sign_in(user.email)
    return Walk(service, here, there, (contact_of(here), contact_of(there)), **visitors)


def sees(visitor: Visitor, *texts: str) -> None:
    for text in texts:
        expect(visitor.page.locator("main")).to_contain_text(text)


def does_not_see(visitor: Visitor, *texts: str) -> None:
    """On the present page; call it after something of that page was seen."""
    shown = visitor.page.content()
    assert [text for text in texts if text in shown] == []


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).first.click()


def follow(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("link", name=re.compile(f"^{re.escape(name)}")).first.click()


def downloaded(visitor: Visitor, name: str) -> bytes:
    with visitor.page.expect_download() as begun:
        follow(visitor, name)
    return Path(begun.value.path()).read_bytes()


def text_of_one_page(content: bytes) -> str:
    assert content.startswith(b"%PDF")
    (page,) = PdfReader(io.BytesIO(content)).pages
    return " ".join(page.extract_text().split())


def all_that(visitor: Visitor, *paths: str) -> list[str]:
    """Every word of these pages, their menus and counters with them."""
    shown = []
    for path in paths:
        visitor.open(path)
        shown.append(visitor.page.inner_text("body"))
    return shown


def at(name: str, *args: object) -> str:
    return reverse(f"web:{name}", args=args)


def look_at_empty_pages(walk: Walk) -> None:
    """Before anything is suggested, every page says what comes next."""
    for name, words in (
        ("suggestions", "Why there is no suggestion now"),
        ("partnerships", "None yet."),
    ):
        assert walk.chair.shows(at(name, walk.here.pk), words)
        walk.album.keep(walk.chair, f"empty-{name}")
    nothing = {"introductions": "No open introductions.", "agreements": "No draft is open."}
    for name, words in (nothing | {"partnerships": "begin when"}).items():
        assert walk.curator.shows(at(f"staff_{name}"), words)
        walk.album.keep(walk.curator, f"empty-staff_{name}")


def committee_reads_compares_and_votes(walk: Walk) -> None:
    member, album = walk.member, walk.album
    member.open(at("dashboard"))
    sees(member, "to read; your chair answers.")
    album.keep(member, "member-dashboard")
    follow(member, "See the suggestions")
    sees(member, THERE, "wait for your vote", "What you gain", f"What {THERE} gains")
    # A member does not answer
    assert member.page.get_by_role("button", name="We are interested").count() == 0
    album.keep(member, "member-queue")
    for box in member.page.get_by_role("checkbox", name="Compare").all()[:2]:
        box.check()
    press(member, "Compare the marked ones")
    sees(member, "side by side", "How they fit, kind by kind", "Both at work")
    album.keep(member, "member-compares")
    member.open(at("suggestion", walk.here.pk, walk.suggestion.pk))
    sees(member, "Nobody has voted yet.", "When both are at work")
    album.keep(member, "member-card")
    member.page.get_by_label("Yes", exact=True).check()
    member.page.get_by_label("Private comment (optional)").fill(COMMENT)
    press(member, "Vote")
    sees(member, "Your vote is kept.", COMMENT)
    press(member, "Put on the shortlist")
    sees(member, "It is on your shortlist.")
    album.keep(member, "member-voted")


def chair_reads_the_dossier(walk: Walk) -> None:
    chair, album = walk.chair, walk.album
    chair.open(at("dashboard"))
    album.keep(chair, "chair-dashboard")
    follow(chair, "See the suggestions")
    sees(chair, "wait for your answer")
    album.keep(chair, "chair-queue")
    follow(chair, "Shortlist (1)")
    sees(chair, THERE, "1 yes, 0 maybe, 0 no")
    follow(chair, "How we come to an answer")
    sees(chair, "may vote in your community.")
    album.keep(chair, "chair-rule")
    chair.open(at("suggestion", walk.here.pk, walk.suggestion.pk))
    sees(chair, COMMENT, "Your answer")
    album.keep(chair, "chair-card")
    follow(chair, "One page for a council meeting")
    sees(chair, "Download as a PDF", "Next steps")
    album.keep(chair, "chair-dossier")
    words = text_of_one_page(downloaded(chair, "Download as a PDF"))
    assert HERE in words and THERE in words
    assert COMMENT not in words, "the dossier is handed around"


def both_answer_and_neither_learns_early(walk: Walk) -> None:
    chair, official, album = walk.chair, walk.official, walk.album
    theirs = at("suggestion", walk.there.pk, walk.suggestion.pk)
    watched = (
        at("dashboard"),
        at("inbox"),
        at("suggestions", walk.there.pk),
        theirs,
        at("dossier", walk.there.pk, walk.suggestion.pk),
    )
    walk.settle()
    before, mails = all_that(official, *watched), walk.service.mails_to("official@example.org")
    assert all(COMMENT not in page and "1 yes" not in page for page in before)
    official.open(theirs)
    album.keep(official, "official-card")

    chair.open(at("suggestion", walk.here.pk, walk.suggestion.pk))
    press(chair, "We are interested")
    sees(chair, "You are interested. If the other side is interested too", "Withdraw our interest")
    album.keep(chair, "chair-is-interested")
    walk.settle()
    assert all_that(official, *watched) == before, (
        "one side's interest shows nowhere on the other side's pages"
    )
    assert walk.service.mails_to("official@example.org") == mails
    assert walk.curator.shows(at("staff_introductions"), "No open introductions.")

    chair.open(at("inbox"))
    told = chair.page.locator("li.unread").count()
    official.open(at("dashboard"))
    follow(official, "See the suggestions")
    sees(official, HERE)
    album.keep(official, "official-queue")
    official.page.get_by_role("button", name=re.compile(f"We are interested.*{HERE}")).click()
    sees(official, "Both sides are interested.")
    album.keep(official, "official-is-interested-too")
    walk.settle()
    assert walk.service.mails_to("official@example.org") > mails
    chair.open(at("inbox"))
    assert chair.page.locator("li.unread").count() > told
    for visitor, name, other in ((chair, "chair", THERE), (official, "official", HERE)):
        assert visitor.shows(at("inbox"), other)
        album.keep(visitor, f"{name}-is-told")


def curator_introduces(walk: Walk) -> None:
    curator, album = walk.curator, walk.album
    curator.open(at("staff"))
    album.keep(curator, "curator-overview")
    curator.page.locator("main").get_by_role("link", name="Introductions").first.click()
    card = curator.page.locator('[data-stage="to_introduce"] article')
    expect(card).to_contain_text(f"{HERE} – {THERE}")
    album.keep(curator, "curator-board")
    curator.open(at("staff_suggestion", walk.suggestion.pk))
    follow(curator, "Votes and comments of both sides")
    sees(curator, COMMENT)
    album.keep(curator, "curator-votes")
    curator.open(at("staff_suggestion", walk.suggestion.pk))
    sees(curator, "Open the introduction")
    album.keep(curator, "curator-suggestion")
    curator.open(at("staff_introductions"))
    curator.page.get_by_role("button", name=re.compile(f"Move.*{HERE}")).click()
    sees(curator, "Moved to “Introduced”.")
    follow(curator, f"{HERE} – {THERE}")
    sees(curator, "not given")
    album.keep(curator, "curator-card")


def contacts_appear_under_both_consents(walk: Walk) -> None:
    chair, official, album = walk.chair, walk.official, walk.album
    ours, theirs = (contact.email for contact in walk.contacts)
    for visitor, name, other in ((chair, "chair", theirs), (official, "official", ours)):
        visitor.open(at("dashboard"))
        follow(visitor, "Open")
        sees(visitor, "once both have consented")
        does_not_see(visitor, other)
        album.keep(visitor, f"{name}-introduction")
    press(chair, "We consent")
    sees(chair, "Your side has consented")
    does_not_see(chair, theirs)
    official.page.reload()
    does_not_see(official, ours)
    album.keep(chair, "chair-consents")
    press(official, "We consent")
    sees(official, "Both sides have consented: contacts are open.", ours)
    album.keep(official, "official-consents-too")
    chair.page.reload()
    sees(chair, theirs)
    walk.member.open(at("introduction", walk.card.pk))
    sees(walk.member, theirs)
    assert walk.member.page.get_by_role("button", name="Withdraw our consent").count() == 0
    assert Consent.objects.filter(introduction=walk.card, withdrawn_at=None).count() == 2


def they_meet(walk: Walk) -> None:
    official, chair, album = walk.official, walk.chair, walk.album
    berlin = ZoneInfo("Europe/Berlin")
    times = [
        dt.datetime.combine(dt.datetime.now(berlin) + dt.timedelta(days=n), dt.time(17, 0), berlin)
        for n in (10, 11)
    ]
    follow(official, "Propose a meeting")
    sees(official, "on your own clocks")
    album.keep(official, "official-proposes-times")
    for number, time in enumerate(times, 1):
        official.page.get_by_label(f"Time {number}", exact=True).fill(f"{time:%Y-%m-%dT%H:%M}")
    assert official.page.get_by_label("Time 3", exact=True).input_value(), (
        "times that suit both are filled in"
    )
    official.page.get_by_label("Time 3", exact=True).fill("")
    official.page.get_by_label("Place, or link of the video call (optional)").fill("Video call")
    press(official, "Propose these times")
    sees(official, "times are proposed; both sides are notified.", "once the other side can come")
    album.keep(official, "official-proposed")
    chair.page.reload()
    follow(chair, "Open the meeting")
    sees(chair, "Proposed times")
    album.keep(chair, "chair-reads-times")
    press(chair, "Fix this time")
    sees(chair, "The meeting is fixed.", "Europe/Berlin", "America/Los_Angeles")
    album.keep(chair, "chair-fixed-the-meeting")
    calendar = Calendar.from_ical(downloaded(chair, "Calendar file (.ics)"))
    (entry,) = calendar.walk("VEVENT")
    assert (entry["DTSTART"].dt, entry["LOCATION"], calendar["METHOD"]) == (
        times[0],
        "Video call",
        "REQUEST",
    )
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["America/Los_Angeles"], (
        "on the reader's own clocks"
    )

    curator = walk.curator
    curator.open(at("staff_introductions"))
    curator.page.locator('[data-stage="introduced"] article h3').drag_to(
        curator.page.locator('[data-stage="first_meeting"]')
    )
    sees(curator, "Moved to “First meeting”.")
    expect(curator.page.locator('[data-stage="first_meeting"] article')).to_contain_text("meets")
    album.keep(curator, "curator-dragged")


def curator_drafts_the_agreement(walk: Walk) -> None:
    curator, album = walk.curator, walk.album
    follow(curator, f"{HERE} – {THERE}")
    follow(curator, "Agreement: draft, signatures")
    sees(curator, "The draft begins from the template")
    album.keep(curator, "curator-begins-a-draft")
    curator.page.get_by_label("Sister city").check()
    press(curator, "Begin the draft")
    sees(curator, "The draft is begun from the template.")
    album.keep(curator, "curator-draft")
    curator.page.get_by_label("Culture", exact=True).check()
    for language in ("English", "German"):
        curator.page.get_by_role("group", name="Languages of equal text").get_by_label(
            language, exact=True
        ).check()
    curator.page.get_by_label("Review on").fill("2036-05-01")
    press(curator, "Save as a further version")
    sees(curator, "Saved as version 2.")
    walk.official.open(at("introduction", walk.card.pk))
    assert walk.official.page.get_by_role("link", name="Agreement").count() == 0, (
        "the sides see no draft"
    )
    press(curator, "Put version 2 before both sides")
    sees(curator, "Both sides can read and sign it now; they are notified.")
    album.keep(curator, "curator-put-it-before-both")


def both_sign(walk: Walk) -> None:
    official, chair, album = walk.official, walk.chair, walk.album
    official.open(at("dashboard"))
    sees(official, "waits for your side's signature")
    album.keep(official, "official-dashboard-agreement")
    follow(official, "Read and confirm")
    sees(official, "Each side confirms once the signed document is stored here.")
    album.keep(official, "official-agreement")
    follow(official, "Version 2")
    sees(official, "Languages of equal text")
    album.keep(official, "official-agreement-version")
    official.page.go_back()
    official.page.get_by_label("The signed document").set_input_files(
        {"name": "signed.pdf", "mimeType": "application/pdf", "buffer": pdf()}
    )
    press(official, "Send the document")
    sees(official, "The signed document is stored.")
    album.keep(official, "official-may-confirm")
    for visitor, name, said in (
        (official, "official", "comes into force when the other side confirms too"),
        (chair, "chair", "Both sides have confirmed: the agreement is in force."),
    ):
        visitor.open(at("agreement", walk.card.agreements.get().pk))
        visitor.page.get_by_label("Signed on").fill("2026-02-01")
        visitor.page.get_by_label("This person is the highest").check()
        press(visitor, "Confirm our signature")
        sees(visitor, said)
        album.keep(visitor, f"{name}-confirmed")


def the_partnership_lives(walk: Walk, reader: Visitor) -> None:
    official, curator, album = walk.official, walk.curator, walk.album
    partnership = Partnership.objects.get()
    assert (partnership.form, partnership.pair) == ("sister", walk.suggestion.pair)
    for visitor in (reader, official):
        visitor.open(at("directory"))
        row = visitor.page.get_by_role("row").filter(has_text=HERE)
        for word in (THERE, "Sister city", "Recognised"):
            expect(row).to_contain_text(word)
    album.keep(reader, "visitor-directory")
    official.open(at("partnerships", walk.there.pk))
    album.keep(official, "official-partnerships")
    follow(official, HERE)
    sees(official, "Officially recognised", "Nothing yet. Write down your first visit")
    words = text_of_one_page(downloaded(official, "Certificate (PDF)"))
    assert HERE in words and THERE in words and "Sister city" in words
    official.page.get_by_text("Write down an activity").click()
    official.page.locator("#log ~ details").get_by_label("Visit").check()
    official.page.get_by_role("textbox", name="What you did together").fill(
        "Twelve pupils came for a week."
    )
    album.keep(official, "official-writes-an-activity")
    press(official, "Write it down")
    sees(official, "Written down. Both sides see it.")
    album.keep(official, "official-partnership")
    assert walk.chair.shows(at("partnership", partnership.pk), "Twelve pupils came for a week.")
    follow(walk.chair, "Why this pair")
    sees(walk.chair, COMMENT, "Decisions")
    steps = walk.chair.page.locator("h2:has-text('The introduction') + ol li").all_inner_texts()
    assert [step.partition(": ")[2] for step in steps] == [
        "opened",
        "Introduced",
        "First meeting",
        "Agreement",
    ]
    album.keep(walk.chair, "chair-why-this-pair")
    assert COMMENT not in "".join(all_that(official, at("partnership_why", partnership.pk))), (
        "votes stay with their community"
    )
    for name in ("staff_partnerships", "staff_agreements", "staff_introductions"):
        curator.open(at(name) + ("?open_only=false" if name == "staff_agreements" else ""))
        sees(
            curator,
            "Sister city"
            if name == "staff_agreements"
            else HERE
            if name == "staff_partnerships"
            else "Introductions",
        )
        album.keep(curator, f"curator-{name.removeprefix('staff_')}-at-the-end")
    curator.open(at("staff_introduction", walk.card.pk))
    album.keep(curator, "curator-card-at-the-end")


def test_from_a_suggestion_to_a_recognised_sister_city(walk: Walk, browser: Browser) -> None:
    look_at_empty_pages(walk)
    begin_run(reason="first")
    walk.settle()
    committee_reads_compares_and_votes(walk)
    chair_reads_the_dossier(walk)
    both_answer_and_neither_learns_early(walk)
    curator_introduces(walk)
    contacts_appear_under_both_consents(walk)
    they_meet(walk)
    curator_drafts_the_agreement(walk)
    both_sign(walk)
    reader = Visitor.at(browser, walk.service.url)
    the_partnership_lives(walk, reader)
    assert [visitor.complaints for visitor in (*walk.visitors, reader)] == [[]] * 5
    assert walk.album.defects == {}
