"""The number of queries of a list page does not grow with its rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile
from tests.factories import (
    AgreementFactory,
    BarFactory,
    CommunityFactory,
    CommunityRoleFactory,
    DeliveryFactory,
    EventFactory,
    IntroductionFactory,
    IntroductionNoteFactory,
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
    WorkFactory,
)
from tests.web.conftest import SignIn
from tests.weights import make_version


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def check_constant(client: Client, url: str, add: Callable[[int], object], at_most: int) -> None:
    for index in range(2):
        add(index)
    client.get(url)
    few = queries(client, url)
    for index in range(2, 9):
        add(index)
    many = queries(client, url)
    assert many == few
    assert many <= at_most


@pytest.mark.parametrize("name", ["home", "seeking"])
def test_public_lists_of_communities(db: None, client: Client, name: str) -> None:
    check_constant(client, reverse(f"web:{name}"), lambda i: CommunityFactory(published=True), at_most=4)


def test_directory(db: None, client: Client) -> None:
    def add(index: int) -> None:
        partnership = PartnershipFactory()
        MembershipFactory(community=partnership.pair.a)
        ListedPartnershipFactory(place_a=partnership.pair.a.place, place_b=PlaceFactory())

    check_constant(client, reverse("web:directory"), add, at_most=7)


def test_community_with_its_partners(db: None, client: Client) -> None:
    shown = CommunityFactory(published=True)

    def add(index: int) -> None:
        other = CommunityFactory(published=True, country_code="DE")
        pair = PairFactory(a=shown, b=other)
        PartnershipFactory(agreement__introduction__suggestion__pair=pair)
        ListedPartnershipFactory(place_a=shown.place, place_b=other.place)

    check_constant(client, reverse("web:community", args=[shown.pk]), add, at_most=8)


def test_my_suggestions_and_desk(official: CommunityRole, sign_in: SignIn) -> None:
    def add(index: int) -> None:
        other = CommunityFactory(published=True, country_code="DE")
        SuggestionFactory(pair__a=official.community, pair__b=other)

    client = sign_in(official.user)
    check_constant(client, reverse("web:suggestions", args=[official.community_id]), add, at_most=20)
    assert queries(client, reverse("web:desk")) <= 12


def test_partnerships_of_a_community(official: CommunityRole, sign_in: SignIn) -> None:
    def add(index: int) -> None:
        other = CommunityFactory(published=True, country_code="DE")
        PartnershipFactory(agreement__introduction__suggestion__pair=PairFactory(a=official.community, b=other))

    check_constant(sign_in(official.user), reverse("web:partnerships", args=[official.community_id]), add, at_most=10)


def test_inbox(official: CommunityRole, sign_in: SignIn) -> None:
    def add(index: int) -> None:
        NotificationFactory(recipient=official.user, community=official.community)

    check_constant(sign_in(official.user), reverse("web:inbox"), add, at_most=6)


def add_submission(index: int) -> None:
    profile = ProfileFactory()
    Profile.objects.filter(pk=profile.pk).update(status="submitted", submitted_at="2026-03-01T09:00Z")
    VettingLetterFactory(profile=profile)


STAFF_LISTS: dict[str, tuple[Callable[[int], object], int]] = {
    "staff_vetting": (add_submission, 13),
    "staff_suggestions": (lambda i: SuggestionFactory(proposed=True), 8),
    "staff_introductions": (lambda i: (IntroductionFactory(), BarFactory(country=None, pair=PairFactory())), 12),
    "staff_bars": (lambda i: (BarFactory(), BarFactory(country=None, pair=PairFactory())), 9),
    "staff_policy": (lambda i: ReleasePolicyFactory(), 7),
    "staff_runs": (lambda i: ScoringRunFactory(), 7),
    "staff_weights": (lambda i: make_version(f"learned-{i}"), 7),
    "staff_dead_letters": (lambda i: WorkFactory(status="dead", finished_at="2026-03-01T09:00Z", event=EventFactory()), 6),
    "staff_mails": (lambda i: DeliveryFactory(status="failed"), 5),
    "staff_events": (lambda i: EventFactory(), 6),
    "staff_agreements": (lambda i: AgreementFactory(), 8),
    "staff_partnerships": (lambda i: PartnershipFactory(), 9),
}


@pytest.mark.parametrize("name", STAFF_LISTS)
def test_staff_lists(curator: User, sign_in: SignIn, name: str) -> None:
    add, at_most = STAFF_LISTS[name]
    check_constant(sign_in(curator), reverse(f"web:{name}"), add, at_most)


def test_card_and_introduction_with_many_meetings(curator: User, sign_in: SignIn) -> None:
    card = IntroductionFactory(stage="introduced")
    role = CommunityRoleFactory(community=card.pair.a)

    def add(index: int) -> None:
        MeetingFactory(introduction=card)
        IntroductionNoteFactory(introduction=card)

    check_constant(sign_in(curator), reverse("web:staff_introduction", args=[card.pk]), add, at_most=20)
    check_constant(sign_in(role.user), reverse("web:introduction", args=[card.pk]), add, at_most=22)
