"""What takes one of a community's places for introductions, and that accepting never takes more
than there are, on either side.
"""

from __future__ import annotations

from typing import Any

import pytest

from backend.cities.models import Community
from backend.introductions.services.introductions import move_introduction, open_introduction
from backend.suggestions.eligibility import open_introductions
from backend.suggestions.models import Suggestion
from backend.suggestions.scoring import freeze_snapshot
from backend.suggestions.services import answer_suggestion
from backend.suggestions.services.answers import settle_due
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    IntroductionFactory,
    PairFactory,
    PartnershipFactory,
    SuggestionFactory,
    UserFactory,
    document,
)
from tests.simultaneous import at_once


def with_one_place(**values: Any) -> Community:
    return CommunityFactory(
        published=True, published__document=document(capacity={"open_introductions": 1}), **values
    )


def is_available(community: Community) -> bool:
    snapshot = freeze_snapshot()
    return next(
        record.available
        for record in (*snapshot.left, *snapshot.right)
        if record.id == community.pk
    )


@pytest.mark.django_db
def test_introduction_opened_by_hand_takes_a_place_until_it_is_closed() -> None:
    curator, home = UserFactory(curator=True), with_one_place()
    pair = PairFactory(a=home)
    introduction = open_introduction(by=curator, pair_id=pair.pk, because="They met.")
    assert [open_introductions(home.pk), open_introductions(pair.b_id)] == [1, 1]
    assert not is_available(home)
    move_introduction(
        by=curator, introduction_id=introduction.pk, stage="closed", close_reason="no_response"
    )
    assert open_introductions(home.pk) == 0
    assert is_available(home)


@pytest.mark.django_db
def test_mutual_interest_and_its_introduction_take_one_place() -> None:
    suggestion = SuggestionFactory(mutual=True)
    IntroductionFactory(suggestion=suggestion, stage="introduced")
    assert open_introductions(suggestion.pair.a_id) == 1


@pytest.mark.django_db
def test_partnership_gives_its_place_back() -> None:
    home = with_one_place()
    suggestion = SuggestionFactory(
        pair=PairFactory(a=home, block_reason="partners"),
        status="introduced",
        a_state="interested",
        b_state="interested",
    )
    PartnershipFactory(agreement__introduction__suggestion=suggestion)
    assert open_introductions(home.pk) == 0
    assert is_available(home)


@pytest.mark.django_db(transaction=True)
def test_two_accept_at_once_where_the_other_side_has_one_place_left() -> None:
    """The home community said yes to both before; the second yes waits, and takes effect when the
    place is free again.
    """
    home = with_one_place()
    others = [
        CommunityRoleFactory(community=CommunityFactory(country_code="DE", published=True))
        for _ in range(2)
    ]
    waiting = [
        SuggestionFactory(pair__a=home, pair__b=role.community, a_state="interested")
        for role in others
    ]
    accept = [
        lambda s=s, role=role: answer_suggestion(
            by=role.user, suggestion_id=s.pk, community_id=role.community_id, choice="interested"
        )
        for s, role in zip(waiting, others, strict=True)
    ]
    assert at_once(*accept) == [None, None], "neither learns that the other side is full"
    Suggestion.objects.update(a_final_at=None, b_final_at=None)
    assert at_once(settle_due, settle_due) == [None, None]
    assert sorted(Suggestion.objects.values_list("status", flat=True)) == ["mutual", "released"]
    assert open_introductions(home.pk) == 1
    Suggestion.objects.filter(status="mutual").update(
        status="withdrawn", a_state="withdrawn", closed_at="2026-01-01T00:00Z"
    )
    settle_due()
    assert sorted(Suggestion.objects.values_list("status", flat=True)) == ["mutual", "withdrawn"]
