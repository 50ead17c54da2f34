"""How many queries each list may ask, in pages and through the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Country, ExistingPartnership, Profile
from backend.environment import read_environment
from backend.introductions.models import Introduction, Partnership
from backend.outbox.models import Job
from backend.suggestions.models import ExclusionRule, Suggestion
from backend.web.rest.base import ApiList
from backend.web.urls import api_urls
from tests import factories as make
from tests.actors import World
from tests.division import one_in
from tests.factories import (
    AgreementFactory,
    CommunityFactory,
    CommunityRoleFactory,
    DeliveryFactory,
    EventFactory,
    ExclusionRuleFactory,
    IntroductionFactory,
    IntroductionNoteFactory,
    JobFactory,
    ListedPartnershipFactory,
    MeetingFactory,
    MembershipFactory,
    NotificationFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    ProfileFactory,
    ReleasePolicyFactory,
    ScoringRunFactory,
    SuggestionFactory,
    VettingLetterFactory,
    make_version,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import url

# The number of queries of a list page does not grow with its rows.


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def check_constant(client: Client, path: str, add: Callable[[int], object], at_most: int) -> None:
    for index in range(2):
        add(index)
    client.get(path)
    few = queries(client, path)
    for index in range(2, 9):
        add(index)
    many = queries(client, path)
    assert many == few
    assert many <= at_most


@pytest.mark.parametrize("name", ["home", "seeking"])
def test_public_lists_of_communities(db: None, client: Client, name: str) -> None:
    check_constant(client, url(name), lambda i: CommunityFactory(published=True), at_most=4)


def test_directory(db: None, client: Client) -> None:
    def add(index: int) -> None:
        partnership = PartnershipFactory()
        MembershipFactory(community=partnership.pair.a)
        ListedPartnershipFactory(place_a=partnership.pair.a.place, place_b=PlaceFactory())

    # Six read the whole directory, once until it changes
    check_constant(client, url("directory"), add, at_most=8)


def test_community_with_its_partners(db: None, client: Client) -> None:
    shown = CommunityFactory(published=True)

    def add(index: int) -> None:
        other = CommunityFactory(published=True, country_code="DE")
        pair = PairFactory(a=shown, b=other)
        PartnershipFactory(agreement__introduction__suggestion__pair=pair)
        ListedPartnershipFactory(place_a=shown.place, place_b=other.place)

    check_constant(client, url("community", shown.pk), add, at_most=8)


def test_my_suggestions_and_dashboard(official: CommunityRole, sign_in: SignIn) -> None:
    def add(index: int) -> None:
        other = CommunityFactory(published=True, country_code="DE")
        SuggestionFactory(pair__a=official.community, pair__b=other)

    client = sign_in(official.user)
    for index in range(settings.SUGGESTIONS["few"]):  # with fewer it says why, by some more queries
        add(index)
    check_constant(client, url("suggestions", official.community_id), add, at_most=18)
    assert queries(client, url("dashboard")) <= 10


def test_partnerships_of_a_community(official: CommunityRole, sign_in: SignIn) -> None:
    def add(index: int) -> None:
        other = CommunityFactory(published=True, country_code="DE")
        PartnershipFactory(
            agreement__introduction__suggestion__pair=PairFactory(a=official.community, b=other)
        )

    check_constant(
        sign_in(official.user),
        url("partnerships", official.community_id),
        add,
        at_most=9,
    )


def test_joins_are_planned_in_small_groups(db: None) -> None:
    """The queue of suggestions joins twelve tables: to plan all their orders takes thirty times as
    long as to run the query.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW join_collapse_limit")
        assert cursor.fetchone() == ("4",)
    options = read_environment({"DATABASE_URL": "postgresql://h/d?options=-c%20jit%3Doff"}).database
    assert options["OPTIONS"]["options"].split(" -c ")[-1] == "jit=off"  # the operator's own win


def test_inbox(official: CommunityRole, sign_in: SignIn) -> None:
    def add(index: int) -> None:
        NotificationFactory(recipient=official.user, community=official.community)

    check_constant(sign_in(official.user), url("inbox"), add, at_most=5)


def add_submission(index: int) -> None:
    profile = ProfileFactory()
    Profile.objects.filter(pk=profile.pk).update(
        status="submitted", submitted_at="2026-03-01T09:00Z"
    )
    VettingLetterFactory(profile=profile)


STAFF_LISTS: dict[str, tuple[Callable[[int], object], int]] = {
    "staff_vetting": (add_submission, 14),
    "staff_tickets": (lambda i: make.TicketFactory(), 7),
    "staff_suggestions": (lambda i: SuggestionFactory(proposed=True), 10),
    "staff_introductions": (
        lambda i: (IntroductionFactory(), ExclusionRuleFactory(country=None, pair=PairFactory())),
        13,
    ),
    "staff_exclusion_rules": (
        lambda i: (ExclusionRuleFactory(), ExclusionRuleFactory(country=None, pair=PairFactory())),
        10,
    ),
    "staff_policy": (lambda i: ReleasePolicyFactory(), 7),
    "staff_runs": (lambda i: ScoringRunFactory(), 8),
    "staff_weights": (lambda i: make_version(f"learned-{i}"), 8),
    "staff_dead_letters": (
        lambda i: JobFactory(status="dead", finished_at="2026-03-01T09:00Z", event=EventFactory()),
        7,
    ),
    "staff_mails": (lambda i: DeliveryFactory(status="failed"), 6),
    "staff_events": (lambda i: EventFactory(), 7),
    "staff_agreements": (lambda i: AgreementFactory(), 8),
    "staff_partnerships": (lambda i: PartnershipFactory(), 10),
}


@pytest.mark.parametrize("name", STAFF_LISTS)
def test_staff_lists(curator: User, sign_in: SignIn, name: str) -> None:
    add, at_most = STAFF_LISTS[name]
    check_constant(sign_in(curator), url(name), add, at_most)


def test_introduction_of_staff_and_of_a_side_with_many_meetings(
    curator: User, sign_in: SignIn
) -> None:
    introduction = IntroductionFactory(stage="introduced")
    role = CommunityRoleFactory(community=introduction.pair.a)

    def add(index: int) -> None:
        MeetingFactory(introduction=introduction)
        IntroductionNoteFactory(introduction=introduction)

    check_constant(sign_in(curator), url("staff_introduction", introduction.pk), add, at_most=20)
    check_constant(sign_in(role.user), url("introduction", introduction.pk), add, at_most=18)


# Every list asks the database as often for twelve rows as for three.


Maker = Callable[[World], object]


def _introduction(world: World) -> Introduction:
    introduction = make.IntroductionFactory(
        suggestion=make.SuggestionFactory(pair=make.PairFactory(a=world.a), mutual=True),
        stage="introduced",
        owner=world.user("curator"),
    )
    make.ConsentFactory(introduction=introduction, community=world.a)
    return introduction


def _shared_introduction(world: World) -> Introduction:
    return Introduction.objects.filter(pair=world.pair).first() or world.introduced()


def _meeting(world: World) -> object:
    return make.MeetingFactory(introduction=_shared_introduction(world), fixed=True)


def _follow_up(world: World) -> object:
    introduction = _introduction(world)
    Introduction.objects.filter(pk=introduction.pk).update(met_on=make.MOMENT.date())
    return make.FollowUpFactory(introduction=introduction, community=world.a)


def _follow_up_of_one(world: World) -> object:
    introduction = _shared_introduction(world)
    return make.FollowUpFactory(introduction=introduction, community=make.CommunityFactory())


def _note(world: World) -> object:
    return make.IntroductionNoteFactory(introduction=_shared_introduction(world))


def _exclusion_rule(world: World) -> ExclusionRule:
    """Now of a country, now of a pair."""
    return (
        make.ExclusionRuleFactory(country=None, pair=make.PairFactory())
        if ExclusionRule.objects.count() % 2
        else make.ExclusionRuleFactory()
    )


def _partnership(world: World) -> Partnership:
    partnership = make.PartnershipFactory()
    for side in (partnership.pair.a, partnership.pair.b):
        make.SignatoryFactory(agreement=partnership.agreement, community=side)
        make.MembershipFactory(community=side)
    return partnership


def _submission(world: World) -> None:
    profile = make.ProfileFactory(status="submitted")
    make.CommunityRoleFactory(community=profile.community, vetted_at=None)
    make.VettingLetterFactory(profile=profile)


def _run(world: World) -> None:
    make.ScoringShardFactory.create_batch(2, run=make.ScoringRunFactory())


def _listed(world: World) -> None:
    member = make.MembershipFactory().community
    make.ListedPartnershipFactory(place_a=member.place, place_b=make.PlaceFactory())


def _claim(world: World, state: str) -> None:
    member = make.MembershipFactory(community=make.CommunityFactory(published=True)).community
    if ExistingPartnership.objects.count() % 2:
        county = make.CommunityFactory(kind="county", place=None, published=True)
        partner = {"name": county.name, "country": county.country, "partner": county}
    else:
        place = make.PlaceFactory()
        partner = {"name": place.name, "country": place.country, "place": place}
    make.ExistingPartnershipFactory(community=member, state=state, **partner)


def _suggestion(world: World) -> Suggestion:
    return make.SuggestionFactory(pair=make.PairFactory(a=world.a))


def _agreement(world: World) -> None:
    make.AgreementFactory(introduction=_introduction(world), status="signing", offered_number=1)


def _lived(world: World) -> None:
    make.PartnershipFactory(pair=make.PairFactory(a=world.a))


LISTS: dict[str, tuple[str, str, Maker]] = {
    "communities": ("visitor", "communities/", lambda world: make.CommunityFactory(published=True)),
    "my-searches": (
        "official",
        "me/searches/",
        lambda world: make.SavedSearchFactory(user=world.user("official")),
    ),
    "countries": (
        "visitor",
        "countries/",
        lambda world: make.CountryFactory(code=f"X{Country.objects.count() % 36:x}".upper()),
    ),
    "partnerships": ("visitor", "partnerships/", _partnership),
    "confirmed-partnerships": (
        "visitor",
        "confirmed-partnerships/",
        lambda world: _claim(world, "confirmed"),
    ),
    "staff-claims": ("curator", "staff/claims/", lambda world: _claim(world, "claimed")),
    "members": ("visitor", "members/", lambda world: make.MembershipFactory()),
    "membership-requests": (
        "official",
        "communities/{a}/membership-requests/",
        lambda world: make.MembershipRequestFactory(community=world.a),
    ),
    "staff-membership-requests": (
        "curator",
        "staff/membership-requests/",
        lambda world: make.MembershipRequestFactory(),
    ),
    "staff-members": ("curator", "staff/members/", lambda world: make.MembershipFactory()),
    "listed-partnerships": ("visitor", "listed-partnerships/", _listed),
    "notifications": (
        "official",
        "notifications/",
        lambda world: make.NotificationFactory(recipient=world.user("official")),
    ),
    "letters": (
        "official",
        "communities/{a}/profile/letters/",
        lambda world: make.VettingLetterFactory(profile=world.a.profile),
    ),
    "suggestions": ("official", "communities/{a}/suggestions/", _suggestion),
    "introductions": ("official", "communities/{a}/introductions/", _introduction),
    "follow-ups": ("official", "communities/{a}/follow-ups/", _follow_up),
    "staff-follow-ups": (
        "curator",
        "staff/introductions/{introduction}/follow-ups/",
        _follow_up_of_one,
    ),
    "community-events": (
        "official",
        "communities/{a}/events/",
        lambda world: make.EventFactory(community_id=world.a.pk),
    ),
    "staff-vetting": ("curator", "staff/vetting/", _submission),
    "staff-suggestions": ("curator", "staff/suggestions/", _suggestion),
    "staff-introductions": ("curator", "staff/introductions/", _introduction),
    "meetings": ("official", "communities/{a}/introductions/{introduction}/meetings/", _meeting),
    "staff-meetings": ("curator", "staff/introductions/{introduction}/meetings/", _meeting),
    "staff-notes": ("curator", "staff/introductions/{introduction}/notes/", _note),
    "staff-exclusion-rules": ("curator", "staff/exclusion-rules/", _exclusion_rule),
    "staff-policies": (
        "curator",
        "staff/release-policies/",
        lambda world: make.ReleasePolicyFactory(),
    ),
    "staff-runs": ("curator", "staff/runs/", _run),
    "staff-weights": ("curator", "staff/weights/", lambda world: make_version()),
    "staff-dead-letters": (
        "curator",
        "staff/dead-letters/",
        lambda world: make.JobFactory(
            status=Job.Status.DEAD, finished_at=make.MOMENT, event=make.EventFactory()
        ),
    ),
    "my-audit-log": (
        "official",
        "me/audit-log/",
        lambda world: make.EventFactory(by=world.user("official")),
    ),
    "my-tokens": (
        "official",
        "me/tokens/",
        lambda world: make.ApiTokenFactory(user=world.user("official")),
    ),
    "my-invitations": (
        "official",
        "me/invitations/",
        lambda world: make.InvitationFactory(email="official@example.org"),
    ),
    "my-join-requests": (
        "official",
        "me/join-requests/",
        lambda world: make.JoinRequestFactory(user=world.user("official")),
    ),
    "tickets": (
        "official",
        "tickets/",
        lambda world: make.TicketFactory(user=world.user("official")),
    ),
    "calls": (
        "visitor",
        "communities/{a}/calls/",
        lambda world: make.CallFactory(community=world.a),
    ),
    "call-drafts": (
        "official",
        "communities/{a}/call-drafts/",
        lambda world: make.CallFactory(community=world.a, published_at=None),
    ),
    "letters-to-organisation": (
        "official",
        "communities/{a}/letters/",
        lambda world: make.TicketFactory(addressee=world.a),
    ),
    "staff-tickets": ("curator", "staff/tickets/", lambda world: make.TicketFactory()),
    "agreements": ("official", "communities/{a}/agreements/", _agreement),
    "staff-agreements": ("curator", "staff/agreements/", _agreement),
    "lived-partnerships": ("official", "communities/{a}/partnerships/", _lived),
    "staff-partnerships": ("curator", "staff/partnerships/", _lived),
    "profile-partnerships": (
        "official",
        "communities/{a}/profile/partnerships/",
        lambda world: make.ExistingPartnershipFactory(community=world.a),
    ),
    "staff-requests": (
        "curator",
        "staff/partner-requests/",
        lambda world: make.PartnerRequestFactory(community=world.a),
    ),
    "people": (
        "official",
        "communities/{a}/people/",
        lambda world: make.CommunityRoleFactory(community=world.a),
    ),
    "invitations": (
        "official",
        "communities/{a}/invitations/",
        lambda world: make.InvitationFactory(community=world.a),
    ),
    "join-requests": (
        "official",
        "communities/{a}/join-requests/",
        lambda world: make.JoinRequestFactory(community=world.a),
    ),
    "staff-join-requests": (
        "curator",
        "staff/join-requests/",
        lambda world: make.JoinRequestFactory(),
    ),
    "staff-tokens": ("curator", "staff/tokens/", lambda world: make.ApiTokenFactory()),
    "staff-roles": ("admin", "staff/roles/", lambda world: make.UserFactory(curator=True)),
    "staff-events": (
        "curator",
        "staff/events/",
        lambda world: make.EventFactory(by=world.user("official")),
    ),
}


# Queries of the lists that ask more than six.
AT_MOST = {
    "members": 12,  # six read the directory, once until it changes
    "staff-vetting": 12,
    "meetings": 8,
    "staff-meetings": 8,
    "lived-partnerships": 7,
    "staff-partnerships": 7,
}


def test_no_list_is_left_out() -> None:
    lists = {
        route.name
        for route in api_urls
        if isinstance(getattr(route.callback, "cls", None), type)
        and issubclass(route.callback.cls, ApiList)
    }  # type: ignore[attr-defined]
    assert lists == set(LISTS)


@pytest.mark.parametrize("name", one_in(2, LISTS))
def test_queries_do_not_grow_with_the_rows(world: World, name: str) -> None:
    actor, path, make_row = LISTS[name]
    introduction = _shared_introduction(world).pk if "{introduction}" in path else None
    client, address = (
        world.client(actor),
        f"/api/v1/{path.format(a=world.a.pk, introduction=introduction)}?page_size=100",
    )

    def ask() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address)
        assert response.status_code == 200, response.content
        return len(queries), len(response.json()["results"])

    for _ in range(3):
        make_row(world)
    few, rows = ask()
    for _ in range(9):
        make_row(world)
    many, more_rows = ask()
    assert more_rows == rows + 9
    assert many == few
    assert few <= AT_MOST.get(name, 6)
