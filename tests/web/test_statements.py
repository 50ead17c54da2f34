"""What a community says of the partnerships that others name: shown at once, checked by staff, and
what follows for suggestions.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.cities.models import (
    Community,
    CommunityRole,
    ExistingPartnership,
    ListedPartnership,
    Place,
    Profile,
)
from backend.cities.services import republish_profile
from backend.cities.services.statements import partners_named, state_partnership, state_partnerships
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.introductions.directory import Directory, RowFilters
from backend.introductions.partners import partners_of
from backend.notifications.models import Notification
from backend.notifications.notices import describe
from backend.suggestions.eligibility import known_partners, listed_partners
from backend.suggestions.scoring.snapshots import freeze_snapshot
from backend.suggestions.services.partners import answer_partnership, confirm_partnerships
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    ExistingPartnershipFactory,
    MembershipFactory,
    PlaceFactory,
    UserFactory,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import one_line, url

pytestmark = pytest.mark.django_db
S = ExistingPartnership.State


class Town:
    """Annapolis with its official; two Newports that public lists name, and Kobe, registered."""

    def __init__(self) -> None:
        self.own: Community = CommunityFactory(name="Annapolis", published=True)
        self.role: CommunityRole = CommunityRoleFactory(community=self.own)
        self.official: User = self.role.user
        self.kobe: Community = CommunityFactory(name="Kobe", country_code="JP", published=True)
        gb = CountryFactory(code="GB")
        self.wales = PlaceFactory(name="Newport", country=gb, admin1="Wales", latitude=51.6)
        self.wight = PlaceFactory(name="Newport", country=gb, admin1="England", latitude=50.7)
        for place in (self.wales, self.wight, self.kobe.place):
            self.list_with(place)
        MembershipFactory(community=self.own)
        self.curator: User = UserFactory(curator=True)

    def list_with(self, place: Place | None) -> None:
        assert place is not None and self.own.place_id is not None
        a, b = sorted((self.own.place_id, place.pk))
        ListedPartnership.objects.create(place_a_id=a, place_b_id=b, sources=["wikidata2016"])

    def say(self, place: Place | None, status: str, year: int | None = None) -> ExistingPartnership:
        assert place is not None
        key = f"place-{place.pk}"
        asked: dict[str, Any] = {"partner": key, "status": status, "year": year}
        state_partnership(by=self.official, community_id=self.own.pk, **asked)
        return self.own.existing_partnerships.get(place=place)

    def confirm(self, row: ExistingPartnership, answer: str = "confirmed", note: str = "") -> None:
        asked = {"partnership_id": row.pk, "answer": answer, "note": note}
        answer_partnership(by=self.curator, **asked)

    def draft(self) -> list[dict[str, Any]]:
        profile = Profile.objects.get(community=self.own)
        rows: list[dict[str, Any]] = profile.draft["partnerships"]["existing"]
        return rows


@pytest.fixture
def town() -> Town:
    return Town()


def seen(place: Place | None, community: Community | None) -> dict[str, tuple[str, int | None]]:
    """Partner with its region → status and year of its page."""
    shown = partners_of(place, community)
    return {f"{one.name}, {one.whereabouts.split(',')[0]}": (one.status, one.year) for one in shown}


def listed_rows(**asked: Any) -> list[tuple[str, str, int | None]]:
    return [(one.source, one.status, one.year) for one in Directory(RowFilters(**asked))]


def test_a_statement_replaces_status_unknown_at_once_everywhere(town: Town) -> None:
    town.say(town.wales, "active", 836)
    town.say(town.wight, "not_ours")
    newports = {"Newport, Wales": ("active", 836), "Newport, England": ("not_ours", None)}
    assert newports.items() <= seen(town.own.place, town.own).items()
    assert [*seen(town.wales, None).values()] == [("active", 836)]
    assert listed_rows(place=town.wales.pk) == [("stated", "active", 836)]
    assert listed_rows(decade=830) == [("stated", "active", 836)]
    assert listed_rows(status="not_ours") == [("stated", "not_ours", None)]
    assert listed_rows(status="unknown") == [("listed", "unknown", None)]
    client = Client()
    page = one_line(client.get(url("community", town.own.pk)).text)
    assert "Said by the community, not checked by staff yet" in page
    api = client.get("/api/v1/listed-partnerships/?status=active&decade=830").json()["results"]
    assert [row["stated"] for row in api] == [
        {"by": town.own.pk, "status": "active", "year": 836, "form": ""}
    ]
    own = client.get(f"/api/v1/communities/{town.own.pk}/").json()["partners"]
    assert {one["status"] for one in own if one["name"] == "Newport"} == {"active", "not_ours"}
    partners = client.get(f"/api/v1/places/{town.wales.pk}/").json()["partners"]
    assert [(one["status"], one["sources"]) for one in partners] == [
        ("active", ["stated_by_partner", "wikidata2016"])
    ]


def test_what_is_said_goes_into_the_draft_and_stays_when_it_is_published(town: Town) -> None:
    town.say(town.wales, "active", 1990)
    denied = town.say(town.wight, "not_ours")
    row = {"name": "Newport", "country": "GB", "place_id": town.wales.pk}
    assert {**row, "status": "active", "year": 1990} in town.draft()
    assert town.wight.pk not in [one.get("place_id") for one in town.draft()]
    republish_profile(by=town.official, community_id=town.own.pk)
    denied.refresh_from_db()
    assert (denied.state, denied.status) == (S.CLAIMED, "not_ours")
    again = town.say(town.wales, "dormant", 1990)
    assert [one["status"] for one in town.draft() if one.get("place_id") == town.wales.pk] == [
        "dormant"
    ]
    assert (again.status, again.year) == ("dormant", 1990)
    assert town.say(town.wight, "active") == denied, "one row a partner, also of what was denied"


def test_the_same_said_again_changes_nothing(town: Town) -> None:
    row = town.say(town.wales, "active", 1990)
    town.confirm(row)
    again = town.say(town.wales, "active", 1990)
    assert again.state == S.CONFIRMED
    assert town.say(town.wales, "ended", 1990).state == S.CLAIMED


@pytest.mark.parametrize(
    ("year", "is_taken"), [(799, False), (800, True), (836, True), (2999, False), (1.5, False)]
)
def test_years_of_a_partnership(town: Town, year: Any, is_taken: bool) -> None:
    said = {f"place-{town.wales.pk}": {"status": "active", "year": year}}
    asked = {"by": town.official, "community_id": town.own.pk, "statements": said}
    if is_taken:
        assert len(state_partnerships(**asked)) == 1
        return
    with pytest.raises(InvalidFields) as caught:
        state_partnerships(**asked)
    assert list(caught.value.errors) == [f"place-{town.wales.pk}.year"]
    assert not town.own.existing_partnerships.exists()


def test_partner_without_a_place_is_stated_and_taken_out_again(town: Town) -> None:
    row = ExistingPartnershipFactory(community=town.own, name="Alba County", state="confirmed")
    key = f"claim-{row.pk}"
    asked = {"by": town.official, "community_id": town.own.pk, "partner": key}
    state_partnership(**asked, status="dormant", year=1950)
    row.refresh_from_db()
    assert (row.status, row.year, row.state, row.was_confirmed) == (
        "dormant",
        1950,
        "claimed",
        True,
    )
    assert "Alba County" in [one["name"] for one in town.draft()]
    assert state_partnership(**asked, status="not_ours") is None
    row.refresh_from_db()
    assert row.state == S.DROPPED
    assert "Alba County" not in [one["name"] for one in town.draft()]


def test_only_a_vetted_official_of_a_public_community_states(town: Town) -> None:
    others = [
        CommunityRoleFactory(community=town.kobe),
        CommunityRoleFactory(community=town.own, role="committee_member"),
        CommunityRoleFactory(community=town.own, role="chair"),
        CommunityRoleFactory(community=town.own, vetted_at=None),
    ]
    said = {"partner": f"place-{town.wales.pk}", "status": "active"}
    for user in (*(role.user for role in others), town.curator):
        with pytest.raises(NotVisible):
            state_partnership(by=user, community_id=town.own.pk, **said)
    for partner in (f"place-{town.own.place_id}", "place-1", "claim-9", ""):
        with pytest.raises(InvalidFields):
            state_partnership(
                by=town.official, community_id=town.own.pk, partner=partner, status="active"
            )
    Profile.objects.filter(community=town.own).update(status="withdrawn")
    with pytest.raises(WrongState):
        state_partnership(by=town.official, community_id=town.own.pk, **said)


def test_a_denial_or_an_end_frees_a_listed_pair_once_staff_confirm(town: Town) -> None:
    pair = {(min(town.own.pk, town.kobe.pk), max(town.own.pk, town.kobe.pk))}
    barred = {(town.own.pk, town.kobe.pk)}
    assert listed_partners() == pair
    for status in ("not_ours", "ended"):
        row = town.say(town.kobe.place, status)
        assert known_partners() == pair, "a list still names it"
        town.confirm(row)
        assert known_partners() == set()
        assert not barred & freeze_snapshot().barred_pairs
        assert "Kobe" not in [one.b.name for one in Directory(RowFilters())]
    theirs = ExistingPartnershipFactory(
        community=town.kobe, place=town.own.place, country=town.own.country, state="confirmed"
    )
    assert known_partners() == pair, "the other side says that they are partners"
    theirs.status = "ended"
    theirs.save()
    assert known_partners() == set()
    town.say(town.kobe.place, "active")
    assert known_partners() == pair, "at once, while staff have not answered"
    assert barred <= freeze_snapshot().barred_pairs


def test_no_partnership_leaves_the_pages_once_confirmed_unless_the_other_side_is(
    town: Town,
) -> None:
    row = town.say(town.kobe.place, "not_ours")
    assert ("not_ours", None) in seen(town.own.place, town.own).values()
    assert seen(town.kobe.place, town.kobe).popitem()[1] == ("not_ours", None)
    town.confirm(row)
    assert [name for name in seen(town.own.place, town.own) if "Kobe" in name] == []
    assert seen(town.kobe.place, town.kobe) == {}
    ExistingPartnershipFactory(
        community=town.kobe,
        place=town.own.place,
        country=town.own.country,
        state="confirmed",
        status="active",
    )
    assert [name for name in seen(town.own.place, town.own) if "Kobe" in name] != []
    assert seen(town.kobe.place, town.kobe).popitem()[1] == ("active", None)


def test_staff_confirm_several_with_one_message_and_nothing_that_has_changed(
    town: Town, drain: Any
) -> None:
    first, second = town.say(town.wales, "active", 1990), town.say(town.wight, "active")
    kobe = town.say(town.kobe.place, "active")
    claims = {row.pk: row.claimed_at for row in (first, second, kobe)}
    claims[kobe.pk] -= dt.timedelta(seconds=1)  # as it was read, before it was said anew
    confirmed, wrong = confirm_partnerships(by=town.curator, claims={**claims, 999_999: None})
    assert {row.pk for row in confirmed} == {first.pk, second.pk}
    assert set(wrong) == {kobe.pk, 999_999}
    assert "has changed" in wrong[kobe.pk][0]
    drain()
    (note,) = Notification.objects.filter(recipient=town.official)
    words = " ".join(describe(note).sentences)
    assert note.kind == "statements_checked"
    assert "Newport, Wales" in words and "Newport, England" in words
    kobe.refresh_from_db()
    town.confirm(kobe, "refused", "The mayor of Kobe says it goes on.")
    drain()
    note = Notification.objects.filter(recipient=town.official).latest("pk")
    assert "The mayor of Kobe says it goes on." in " ".join(describe(note).sentences)
    with pytest.raises(NotVisible):
        confirm_partnerships(by=town.official, claims={kobe.pk: None})


def test_page_of_the_official(town: Town, sign_in: SignIn) -> None:
    client = sign_in(town.official)
    address = url("named_partners", town.own.pk)
    html = client.get(address).text
    assert html.count('type="radio"') == 4 * 3
    wales, kobe = f"place-{town.wales.pk}", f"place-{town.kobe.place_id}"
    seen_before = {f"seen-{key}": "|" for key in (wales, kobe)}
    posted = {
        **seen_before,
        f"status-{wales}": "active",
        f"year-{wales}": "1700",
        f"year-{kobe}": "9",
    }
    answer = client.post(address, posted)
    assert answer.status_code == 422 and not town.own.existing_partnerships.exists()
    assert f'href="#{kobe}"' in answer.text and 'value="1700"' in answer.text
    posted |= {f"status-{kobe}": "dormant", f"year-{kobe}": ""}
    assert client.post(address, posted).status_code == 302
    assert client.post(address, posted).status_code == 302  # a double click, or the same again
    # Another tab, opened before, that changes Kobe alone, leaves Newport as it is by now
    town.say(town.wales, "ended", 1700)
    older = {f"seen-{wales}": "active|1700", f"seen-{kobe}": "dormant|"}
    older |= {f"status-{wales}": "active", f"year-{wales}": "1700", f"status-{kobe}": "active"}
    assert client.post(address, older).status_code == 302
    said = dict(town.own.existing_partnerships.values_list("place", "status"))
    assert said == {town.wales.pk: "ended", town.kobe.place_id: "active"}


@pytest.mark.parametrize("role", ["committee_member", "chair"])
def test_others_of_the_community_read_the_page_alone(
    town: Town, sign_in: SignIn, role: str
) -> None:
    client = sign_in(CommunityRoleFactory(community=town.own, role=role).user)
    address = url("named_partners", town.own.pk)
    assert "disabled" in client.get(address).text
    key = f"place-{town.wales.pk}"
    assert client.post(address, {f"seen-{key}": "|", f"status-{key}": "active"}).status_code == 404
    api = f"/api/v1/communities/{town.own.pk}/partnerships/named/"
    assert len(client.get(api).json()["results"]) == 3
    body = {"partner": key, "status": "active"}
    assert client.post(api, body, content_type="application/json").status_code == 404


def test_api_states_and_staff_see_sources_beside_the_claim(town: Town, sign_in: SignIn) -> None:
    client = sign_in(town.official)
    api = f"/api/v1/communities/{town.own.pk}/partnerships/named/"
    key = f"place-{town.wales.pk}"
    body = {"partner": key, "status": "active", "year": 836}
    answer = client.post(api, body, content_type="application/json")
    assert answer.json()["partner"]["own"]["year"] == 836
    wrong = client.post(api, {**body, "year": 700}, content_type="application/json")
    assert wrong.status_code == 422
    staff = sign_in(town.curator)
    page = one_line(staff.get(url("staff_claims")).text)
    assert "Public lists name the pair: " in page and str(town.official) in page
    (claim,) = staff.get("/api/v1/staff/claims/").json()["results"]
    assert (claim["lists"], claim["theirs"]) == (["wikidata2016"], None)
    sent = staff.post(
        "/api/v1/staff/claims/confirm/",
        {"claims": [{"id": claim["id"], "claimed_at": claim["claimed_at"]}]},
        content_type="application/json",
    )
    assert sent.json() == {"confirmed": [claim["id"]], "not_confirmed": []}
    row = town.say(town.wight, "ended")
    ticked = {"claims": [f"{row.pk}|{row.claimed_at.isoformat()}", "x|y", "7"]}
    assert staff.post(url("staff_claims_confirm"), ticked).status_code == 302
    row.refresh_from_db()
    assert row.state == S.CONFIRMED


def test_what_the_partner_says_can_be_answered(town: Town) -> None:
    bonn = CommunityFactory(name="Bonn", country_code="DE", published=True)
    theirs = {"place": town.own.place, "country": town.own.country, "status": "active"}
    ExistingPartnershipFactory(community=bonn, state="confirmed", **theirs)
    (named,) = [one for one in partners_named(town.own) if one.name == "Bonn"]
    assert named.theirs is not None and named.is_named_by_others
    row = town.say(bonn.place, "not_ours")
    assert seen(town.own.place, town.own)[f"Bonn, {bonn.place.whereabouts.split(',')[0]}"] == (
        "not_ours",
        None,
    )
    assert row.state == S.CLAIMED
