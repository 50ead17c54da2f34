"""Writing to staff: the form, what holds machines off, the thread, staff's queue and the API."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from django.utils.timezone import now
from icalendar import Calendar

from backend.accounts.models import AccountMail, User
from backend.cities.models import Community, CommunityRole, Ticket
from backend.cities.services.tickets import answer_path, ticket_path, write_ticket
from backend.introductions.models import Call
from backend.introductions.services.calls import draft_call
from backend.notifications.models import Notification
from backend.notifications.services import notify_people
from backend.outbox.models import Event
from backend.privacy.data import export_data
from backend.privacy.erasure import erase_account
from backend.web.help.answers import GUIDE
from backend.web.help.forms import opened_token
from backend.web.help.guide import STATEMENTS
from tests.factories import (
    CallFactory,
    CommunityFactory,
    CommunityRoleFactory,
    ContactFactory,
    PlaceFactory,
    TicketFactory,
    UserFactory,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to, url

pytestmark = pytest.mark.django_db
TEXT = "Our partner Kotka is missing.\nIt is a partner since 1952."


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


def message(**changed: str) -> dict[str, str]:
    values = {
        "topic": "partners",
        "text": TEXT,
        "email": "mara@toledo.example",
        "about": "/sources/",
    }
    return values | {"opened": opened_token(time.time() - 60)} | changed


def written(**changed: object) -> Ticket:
    values = {"by": None, "topic": "question", "text": TEXT, "email": "mara@toledo.example"}
    return write_ticket(**values | changed)  # type: ignore[arg-type]


def test_every_page_leads_to_the_form_which_knows_the_page(client: Client) -> None:
    (link,) = set(re.findall(r'href="(/contact/[^"]*)"', client.get("/sources/").text))
    assert link == "/contact/?about=%2Fsources%2F"
    form = form_to(client.get(f"{link}&topic=place&text=Mulaþing").text, "/contact/")
    shown = {name: form.values[name] for name in ("topic", "about", "text")}
    assert shown == {"topic": ["place"], "about": ["/sources/"], "text": ["Mulaþing"]}


@pytest.mark.parametrize("query", ["topic=<b>", "about=//evil.example/", "about=https://e.example"])
def test_what_a_link_may_not_fill_in_stays_empty(client: Client, query: str) -> None:
    form = form_to(client.get(f"/contact/?{query}").text, "/contact/")
    assert form.values["topic"] == form.values["about"] == [""]


def test_secret_of_an_address_is_not_noted(client: Client) -> None:
    page = client.get(ticket_path(written())).text
    assert 'href="/contact/"' in page


def test_message_without_an_account_gets_a_number_and_a_receipt_without_its_words(
    client: Client,
) -> None:
    with translation.override("es"):
        response = client.post("/contact/", message(name="Buy at evil.example"), follow=True)
    ticket = Ticket.objects.get()
    assert (ticket.topic, ticket.about, ticket.status) == ("partners", "/sources/", "open")
    assert ticket.number in response.text
    assert "Kotka" in response.text
    mail = AccountMail.objects.get()
    assert mail.to == "mara@toledo.example"
    assert ticket.number in mail.subject
    assert ticket_path(ticket) in mail.text
    assert "Kotka" not in mail.text + mail.subject
    assert "evil" not in mail.text + mail.subject


def test_receipt_and_answer_are_in_the_language_of_the_page(
    client: Client, sign_in: SignIn
) -> None:
    client.post("/contact/", message(), headers={"accept-language": "de"})
    ticket = Ticket.objects.get()
    assert ticket.language == "de"
    sign_in(UserFactory(curator=True)).post(
        url("staff_ticket", ticket.pk), {"text": "We have added it.", "close": "on"}
    )
    receipt, answer = AccountMail.objects.order_by("pk")
    assert "Ihre Nachricht" in receipt.subject
    assert "Ihre Nachricht" in answer.subject
    assert "We have added it." in answer.text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"text": "x" * 5001}, "text-wrong"),
        ({"text": "  "}, "text-wrong"),
        ({"email": "nobody"}, "email-wrong"),
        ({"topic": "gold"}, "topic-wrong"),
        ({"name": "n" * 121}, "name-wrong"),
        ({"homepage": "https://spam.example"}, "homepage-wrong"),
        ({"opened": ""}, "press the button once more"),
        ({"opened": "forged"}, "press the button once more"),
        ({"age": "-60"}, "very fast"),
        ({"age": "90000"}, "open for a long time"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    client: Client, changed: dict[str, str], says: str
) -> None:
    sent = message(name="Mara") | changed
    if "age" in changed:
        sent["opened"] = opened_token(time.time() - int(changed["age"]))
    response = client.post("/contact/", sent)
    assert response.status_code == 422
    assert says in response.text
    form = form_to(response.text, "/contact/")
    for name in ("topic", "name", "email", "about"):
        if name not in changed:
            assert form.values[name] == [sent[name]]
    assert [text.replace("\r\n", "\n") for text in form.values["text"]] == [sent["text"]]
    assert form.values["opened"] != [sent["opened"]]
    assert not Ticket.objects.exists()


def test_form_sent_again_after_the_pause_goes_through(
    client: Client, settings: pytest.MonkeyPatch
) -> None:
    """With the token that the refusal has put into the form."""
    refused = client.post("/contact/", message(opened=""))
    settings.CONTACT = settings.CONTACT | {"least_seconds": 0}  # type: ignore[attr-defined]
    form = form_to(refused.text, "/contact/")
    assert client.post("/contact/", form.values).status_code == 302


def test_address_and_network_have_their_limits(client: Client) -> None:
    for _index in range(settings.CONTACT["a_day"]):
        assert client.post("/contact/", message()).status_code == 302
    refused = client.post("/contact/", message(email="MARA@toledo.example"))
    assert refused.status_code == 422
    assert "Kotka" in refused.text
    sent = [
        client.post("/contact/", message(email=f"a{index}@x.example")).status_code
        for index in range(20 - settings.CONTACT["a_day"])
    ]
    assert sent[:-1] == [302] * (len(sent) - 1)
    assert sent[-1] == 422
    assert (
        client.post("/contact/", message(email="b@x.example"), REMOTE_ADDR="192.0.2.7").status_code
        == 302
    )


def test_writer_replies_by_the_link_and_a_forged_link_leads_nowhere(client: Client) -> None:
    ticket = written()
    Ticket.objects.update(status="closed")
    path = ticket_path(ticket)
    assert client.get(path[:-2] + "x/").status_code == 404
    reply = {"text": "And Kiel.", "opened": opened_token(time.time() - 60)}
    assert client.post(path, reply).status_code == 302
    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert "And Kiel." in client.get(path).text
    for _index in range(settings.CONTACT["replies_a_day"] - 2):
        cache.clear()
        assert client.post(path, reply).status_code == 302
    cache.clear()
    assert client.post(path, reply).status_code == 422


def test_staff_find_take_answer_and_close(sign_in: SignIn, official: CommunityRole) -> None:
    curator = UserFactory(curator=True)
    first, second = written(community_id=official.community_id, by=official.user), written()
    client = sign_in(curator)
    assert '<span class="count">2' in client.get(url("staff_vetting")).text
    assert first.number in client.get(url("staff_tickets")).text
    client.post(url("ticket_take", first.pk))
    mine = client.get(url("staff_tickets"), {"shown": "mine"}).text
    assert first.number in mine
    assert second.number not in mine
    assert client.post(url("staff_ticket", first.pk), {"text": " "}).status_code == 422
    client.post(url("staff_ticket", first.pk), {"text": "Done."})
    first.refresh_from_db()
    assert (first.status, first.owner_id) == ("answered", curator.pk)
    client.post(url("ticket_close", second.pk))
    assert AccountMail.objects.filter(subject__contains=second.number).count() == 1
    assert '<span class="count">' not in client.get(url("staff_tickets")).text


def test_api_writes_answers_and_shows_each_their_own(
    sign_in: SignIn, official: CommunityRole, stranger: User
) -> None:
    mine, other = sign_in(official.user), sign_in(stranger)
    asked = {"topic": "membership", "text": TEXT, "community_id": official.community_id}
    made = mine.post("/api/v1/tickets/", asked, content_type="application/json")
    assert made.status_code == 201
    number = made.json()["number"]
    assert Ticket.objects.get().email == official.user.email
    foreign = other.post("/api/v1/tickets/", asked, content_type="application/json")
    assert foreign.status_code == 422
    assert other.get(f"/api/v1/tickets/{number}/").status_code == 404
    staff = sign_in(UserFactory(curator=True))
    (row,) = staff.get("/api/v1/staff/tickets/", {"shown": "open"}).json()["results"]
    base = f"/api/v1/staff/tickets/{row['id']}/"
    staff.post(f"{base}take/", {}, content_type="application/json")
    said = staff.post(f"{base}answer/", {"text": "Paid."}, content_type="application/json")
    assert [one["text"] for one in said.json()["messages"]] == [TEXT, "Paid."]
    mine.post(f"/api/v1/tickets/{number}/reply/", {"text": "Ta."}, content_type="application/json")
    read = mine.get(f"/api/v1/tickets/{number}/").json()
    assert (read["status"], len(read["messages"])) == ("open", 3)
    assert (
        staff.post(f"{base}close/", {}, content_type="application/json").json()["status"]
        == "closed"
    )
    assert "email" not in read
    assert mine.get("/api/v1/tickets/").json()["results"][0]["number"] == number


def links_of(client: Client, path: str) -> set[str]:
    return set(re.findall(r'href="([^"#]+)', client.get(path).text))


def test_eleven_answers_are_two_clicks_away_and_each_leads_on(client: Client) -> None:
    assert "/guide/" in links_of(client, "/")
    answers = {f"/guide/{answer.code}/" for answer in GUIDE}
    assert len(answers) == 11
    assert answers <= links_of(client, "/guide/")
    for answer in (*GUIDE, *STATEMENTS):
        assert answer.steps
        for step in answer.steps:
            assert client.get(step.url).status_code in (200, 302), step.url
    assert client.get("/guide/no-such-question/").status_code == 404


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "ja", "ar"])
def test_guide_explains_its_words_in_each_language(client: Client, language: str) -> None:
    """Each mark names a word that there is, and stands once a page with its meaning."""
    explained = set()
    for answer in (*GUIDE, *STATEMENTS):
        path = f"/guide/{answer.code}/" if answer in GUIDE else f"/{answer.code}/"
        html = client.get(path, headers={"accept-language": language}).text
        assert f'lang="{language}"' in html
        assert "[[" not in html
        ids = re.findall(r'popovertarget="word-(\w+)"', html)
        assert ids == re.findall(r'id="word-(\w+)" popover', html)
        assert len(ids) == len(set(ids))
        explained |= set(ids)
    used = {"unknown", "profile", "organisation", "nonprofit", "committee", "recognised"}
    assert explained == used | {"member", "global_member", "dues", "friendship", "sister"}


@pytest.mark.parametrize("name", ["privacy", "terms", "accessibility"])
def test_every_page_leads_to_the_statements(client: Client, name: str) -> None:
    assert f"/{name}/" in links_of(client, "/contact/")


def test_trail_holds_no_word_and_who_leaves_takes_theirs_along(official: CommunityRole) -> None:
    person = UserFactory(email="mara@toledo.example")
    written(by=person)
    written()
    assert all("Kotka" not in str(event.payload) for event in Event.objects.all())
    exported = export_data(by=person)["records"]["cities.ticketmessage.by"]
    assert [row["text"] for row in exported] == [TEXT]
    erase_account(by=person, email=person.email)
    assert not Ticket.objects.exists()


# Taking part: letters to an organisation, open meetings, starting an organisation.


@pytest.fixture
def shown(official: CommunityRole) -> Community:
    ContactFactory(
        organisation__community=official.community, email="programme@home.example", is_primary=True
    )
    return official.community


def volunteered(client: Client, community: Community, **changed: str) -> Ticket:
    sent = message(text="I can teach English.", name="Mara") | changed
    assert client.post(f"/communities/{community.pk}/volunteer/", sent).status_code == 302
    return Ticket.objects.get()


def test_page_of_a_community_leads_to_a_report_that_knows_the_page(
    client: Client, shown: Community
) -> None:
    page = client.get(f"/communities/{shown.pk}/").text
    (link,) = re.findall(r'href="(/contact/\?topic=wrong[^"]*)"', page)
    form = form_to(client.get(link.replace("&amp;", "&")).text, "/contact/")
    assert form.values["topic"] == ["wrong"]
    assert form.values["about"] == [f"/communities/{shown.pk}/"]


def test_volunteer_reaches_the_organisation_and_nobody_sees_an_address(
    client: Client, shown: Community
) -> None:
    assert f"/communities/{shown.pk}/volunteer/" in links_of(client, f"/communities/{shown.pk}/")
    ticket = volunteered(client, shown)
    letter, receipt = AccountMail.objects.order_by("pk")
    assert (receipt.to, letter.to) == ("mara@toledo.example", "programme@home.example")
    assert "I can teach English." in letter.text
    assert "mara@toledo.example" not in letter.text
    assert "programme@home.example" not in receipt.text
    assert answer_path(ticket) in letter.text
    assert "mara@toledo.example" not in client.get(answer_path(ticket)).text
    answer = {"text": "Come on Monday.", "opened": opened_token(time.time() - 60)}
    assert client.post(answer_path(ticket), answer).status_code == 302
    sent_back = AccountMail.objects.order_by("pk").last()
    assert sent_back is not None
    assert sent_back.to == "mara@toledo.example"
    assert "Come on Monday." in sent_back.text
    page = client.get(ticket_path(ticket)).text
    assert "Come on Monday." in page
    assert "programme@home.example" not in sent_back.text + page
    assert client.get(ticket_path(ticket).replace("tickets", "letters")).status_code == 404


def test_letter_is_the_organisations_and_not_in_the_queue_of_staff(
    client: Client, shown: Community, official: CommunityRole, stranger: User, sign_in: SignIn
) -> None:
    ticket = volunteered(client, shown)
    assert answer_path(ticket) in sign_in(official.user).get(url("volunteers", shown.pk)).text
    assert sign_in(stranger).get(url("volunteers", shown.pk)).status_code == 404
    curator = sign_in(UserFactory(curator=True))
    assert ticket.number not in curator.get(url("staff_tickets"), {"shown": ""}).text
    assert curator.get(url("staff_ticket", ticket.pk)).status_code == 404
    address = f"/api/v1/communities/{shown.pk}/letters/"
    (row,) = sign_in(official.user).get(address).json()["results"]
    assert (row["number"], row["name"]) == (ticket.number, "Mara")
    assert "email" not in row


def test_letter_goes_to_those_who_answer_or_to_staff_where_there_is_no_contact(
    client: Client, official: CommunityRole
) -> None:
    volunteered(client, official.community)
    assert AccountMail.objects.filter(to=official.user.email).count() == 1
    Ticket.objects.all().delete()
    CommunityRole.objects.update(ended_at="2026-01-01T00:00Z")
    assert volunteered(client, official.community).addressee is None
    hidden = CommunityFactory()
    assert client.get(f"/communities/{hidden.pk}/volunteer/").status_code == 404


def test_open_meeting_stands_on_the_page_in_local_time_and_in_a_calendar(
    client: Client, shown: Community, official: CommunityRole, sign_in: SignIn
) -> None:
    Community.objects.filter(pk=shown.pk).update(timezone="America/New_York")
    day = (now() + dt.timedelta(days=40)).date()
    own, path = sign_in(official.user), url("volunteers", shown.pk)
    assert own.post(path, {"title": "Nothing said"}).status_code == 422
    assert own.post(path, {"title": "Past", "starts_at": "2020-01-01T18:00"}).status_code == 422
    sent = {"title": "Committee, open to all", "starts_at": f"{day}T18:00", "place": "City hall"}
    assert own.post(path, sent).status_code == 302
    assert own.post(path, {"title": "Hosts", "wanted": "Families"}).status_code == 302
    page = client.get(url("community", shown.pk)).text
    assert "18:00" in page
    assert page.index("Committee, open to all") < page.index("Families")
    response = client.get(f"/communities/{shown.pk}/meetings.ics")
    assert response["Content-Type"].startswith("text/calendar")
    (event,) = Calendar.from_ical(response.content).walk("VEVENT")
    assert event["dtstart"].dt.isoformat()[:16] == f"{day}T18:00"
    assert event["dtstart"].params["TZID"] == "America/New_York"
    address = f"/api/v1/communities/{shown.pk}/calls/"
    first = client.get(address).json()["results"][0]
    assert (first["title"], first["place"]) == ("Committee, open to all", "City hall")
    assert own.delete(f"{address}{first['id']}/").status_code == 200
    assert own.delete(f"{address}{first['id']}/").status_code == 404
    assert "Committee, open to all" not in client.get(url("community", shown.pk)).text


@pytest.mark.parametrize("role", ["committee_member", "volunteer"])
def test_draft_is_seen_by_nobody_else_until_an_official_publishes_it(
    client: Client, shown: Community, official: CommunityRole, sign_in: SignIn, role: str
) -> None:
    own, path = (
        sign_in(CommunityRoleFactory(community=shown, role=role).user),
        url("volunteers", shown.pk),
    )
    assert own.post(path, {"title": "Interpreters", "wanted": "Spanish"}).status_code == 302
    assert own.post(path, {"title": "Mine to take back", "wanted": "B"}).status_code == 302
    draft, mine = Call.objects.order_by("pk")
    public, api = url("community", shown.pk), f"/api/v1/communities/{shown.pk}/"
    assert "Interpreters" not in client.get(public).text
    assert client.get(f"{api}calls/").json()["results"] == []
    assert client.get(f"{api}call-drafts/").status_code == 401
    assert own.get(f"{api}call-drafts/").json()["results"][0]["title"] == "Interpreters"
    assert own.post(url("call_publish", shown.pk, draft.pk)).status_code == 404
    assert own.delete(f"{api}calls/{mine.pk}/").status_code == 200

    speaker = sign_in(official.user)
    assert "Interpreters" in speaker.get(path).text
    assert speaker.post(url("call_publish", shown.pk, draft.pk)).status_code == 302
    assert speaker.post(f"{api}call-drafts/{draft.pk}/publish/").status_code == 404
    assert "Interpreters" in client.get(public).text
    late = CallFactory(community=shown, starts_at=now() - dt.timedelta(days=1), published_at=None)
    assert speaker.post(f"{api}call-drafts/{late.pk}/publish/").status_code == 409
    assert own.delete(f"{api}calls/{draft.pk}/").status_code == 404, "it is the community's now"


def test_draft_is_told_to_who_publishes_and_not_to_volunteers(
    shown: Community, official: CommunityRole
) -> None:
    helper = CommunityRoleFactory(community=shown, role="volunteer").user
    CommunityRoleFactory(community=shown, role="volunteer")
    draft_call(by=helper, community_id=shown.pk, title="Hosts", wanted="Families")
    notify_people(Event.objects.get(topic="call_drafted").pk)
    told = Notification.objects.values_list("kind", "recipient_id")
    assert list(told) == [("call_drafted", official.user_id)]


def test_volunteer_opens_calls_and_nothing_else_of_the_community(
    shown: Community, sign_in: SignIn
) -> None:
    role = CommunityRoleFactory(community=shown, role="volunteer")
    own = sign_in(role.user)
    letter = TicketFactory(addressee=shown, name="Mara Writer")
    page = own.get(url("volunteers", shown.pk)).text
    assert "Mara Writer" not in page
    assert ticket_path(letter) not in page
    hidden = ("suggestions", "people", "profile", "profile_contacts", "community_audit_log")
    opened = [name for name in hidden if own.get(url(name, shown.pk)).status_code != 404]
    assert opened == []
    links = links_of(own, url("dashboard"))
    leave = url("people_end", shown.pk, role.pk)
    assert {url("volunteers", shown.pk), leave} <= links
    assert url("suggestions", shown.pk) not in links
    assert own.get(leave).status_code == 200
    assert own.post(leave).status_code == 302
    assert own.get(url("volunteers", shown.pk)).status_code == 404


def test_process_stands_on_the_public_page_in_its_language_as_long_as_it_is_said(
    client: Client, shown: Community, official: CommunityRole, sign_in: SignIn
) -> None:
    own, path = sign_in(official.user), url("process", shown.pk)
    public, api = url("community", shown.pk), f"/api/v1/communities/{shown.pk}/process/"
    heading = 'id="process"'
    assert heading not in client.get(public).text
    said = {"text": "يقرر المجلس في الربيع.", "language": "ar"}
    assert own.post(path, said | {"text": "x" * 4001}).status_code == 422
    assert own.post(path, said | {"language": "xx"}).status_code == 422
    assert own.post(path, said).status_code == 302
    page = client.get(public).text
    assert heading in page
    assert f'dir="rtl">{said["text"]}' in page
    assert client.get(api).json()["language"] == "ar"
    member = sign_in(CommunityRoleFactory(community=shown, role="committee_member").user)
    assert said["text"] in member.get(url("volunteers", shown.pk)).text
    assert member.post(path, said).status_code == 404
    put = own.put(api, {"text": "", "language": "ar"}, content_type="application/json")
    assert put.json() == {"text": "", "language": "", "changed_at": None}
    assert heading not in client.get(public).text


def test_starting_an_organisation_leads_to_the_existing_one_or_counts_who_asked(
    client: Client, shown: Community
) -> None:
    place = PlaceFactory(name="Freetown")
    assert f"?place={place.pk}" in client.get("/organisation/", {"search": "Freetown"}).text
    there = client.get(f"/organisation/?place={shown.place_id}").text
    assert f"/communities/{shown.pk}/volunteer/" in there
    address = f"/organisation/?place={place.pk}"
    assert "Nobody else has asked" in client.get(address).text
    for email in ("a@x.example", "A@x.example", "b@x.example"):
        assert client.post(address, message(email=email)).status_code == 302
    assert "2 others have asked" in client.get(address).text
    assert {ticket.topic for ticket in Ticket.objects.all()} == {"organisation"}
    assert "Which city" in client.get("/organisation/?place=99999999999999999999").text
