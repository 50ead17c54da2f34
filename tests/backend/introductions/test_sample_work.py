"""What waits for each account of the sample world."""

from __future__ import annotations

import pytest
from django.conf import settings

from backend.accounts.models import User
from backend.cities.models import (
    Community,
    ExistingPartnership,
    JoinRequest,
    MembershipRequest,
    Profile,
    Ticket,
    VettingLetter,
)
from backend.cities.sample.membership_requests import load_sample_membership_requests
from backend.cities.sample.people import ACTORS, load_sample_tickets
from backend.cities.sample.places import (
    COMMITTEE_AT_HOME,
    FIRST_OF_COUNTRY,
    NEWCOMER_ABROAD,
    OFFICIAL_ABROAD,
    OFFICIAL_AT_HOME,
)
from backend.cities.services.vetting import approve_profile
from backend.introductions.sample import answer_suggestions, leave_work
from backend.notifications.delivery import deliver
from backend.notifications.mail_files import REFUSED_MAILBOX
from backend.suggestions.models import AnswerRule, Decision, PartnerRequest, Suggestion, Vote
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CommunityRoleFactory,
    DeliveryFactory,
    MembershipFactory,
    PairFactory,
    PlaceFactory,
    ProfileFactory,
    SuggestionFactory,
    UserFactory,
    document,
)

pytestmark = pytest.mark.django_db

_AT = {
    OFFICIAL_ABROAD: "CL",
    NEWCOMER_ABROAD: "GE",
    COMMITTEE_AT_HOME: "US",
    OFFICIAL_AT_HOME: "US",
    FIRST_OF_COUNTRY[0]: "ST",
    FIRST_OF_COUNTRY[1]: "CW",
}


def _community(country: str, *, place_id: int | None = None, published: bool = True) -> Community:
    place = PlaceFactory(country__code=country, **({"id": place_id} if place_id else {}))
    community = CommunityFactory(
        country=place.country, place=place, name=place.name, is_sample=True, published=published
    )
    if not published:
        ProfileFactory(community=community, status=Profile.Status.SUBMITTED)
    role = CommunityRoleFactory(community=community, role="official", user__is_sample=True)
    if not published:
        community.roles.filter(pk=role.pk).update(vetted_at=None)
    return community


@pytest.fixture
def curator() -> User:
    return UserFactory(curator=True, is_sample=True)


@pytest.fixture
def world(curator: User) -> dict[int, Community]:
    """The communities of the named accounts, with a committee of four and two who ask to join."""
    waiting = {NEWCOMER_ABROAD, *FIRST_OF_COUNTRY}
    made = {
        place: _community(country, place_id=place, published=place not in waiting)
        for place, country in _AT.items()
    }
    emails = {a.role: a.email for a in ACTORS if a.place_id == COMMITTEE_AT_HOME}
    for role, email in emails.items():
        CommunityRoleFactory(
            community=made[COMMITTEE_AT_HOME], role=role, user__email=email, user__is_sample=True
        )
    for _ in range(3):
        CommunityRoleFactory(
            community=made[COMMITTEE_AT_HOME], role="committee_member", user__is_sample=True
        )
    for number in (1, 2):
        UserFactory(email=f"colleague{number}+1@sample.example", is_sample=True)
    return made


def test_staff_have_letters_claims_and_a_second_approval(
    world: dict[int, Community], curator: User
) -> None:
    savannah = world[COMMITTEE_AT_HOME]
    existing = [{"name": "Batumi", "country": "GE", "status": "unknown"}]
    Profile.objects.filter(community=savannah).update(
        draft=document(partnerships={"existing": existing})
    )

    leave_work(curator)

    kinds = VettingLetter.objects.values_list("profile__community__place", "content_type")
    assert set(kinds) == {
        (NEWCOMER_ABROAD, "application/pdf"),
        (FIRST_OF_COUNTRY[0], "image/png"),
    }
    assert ExistingPartnership.objects.get(community=savannah).state == "claimed"
    asked = JoinRequest.objects.filter(status="waiting")
    assert set(asked.values_list("community__place", flat=True)) == {
        OFFICIAL_ABROAD,
        COMMITTEE_AT_HOME,
    }
    alone = Profile.objects.get(community=world[FIRST_OF_COUNTRY[1]])
    assert alone.status == Profile.Status.SUBMITTED and alone.approvals.count() == 1
    second = UserFactory(curator=True)
    approve_profile(by=second, community_id=alone.community_id, revision=alone.draft_revision)
    alone.refresh_from_db()
    assert alone.status == Profile.Status.PUBLISHED


def _suggest(one: Community, other: Community) -> Suggestion:
    a, b = sorted((one, other), key=lambda community: community.pk)
    return SuggestionFactory(pair=PairFactory(a=a, b=b))


def test_sides_have_answers_and_votes_to_look_at(world: dict[int, Community]) -> None:
    abroad = [_community("DE") for _ in range(5)]
    home = [_community("US") for _ in range(5)]
    for other in abroad[:2]:
        _suggest(world[COMMITTEE_AT_HOME], other)
    official = _suggest(world[OFFICIAL_ABROAD], home[0])
    others = [_suggest(one, two) for one, two in zip(abroad, home, strict=True)]

    assert answer_suggestions() > 6

    votes = Vote.objects.values_list("suggestion", "choice")
    assert sorted(choice for _, choice in votes) == ["no", "yes", "yes"]
    assert not Vote.objects.filter(by__email__in=[actor.email for actor in ACTORS]).exists()
    assert AnswerRule.objects.get(community=world[COMMITTEE_AT_HOME]).votes_needed == 3
    official.refresh_from_db()
    own = "a" if official.pair.a_id == world[OFFICIAL_ABROAD].pk else "b"
    assert {own: "pending"}.items() <= {"a": official.a_state, "b": official.b_state}.items()
    assert "interested" in {official.a_state, official.b_state}
    both = [
        s
        for s in Suggestion.objects.filter(pk__in=[s.pk for s in others])
        if s.a_state == s.b_state == "interested"
    ]
    assert len(both) == 3
    assert PartnerRequest.objects.count() == 2
    decided = Decision.objects.count()
    assert answer_suggestions() == 0 and Decision.objects.count() == decided


def test_nothing_is_answered_where_somebody_has_answered_or_there_is_no_sample() -> None:
    SuggestionFactory()

    assert answer_suggestions() == 0 and not Decision.objects.exists()


def test_the_mails_of_who_has_left_are_refused(settings, tmp_path) -> None:  # type: ignore[no-untyped-def]
    settings.EMAIL_BACKEND = "backend.notifications.mail_files.FolderBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    gone = DeliveryFactory(
        notification__recipient__email=f"{REFUSED_MAILBOX}+4221552@sample.example"
    )
    real = DeliveryFactory(notification__recipient__email=f"{REFUSED_MAILBOX}+1@example.org")

    assert not deliver(gone.pk)
    assert deliver(real.pk)

    gone.refresh_from_db()
    assert gone.status == "failed" and "550" in gone.last_error
    assert len(list(tmp_path.glob("*.eml"))) == 1


def test_messages_of_each_kind_and_language_wait_for_staff_once() -> None:
    curator = UserFactory(curator=True, is_sample=True)
    written = load_sample_tickets()
    assert load_sample_tickets() == 0
    tickets = Ticket.objects.all()
    assert written == len(tickets)
    assert {ticket.topic for ticket in tickets} == set(Ticket.Kind.values)
    assert {ticket.language for ticket in tickets} == {code for code, _name in settings.LANGUAGES}
    assert {ticket.status for ticket in tickets} == {"open", "closed"}
    assert {ticket.owner for ticket in tickets} == {None, curator}


def test_members_and_who_would_be_one_have_asked_staff_once() -> None:
    paid_until = {"ES": None, "US": "2020-12-31", "DE": "2020-12-31", "FR": "2990-01-01"}
    for country, paid in paid_until.items():
        community = _community(country)
        community.roles.update(vetted_at=MOMENT)
        if paid:
            standing = "lapsed" if paid < "2021" else "good"
            MembershipFactory(community=community, paid_through=paid, standing=standing)
    assert (load_sample_membership_requests(), load_sample_membership_requests()) == (3, 0)
    asked = MembershipRequest.objects.values_list("community__country", "kind")
    assert set(asked) == {("ES", "new"), ("US", "renewal"), ("DE", "renewal")}
