"""Every list asks the database as often for twelve rows as for three."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.cities.models import Country
from backend.introductions.models import Introduction, Partnership
from backend.outbox.models import Work
from backend.suggestions.models import Bar, Suggestion
from backend.web.rest.base import ApiList
from backend.web.urls import api_urls
from tests import factories as make
from tests.actors import World
from tests.weights import make_version

Maker = Callable[[World], object]


def _introduction(world: World) -> Introduction:
    introduction = make.IntroductionFactory(
        suggestion=make.SuggestionFactory(pair=make.PairFactory(a=world.a), mutual=True), stage="introduced", owner=world.user("curator")
    )
    make.ConsentFactory(introduction=introduction, community=world.a)
    return introduction


def _card(world: World) -> Introduction:
    return Introduction.objects.filter(pair=world.pair).first() or world.introduced()


def _meeting(world: World) -> object:
    return make.MeetingFactory(introduction=_card(world), fixed=True)


def _note(world: World) -> object:
    return make.IntroductionNoteFactory(introduction=_card(world))


def _bar(world: World) -> Bar:
    """Now of a country, now of a pair."""
    return make.BarFactory(country=None, pair=make.PairFactory()) if Bar.objects.count() % 2 else make.BarFactory()


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
    member, place = make.MembershipFactory(community=make.CommunityFactory(published=True)).community, make.PlaceFactory()
    make.ExistingPartnershipFactory(community=member, place=place, name=place.name, country=place.country, state=state)


def _suggestion(world: World) -> Suggestion:
    return make.SuggestionFactory(pair=make.PairFactory(a=world.a))


def _agreement(world: World) -> None:
    make.AgreementFactory(introduction=_introduction(world), status="signing", offered_number=1)


def _lived(world: World) -> None:
    make.PartnershipFactory(pair=make.PairFactory(a=world.a))


LISTS: dict[str, tuple[str, str, Maker]] = {
    "communities": ("visitor", "communities/", lambda world: make.CommunityFactory(published=True)),
    "countries": ("visitor", "countries/", lambda world: make.CountryFactory(code=f"X{Country.objects.count() % 36:x}".upper())),
    "partnerships": ("visitor", "partnerships/", _partnership),
    "confirmed-partnerships": ("visitor", "confirmed-partnerships/", lambda world: _claim(world, "confirmed")),
    "staff-claims": ("curator", "staff/claims/", lambda world: _claim(world, "claimed")),
    "staff-members": ("curator", "staff/members/", lambda world: make.MembershipFactory()),
    "listed-partnerships": ("visitor", "listed-partnerships/", _listed),
    "notifications": ("official", "notifications/", lambda world: make.NotificationFactory(recipient=world.user("official"))),
    "letters": ("official", "communities/{a}/profile/letters/", lambda world: make.VettingLetterFactory(profile=world.a.profile)),
    "suggestions": ("official", "communities/{a}/suggestions/", _suggestion),
    "introductions": ("official", "communities/{a}/introductions/", _introduction),
    "community-events": ("official", "communities/{a}/events/", lambda world: make.EventFactory(community_id=world.a.pk)),
    "staff-vetting": ("curator", "staff/vetting/", _submission),
    "staff-suggestions": ("curator", "staff/suggestions/", _suggestion),
    "staff-introductions": ("curator", "staff/introductions/", _introduction),
    "meetings": ("official", "communities/{a}/introductions/{introduction}/meetings/", _meeting),
    "staff-meetings": ("curator", "staff/introductions/{introduction}/meetings/", _meeting),
    "staff-notes": ("curator", "staff/introductions/{introduction}/notes/", _note),
    "staff-bars": ("curator", "staff/bars/", _bar),
    "staff-policies": ("curator", "staff/release-policies/", lambda world: make.ReleasePolicyFactory()),
    "staff-runs": ("curator", "staff/runs/", _run),
    "staff-weights": ("curator", "staff/weights/", lambda world: make_version()),
    "staff-dead-letters": (
        "curator",
        "staff/dead-letters/",
        lambda world: make.WorkFactory(status=Work.Status.DEAD, finished_at=make.MOMENT, event=make.EventFactory()),
    ),
    "my-acts": ("official", "me/acts/", lambda world: make.EventFactory(by=world.user("official"))),
    "my-tokens": ("official", "me/tokens/", lambda world: make.ApiTokenFactory(user=world.user("official"))),
    "my-invitations": ("official", "me/invitations/", lambda world: make.InvitationFactory(email="official@example.org")),
    "my-join-requests": ("official", "me/join-requests/", lambda world: make.JoinRequestFactory(user=world.user("official"))),
    "agreements": ("official", "communities/{a}/agreements/", _agreement),
    "staff-agreements": ("curator", "staff/agreements/", _agreement),
    "lived-partnerships": ("official", "communities/{a}/partnerships/", _lived),
    "staff-partnerships": ("curator", "staff/partnerships/", _lived),
    "profile-partnerships": (
        "official",
        "communities/{a}/profile/partnerships/",
        lambda world: make.ExistingPartnershipFactory(community=world.a),
    ),
    "people": ("official", "communities/{a}/people/", lambda world: make.CommunityRoleFactory(community=world.a)),
    "invitations": ("official", "communities/{a}/invitations/", lambda world: make.InvitationFactory(community=world.a)),
    "join-requests": ("official", "communities/{a}/join-requests/", lambda world: make.JoinRequestFactory(community=world.a)),
    "staff-join-requests": ("curator", "staff/join-requests/", lambda world: make.JoinRequestFactory()),
    "staff-tokens": ("curator", "staff/tokens/", lambda world: make.ApiTokenFactory()),
    "staff-roles": ("admin", "staff/roles/", lambda world: make.UserFactory(curator=True)),
    "staff-events": ("curator", "staff/events/", lambda world: make.EventFactory(by=world.user("official"))),
}


def test_no_list_is_left_out() -> None:
    lists = {
        route.name
        for route in api_urls
        if isinstance(getattr(route.callback, "cls", None), type) and issubclass(route.callback.cls, ApiList)
    }  # type: ignore[attr-defined]
    assert lists == set(LISTS)


@pytest.mark.parametrize("name", LISTS)
def test_queries_do_not_grow_with_the_rows(world: World, name: str) -> None:
    actor, path, make_row = LISTS[name]
    introduction = _card(world).pk if "{introduction}" in path else None
    client, address = world.client(actor), f"/api/v1/{path.format(a=world.a.pk, introduction=introduction)}?page_size=100"

    def ask() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        assert answer.status_code == 200, answer.content
        return len(queries), len(answer.json()["results"])

    for _ in range(3):
        make_row(world)
    few, rows = ask()
    for _ in range(9):
        make_row(world)
    many, more_rows = ask()
    assert more_rows == rows + 9
    assert many == few
    assert few <= 12
