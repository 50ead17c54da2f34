from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile, VettingLetter
from backend.cities.queries import partnerships_to_confirm
from backend.introductions.models import Introduction
from backend.notifications.delivery import deliver
from backend.notifications.mail_files import NOTICE, read_mail
from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun, Suggestion, WeightSet
from backend.suggestions.scoring import weights_in_force
from backend.web.members.views import CLAIMS_PAGE
from tests.actors import World
from tests.factories import (
    CommunityFactory,
    CountryFactory,
    DeliveryFactory,
    ExistingPartnershipFactory,
    IntroductionFactory,
    JobFactory,
    PlaceFactory,
    ScoringRunFactory,
    SuggestionFactory,
    UserFactory,
    make_version,
)
from tests.letters import pdf
from tests.web.conftest import SignIn, profile_of
from tests.web.html_forms import form_to, one_line, url


@pytest.fixture
def staff(curator: User, sign_in: SignIn) -> Client:
    return sign_in(curator)


@pytest.fixture
def submitted(newcomer: CommunityRole, sign_in: SignIn) -> CommunityRole:
    CommunityFactory(published=True)  # not the first of its country
    client = sign_in(newcomer.user)
    letter = SimpleUploadedFile(
        "Brief vom Bürgermeister.pdf", pdf(), content_type="application/pdf"
    )
    assert (
        client.post(url("profile_letter", newcomer.community_id), {"letter": letter}).status_code
        == 302
    )
    assert client.post(url("profile_submit", newcomer.community_id)).status_code == 302
    return newcomer


def test_submission_is_read_and_published(submitted: CommunityRole, staff: Client) -> None:
    assert "Newtown" in staff.get(url("staff_vetting")).text
    html = staff.get(url("staff_submission", submitted.community_id)).text
    assert "Alex Doe" in html
    form = form_to(html, url("staff_publish", submitted.community_id))
    assert staff.post(form.action, form.values).status_code == 302
    assert profile_of(submitted.community).status == Profile.Status.PUBLISHED
    submitted.refresh_from_db()
    assert submitted.vetted_at is not None
    assert "Newtown" not in staff.get(url("staff_vetting")).text


def test_what_the_curator_has_not_read_is_not_published(
    submitted: CommunityRole, staff: Client, sign_in: SignIn
) -> None:
    form = form_to(
        staff.get(url("staff_submission", submitted.community_id)).text,
        url("staff_publish", submitted.community_id),
    )
    revision = profile_of(submitted.community).draft_revision
    group = url("profile_group", submitted.community_id, "story")
    assert (
        sign_in(submitted.user)
        .post(group, {"revision": revision, "text": "Changed", "language": "en"})
        .status_code
        == 302
    )
    assert staff.post(form.action, form.values).status_code == 409
    assert profile_of(submitted.community).status == Profile.Status.SUBMITTED


def test_letter_is_a_download_for_its_owner_and_curators(
    submitted: CommunityRole, staff: Client, stranger: User, admin: User, sign_in: SignIn
) -> None:
    letter = VettingLetter.objects.get()
    for client, name in ((staff, "staff_letter"), (sign_in(submitted.user), "profile_letter_file")):
        response = client.get(url(name, submitted.community_id, letter.pk))
        assert b"".join(response.streaming_content) == pdf()
        assert response["Content-Disposition"].startswith("attachment")
        assert response["X-Content-Type-Options"] == "nosniff"
    assert (
        sign_in(stranger)
        .get(url("profile_letter_file", submitted.community_id, letter.pk))
        .status_code
        == 404
    )
    assert (
        sign_in(admin).get(url("staff_letter", submitted.community_id, letter.pk)).status_code
        == 404
    )


@pytest.mark.parametrize("content", [b"MZ program", b"", b"<html>"])
def test_letter_of_another_kind_is_refused_with_words(
    newcomer: CommunityRole, sign_in: SignIn, content: bytes
) -> None:
    upload = SimpleUploadedFile("letter.pdf", content, content_type="application/pdf")
    html = (
        sign_in(newcomer.user)
        .post(url("profile_letter", newcomer.community_id), {"letter": upload}, follow=True)
        .text
    )
    assert not VettingLetter.objects.exists()
    assert "note-wrong" in html


def test_changes_are_asked_with_reason_and_words(
    submitted: CommunityRole, staff: Client, sign_in: SignIn
) -> None:
    address = url("staff_changes", submitted.community_id)
    response = staff.post(address, {"reason": "nonsense", "text": ""})
    assert response.status_code == 422
    assert "Say in 1 to 4,000 characters what is needed." in response.text
    assert (
        staff.post(address, {"reason": "letter_missing", "text": "Please sign <it>."}).status_code
        == 302
    )
    html = sign_in(submitted.user).get(url("profile", submitted.community_id)).text
    assert "Please sign &lt;it&gt;." in html


def test_suggestions_are_filtered_released_and_held(staff: Client) -> None:
    waiting = SuggestionFactory(proposed=True)
    SuggestionFactory(pair__a__name="Elsewhere")
    html = staff.get(url("staff_suggestions"), {"status": "proposed"}).text
    assert waiting.pair.a.name in html
    assert "Elsewhere" not in html
    act = url("staff_suggestion_act", waiting.pk)
    for name, status in (("release", "released"), ("hold", "held")):
        page = " ".join(staff.get(url("staff_suggestion", waiting.pk)).text.split())
        assert ("an exclusion tells nothing" in page) == (name == "hold")
        assert staff.post(act, {"act": name}).status_code == 302
        waiting.refresh_from_db()
        assert waiting.status == status


@pytest.mark.parametrize(
    "after", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_return_address_stays_inside(staff: Client, after: str) -> None:
    suggestion = SuggestionFactory(proposed=True)
    response = staff.post(
        url("staff_suggestion_act", suggestion.pk), {"act": "release", "after": after}
    )
    assert response.url == url("staff_suggestion", suggestion.pk)


@pytest.fixture
def introduction(suggestion: Suggestion) -> Introduction:
    Suggestion.objects.filter(pk=suggestion.pk).update(
        status="mutual", a_state="interested", b_state="interested"
    )
    return IntroductionFactory(suggestion=suggestion)


def test_introduction_is_moved_by_the_menu_assigned_and_closed(
    introduction: Introduction, staff: Client, curator: User
) -> None:
    assert "Homeport – Fernstadt" in staff.get(url("staff_introductions")).text
    board = url("staff_introductions") + "?owner=nobody"
    assert (
        staff.post(
            url("staff_introduction_move", introduction.pk), {"stage": "introduced", "after": board}
        ).url
        == board
    )
    posted = {"owner": curator.pk, "due_on": "2027-01-31"}
    assert staff.post(url("staff_introduction_assign", introduction.pk), posted).status_code == 302
    response = staff.post(url("staff_introduction_move", introduction.pk), {"stage": "closed"})
    assert response.status_code == 422
    assert "Choose why it is closed." in response.text
    assert (
        staff.post(
            url("staff_introduction_move", introduction.pk),
            {"stage": "closed", "close_reason": "no_response"},
        ).status_code
        == 302
    )
    introduction.refresh_from_db()
    assert (introduction.stage, introduction.owner, introduction.due_on) == (
        "closed",
        curator,
        dt.date(2027, 1, 31),
    )


def test_introduction_by_hand_wants_a_reason(suggestion: Suggestion, staff: Client) -> None:
    address = url("staff_introduction_open", suggestion.pair_id)
    for asks in (address, url("staff_member_add")):
        assert 'class="subnav"' in staff.get(asks).text
    assert staff.post(address, {"because": " "}).status_code == 422
    assert staff.post(address, {"because": "The mayors have met."}).status_code == 302
    assert Introduction.objects.get().opened_because == "The mayors have met."


def test_wrong_answer_to_a_claim_is_shown_on_the_page_of_its_row(staff: Client) -> None:
    japan = CountryFactory(code="JP").pk
    places = [PlaceFactory(country_id=japan, name="Sakai", latitude=at) for at in (34.6, 36.1)]
    rows = ExistingPartnershipFactory.create_batch(CLAIMS_PAGE + 1, name="Sakai")
    last = partnerships_to_confirm(UserFactory(curator=True)).last()
    assert last is not None and last in rows
    address = url("staff_claim_answer", last.pk)
    answer = staff.post(address, {"answer": "confirmed", "place_id": ""})
    assert answer.status_code == 422
    assert f"claim-{last.pk}-place_id" in answer.text
    assert all(f"({place.pk})" in answer.text for place in places)
    answer = staff.post(address, {"answer": "confirmed", "place_id": "0"})
    assert answer.status_code == 302
    last.refresh_from_db()
    assert (last.state, last.place_id) == ("confirmed", None)


def test_partner_without_a_place_is_chosen_by_its_number(staff: Client) -> None:
    county = CommunityFactory(name="Kent County", kind="county", place=None, country_code="JP")
    row = ExistingPartnershipFactory(name="Kent", country=county.country)
    page = staff.get(url("staff_claims")).text
    assert f"Has this name: Kent County, County, {county.country.name} ({county.pk})." in page
    assert f'name="partner_id" value="{county.pk}"' in page
    address = url("staff_claim_answer", row.pk)
    wrong = staff.post(address, {"answer": "confirmed", "partner_id": row.community_id})
    assert "No community of Japan is registered under this number" in wrong.text
    for number, state in ((row.community_id, 422), (county.pk, 200)):
        sent = staff.post(
            f"/api/v1/staff/claims/{row.pk}/answer/",
            {"answer": "confirmed", "partner_id": number},
            content_type="application/json",
        )
        assert sent.status_code == state
    assert sent.json()["partner"]["id"] == county.pk
    row.refresh_from_db()
    assert (row.state, row.partner_id) == ("confirmed", county.pk)


def test_overview_counts_partnerships_to_confirm(staff: Client) -> None:
    ExistingPartnershipFactory.create_batch(3)
    ExistingPartnershipFactory(state="confirmed")
    html = " ".join(staff.get(url("staff")).text.split())
    assert "<strong>3</strong> partnerships to confirm" in html
    assert url("staff_claims") in html


MISSING = ["ties", "readiness"]


@pytest.mark.parametrize("are_alike", [True, False])
def test_caveat_that_both_sides_share_is_there_once(
    suggestion: Suggestion, staff: Client, are_alike: bool
) -> None:
    Suggestion.objects.filter(pk=suggestion.pk).update(
        a_reasons={"caveat": "coverage", "missing": ["ties"]},
        b_reasons={"caveat": "coverage", "missing": ["ties"] if are_alike else MISSING},
    )
    html = staff.get(url("staff_suggestion", suggestion.pk)).text
    assert html.count("Before you decide") == (1 if are_alike else 2)


def test_run_is_asked_for_and_followed(staff: Client) -> None:
    run = ScoringRunFactory(status=ScoringRun.Status.RUNNING, shard_count=4)
    html = staff.get(url("staff_run", run.pk)).text
    assert f'hx-get="{url("staff_run", run.pk)}" hx-select="#progress"' in html
    assert "0 of 4 slices" in html
    assert staff.post(url("staff_run_start")).status_code == 409
    ScoringRun.objects.filter(pk=run.pk).update(
        status="complete", finished_at=dt.datetime.now(dt.UTC)
    )
    assert "hx-get" not in staff.get(url("staff_run", run.pk)).text
    assert staff.post(url("staff_run_start")).status_code == 302
    assert Event.objects.filter(topic=Topic.RUN_REQUESTED).exists()


def test_dead_letter_is_tried_again(staff: Client) -> None:
    work = JobFactory(
        status=Job.Status.DEAD,
        finished_at=dt.datetime.now(dt.UTC),
        last_error="It <broke>",
        attempts=3,
    )
    assert "It &lt;broke&gt;" in staff.get(url("staff_dead_letters")).text
    assert staff.post(url("staff_dead_letter_retry", work.pk)).status_code == 302
    work.refresh_from_db()
    assert work.status == Job.Status.PENDING
    assert staff.post(url("staff_dead_letter_retry", work.pk)).status_code == 409


def test_staff_read_notices_and_no_codes_of_others_where_mails_are_files(
    staff: Client,
    curator: User,
    official: CommunityRole,
    settings: Any,
    tmp_path: Path,
    drain: Callable[[], int],
) -> None:
    settings.EMAIL_BACKEND = "backend.notifications.mail_files.FolderBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    notice = DeliveryFactory()
    deliver(notice.pk)
    EmailMessage("An earlier version", "ABC-DEF", to=[official.user.email]).send()
    for address in (official.user.email, curator.email):
        Client().post(reverse("account_request_login_code"), {"email": address})
    drain()
    to = {path.name: read_mail(path.name).to for path in tmp_path.iterdir()}
    people = [official.user.email, curator.email]
    assert sorted(to.values()) == sorted(
        [*people, official.user.email, notice.notification.recipient.email]
    )
    listed = set(re.findall(r"/staff/mails/([^/\"]+)/", staff.get(url("staff_mails")).text))
    for name, address in to.items():
        is_open = address != official.user.email
        assert (name in listed) == is_open
        assert staff.get(url("staff_mail", name)).status_code == (200 if is_open else 404)
    assert staff.get("/staff/mails/..%2F..%2Fetc%2Fpasswd/").status_code == 404


def test_words_of_a_mail_in_a_file_are_text(staff: Client, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "backend.notifications.mail_files.FolderBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    EmailMessage("Hello", "See <b>here</b>", to=["someone@example.org"], headers=NOTICE).send()
    (name,) = (path.name for path in tmp_path.iterdir())
    assert "See &lt;b&gt;here&lt;/b&gt;" in staff.get(url("staff_mail", name)).text


def test_missing_object_answers_like_a_wrong_address(staff: Client) -> None:
    missing = staff.get("/no/such/page/").content
    for name in (
        "staff_submission",
        "staff_suggestion",
        "staff_introduction",
        "staff_run",
        "staff_introduction_open",
    ):
        response = staff.get(url(name, 999_999))
        assert response.status_code == 404
        assert response.content == missing


def test_events_are_filtered(staff: Client, submitted: CommunityRole) -> None:
    html = staff.get(url("staff_events"), {"topic": "profile_submitted"}).text
    assert "profile_submitted" in html.lower().replace(" ", "_")
    assert staff.get(url("staff_events"), {"community_id": "99999999999999"}).status_code == 200


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_statistics_up_to_the_ends_of_the_calendar(staff: Client, name: str, day: str) -> None:
    for address in ("", "funnel.csv"):
        assert staff.get(f"/staff/statistics/{address}", {name: day}).status_code == 200
    assert staff.get("/api/v1/staff/statistics/funnel/", {name: day}).status_code == 200


# Versions of the weights: what was learned from answers, and put in force, in pages and through the
# API.


WEIGHTS = "web:staff_weights"


def test_a_better_version_is_promoted_from_the_page(staff: Client, curator: User) -> None:
    version = make_version()
    html = one_line(staff.get(reverse(WEIGHTS)).text)
    assert (
        "Rests on 90 decisions of 12 communities" in html and "0.1900" in html and "0.2100" in html
    )
    form = form_to(html, url("staff_weights_promote", version.pk))
    assert staff.post(form.action, form.values).url == reverse(WEIGHTS)  # type: ignore[attr-defined]
    assert weights_in_force()["version"] == "learned-7"
    event = Event.objects.get(topic=Topic.WEIGHTS_PROMOTED)
    assert (event.subject_id, event.by, event.payload["version"]) == (
        version.pk,
        curator,
        "learned-7",
    )
    html = staff.get(reverse(WEIGHTS)).text
    assert "in force</span>" in html and url("staff_weights_promote", version.pk) not in html


def test_a_version_that_is_no_better_says_why_it_has_no_button(staff: Client) -> None:
    version = make_version(is_better=False)
    html = staff.get(reverse(WEIGHTS)).text
    assert "not better calibrated than those in force" in html
    address = url("staff_weights_promote", version.pk)
    assert address not in html
    assert staff.post(address).status_code == 409
    assert (
        not Event.objects.filter(topic=Topic.WEIGHTS_PROMOTED).exists()
        and not WeightSet.objects.filter(in_force=True).exists()
    )


def test_nothing_learned_yet(staff: Client) -> None:
    assert "Nothing has been learned yet" in staff.get(reverse(WEIGHTS)).text


def test_for_others_than_staff_there_is_no_such_page(sign_in: SignIn, db: None) -> None:
    assert sign_in(UserFactory()).get(reverse(WEIGHTS)).status_code == 404


# Versions of the weights over the API: the same rules and the same record as on the page.


ADDRESS = "/api/v1/staff/weights/"


def test_staff_read_and_promote(world: World) -> None:
    version = make_version()
    client = world.client("curator")
    [row] = client.get(ADDRESS).json()["results"]
    assert (row["version"], row["decisions"], row["is_better"], row["in_force"]) == (
        "learned-7",
        90,
        True,
        False,
    )
    assert row["by_time"] == {
        "learned": {"brier": 0.19, "log_loss": 0.55},
        "in_use": {"brier": 0.21, "log_loss": 0.6},
    }
    promoted = client.post(f"{ADDRESS}{version.pk}/promote/")
    assert promoted.status_code == 200 and promoted.json()["in_force"]
    assert Event.objects.filter(topic=Topic.WEIGHTS_PROMOTED, subject_id=version.pk).count() == 1
    assert client.post(f"{ADDRESS}{version.pk}/promote/").status_code == 409


def test_what_is_no_better_is_refused_and_others_see_nothing(world: World) -> None:
    version = make_version(is_better=False)
    assert world.client("curator").post(f"{ADDRESS}{version.pk}/promote/").status_code == 409
    assert world.client("curator").post(f"{ADDRESS}{version.pk + 99}/promote/").status_code == 404
    assert world.client("official").get(ADDRESS).status_code == 404
    assert world.client("official").post(f"{ADDRESS}{version.pk}/promote/").status_code == 404
