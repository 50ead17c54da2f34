"""Coverage of a draft: what the engine would say of it against everybody on the other side, and
what each missing answer is worth.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.cities.models import Community, Profile
from backend.cities.profile_schema import FIRST_NEEDS
from backend.cities.vocabularies import vocabulary
from backend.suggestions.models import WeightSet
from backend.suggestions.scoring import engine_for, fit_builder, freeze_snapshot, weights_in_force
from backend.suggestions.scoring.coverage import coverage_outlook, forget_others
from backend.suggestions.scoring.records import Commitments, community_record, engine_vocabulary
from matching.facets.coded import NeedsOffers
from tests.factories import MOMENT, CommunityFactory, UserFactory, document
from tests.world import make_communities

pytestmark = pytest.mark.django_db


def loaded(community: Community) -> Community:
    return Community.objects.select_related("country", "place", "profile__current_version").get(
        pk=community.pk
    )


def test_the_engine_reads_needs_in_their_order_and_no_more_than_the_profile_allows() -> None:
    topics = list(vocabulary("topics"))[20:8:-1]
    (older,) = make_communities(home=1, abroad=0)
    data = document(needs_offers={"needs": topics, "offers": topics})
    record = community_record(loaded(older), Commitments(frozenset(), 0), MOMENT, data)
    assert (record.needs, record.offers) == (tuple(topics[:10]), frozenset(topics[:10]))
    words = engine_vocabulary()
    assert words.near["flood_protection"]["coastal_management"] == 0.5
    assert words.answers["flooding"]["flood_protection"] == 1.0
    part = NeedsOffers(words.topics, words.near)
    part.fit([record], [])
    shares = sorted(part.encode([record], "left").seeker[0], reverse=True)
    assert shares[:10] == pytest.approx([2 / 13] * FIRST_NEEDS + [1 / 13] * 7)


def by_the_engine(community: Community) -> float:
    """The mean of both directions over all pairs of the community, from the engine itself."""
    snapshot = freeze_snapshot()
    found = engine_for(snapshot, weights_in_force(), fit_builder(snapshot)).preference.dense()
    at = [record.id for record in snapshot.left].index(community.pk)
    return float((found.left_coverage[at].mean() + found.right_coverage[at].mean()) / 2)


@pytest.mark.parametrize(
    "data",
    [
        document(),
        document(readiness={"budget": "yes"}, challenges={"challenges": ["flooding"]}),
        document(
            importances={"facets": {"needs_offers": 3, "distance": 3, "ties": 0}}, ties={"ties": []}
        ),
    ],
)
def test_coverage_is_the_mean_of_the_engines_own_over_all_pairs(data: dict[str, Any]) -> None:
    make_communities(home=3, abroad=12)
    mine = CommunityFactory(published=True, published__document=data)
    outlook = coverage_outlook(loaded(mine), data)
    assert outlook.compared_with == 12
    assert outlook.coverage == pytest.approx(by_the_engine(mine), abs=1e-6)


def test_each_gain_is_what_the_engine_finds_once_the_answer_is_given() -> None:
    make_communities(home=3, abroad=12)
    CommunityFactory(
        country_code="JP",
        published=True,
        published__document=document(challenges={"challenges": ["drought"]}),
    )
    data = document()
    mine = loaded(CommunityFactory(published=True, published__document=data))
    before = coverage_outlook(mine, data)
    gains = {gain.path: gain.adds for gain in before.gains}
    assert list(gains.values()) == sorted(gains.values(), reverse=True)
    answered = document(readiness={"travel": "no"}, challenges={"challenges": ["wildfires"]})
    after = coverage_outlook(mine, answered)
    assert after.coverage - before.coverage == pytest.approx(
        gains["readiness.council_support"] + gains["challenges.challenges"], abs=1e-9
    )
    assert not {"readiness.council_support", "challenges.challenges"} & {
        gain.path for gain in after.gains
    }


def test_answers_that_the_engine_does_not_compare_are_worth_nothing() -> None:
    make_communities(home=1, abroad=4)
    mine = loaded(CommunityFactory())
    Profile.objects.create(community=mine)
    paths = {gain.path.split(".")[0] for gain in coverage_outlook(loaded(mine), {}).gains}
    assert paths
    assert not paths & {
        "identity",
        "authority",
        "organisation",
        "sought",
        "capacity",
        "partnerships",
        "importances",
    }


def test_weights_in_force_decide_what_is_worth_most() -> None:
    make_communities(home=1, abroad=6)
    mine = loaded(CommunityFactory(published=True))
    data = document(needs_offers={})
    assert len(coverage_outlook(mine, data).gains) > 2
    weights = weights_in_force()
    unit = {**dict.fromkeys(weights["unit"], 0.01), "needs_offers": 50.0}
    promoted = {"in_force": True, "promoted_at": MOMENT, "promoted_by": UserFactory()}
    WeightSet.objects.create(
        weights={**weights, "unit": unit, "version": "test"}, source="test", decisions=0, **promoted
    )
    forget_others()
    heavy = coverage_outlook(mine, data)
    assert {gain.path for gain in heavy.gains} == {"needs_offers.needs", "needs_offers.offers"}
    assert heavy.gains[0].adds > 0.4


def test_first_of_a_side_is_compared_with_nobody_and_learns_it() -> None:
    mine = CommunityFactory()
    Profile.objects.create(community=mine, draft={})
    outlook = coverage_outlook(loaded(mine), {})
    assert outlook.compared_with == 0
    assert 0 < outlook.coverage < 1
    assert outlook.gains


def test_second_question_reads_no_other_profile() -> None:
    make_communities(home=1, abroad=30)
    mine = loaded(CommunityFactory(published=True))
    coverage_outlook(mine, document())
    with CaptureQueriesContext(connection) as captured:
        coverage_outlook(mine, document())
    assert len(captured) <= 1, "which run is visible"
