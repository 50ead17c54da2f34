"""Why a community has few suggestions: its figures against a count by hand, their blindness to what
is nobody's business, and how pages, API and staff read them. Coverage of a draft: what the engine
would say of it against everybody on the other side, and what each missing answer is worth.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.profile_schema import FIRST_NEEDS
from backend.cities.vocabularies import vocabulary
from backend.common.dates import database_now
from backend.suggestions.models import StoredProspects, Suggestion, WeightSet
from backend.suggestions.scoring import engine_for, fit_builder, freeze_snapshot, weights_in_force
from backend.suggestions.scoring.coverage import coverage_outlook, forget_others
from backend.suggestions.scoring.prospects import Prospects, ProspectsOfSide
from backend.suggestions.scoring.records import Commitments, community_record, engine_vocabulary
from backend.suggestions.services import ranking_cache, runs
from backend.suggestions.services.curation import set_policy
from backend.suggestions.services.prospects import store_prospects
from backend.suggestions.services.suggestions_from_ranking import derive_suggestions
from matching.facets.coded import NeedsOffers
from matching.types import ProfileRecord, Snapshot, Sought
from tests.actors import World
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CommunityRoleFactory,
    SuggestionFactory,
    UserFactory,
    document,
)
from tests.world import make_communities

pytestmark = pytest.mark.django_db
OTHERS = "causes may lie with other communities or with us"


def prospects_of(snapshot: Snapshot, community_id: int, fitted: Any = None) -> Prospects:
    engine = engine_for(snapshot, weights_in_force(), fitted or fit_builder(snapshot))
    side = "left" if community_id in engine.rows else "right"
    return ProspectsOfSide(engine, side, 0.45).of(community_id)


def with_right(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Everybody abroad changes in this."""
    return dataclasses.replace(
        snapshot, right=tuple(dataclasses.replace(r, **changes) for r in snapshot.right)
    )


@pytest.fixture
def wishful(db: None) -> Community:
    """In a world of 3 + 24: wants Germans of a certain size, and speaks what nobody does."""
    make_communities(home=2, abroad=24)
    answers = document(
        sought={
            "countries": ["DE", "JP"],
            "population_min": 100_000,
            "population_max": 500_000,
            "excluded_countries": ["JP"],
        },
        languages={"working": ["ar"]},
    )
    made: Community = CommunityFactory(published=True, published__document=answers)
    return made


class TestFigures:
    def test_each_is_what_one_counts_by_hand(self, wishful: Community) -> None:
        snapshot = freeze_snapshot()
        found = prospects_of(snapshot, wishful.pk)
        abroad = snapshot.right

        def count(*rules: Any) -> int:
            return sum(all(rule(record) for rule in rules) for record in abroad)

        def wanted(r: ProfileRecord) -> bool:
            return r.country in ("DE", "JP")

        def allowed(r: ProfileRecord) -> bool:
            return r.country != "JP"

        def fits(r: ProfileRecord) -> bool:
            return r.population is None or 100_000 <= r.population <= 500_000

        assert (found.counterparts, found.candidates) == (24, count(wanted, allowed, fits))
        effects = {wish.code: (wish.leaves, wish.without) for wish in found.wishes}
        assert effects == {
            "places": (count(wanted), count(allowed, fits)),
            "excluded": (count(allowed), count(wanted, fits)),
            "population": (count(fits), count(wanted, allowed)),
        }
        assert (found.speaks_with, found.stated) == (0, found.candidates)
        assert found.languages == (("en", found.candidates),)

    def test_coverage_is_the_engines_own_mean(self, wishful: Community) -> None:
        snapshot = freeze_snapshot()
        engine = engine_for(snapshot, weights_in_force(), fit_builder(snapshot))
        pairs = engine.preference.dense()
        for side, ids, axis in (("left", engine.left.ids, 1), ("right", engine.right.ids, 0)):
            means = (pairs.left_coverage.mean(axis) + pairs.right_coverage.mean(axis)) / 2
            of_side = ProspectsOfSide(engine, side, 0.45)
            for community_id, mean in zip(ids.tolist(), means, strict=True):
                assert of_side.of(community_id).coverage == pytest.approx(mean, abs=1e-6)

    def test_reaching_and_nearest_part_the_candidates_at_the_threshold(
        self, wishful: Community
    ) -> None:
        snapshot = freeze_snapshot()
        fitted = fit_builder(snapshot)
        found = prospects_of(snapshot, wishful.pk, fitted)
        assert found.reaching + len(found.nearest) == found.candidates <= 12
        preferences = [near.preference for near in found.nearest]
        assert preferences == sorted(preferences, reverse=True)
        engine = engine_for(with_right(snapshot, readiness={}), weights_in_force(), fitted)
        row = engine.rows[wishful.pk]
        for near in found.nearest:
            plain = engine.preference.dense().left_to_right[row, engine.cols[near.community_id]]
            # Nobody here says how ready it is, so the engine takes the worst quarter for granted
            assert plain == pytest.approx(near.preference, abs=0.1)

    def test_nothing_that_is_not_public_moves_any_of_them(self, wishful: Community) -> None:
        snapshot = freeze_snapshot()
        fitted = fit_builder(snapshot)
        plain = prospects_of(snapshot, wishful.pk, fitted)
        excluding = Sought(excluded_countries=frozenset({"US"}), population_min=900_000)
        lives = {
            "pause or no room": with_right(snapshot, available=False),
            "wishes": with_right(snapshot, sought=excluding),
            "readiness": with_right(snapshot, readiness={"budget": 1.0}),
            "pairs": dataclasses.replace(
                snapshot, barred_pairs=frozenset((wishful.pk, r.id) for r in snapshot.right)
            ),
            "rules of staff": dataclasses.replace(
                snapshot, barred_countries=frozenset({("US", "DE")})
            ),
        }
        for life, changed in lives.items():
            found = prospects_of(changed, wishful.pk, fitted)
            if life == "readiness":  # a mean over everybody, which the profile's page shows as well
                found = dataclasses.replace(found, coverage=plain.coverage)
            assert found == plain, life


def scored(world: World) -> None:
    ranking_cache.forget()
    run = runs.begin_run(reason="requested")
    assert run is not None
    for index in range(run.shard_count):
        runs.score_shard(run.pk, index)
    derive_suggestions()
    store_prospects()


def words(world: World, actor: str = "official") -> str:
    own = world.a if actor == "official" else world.b
    return world.client(actor).get(f"/communities/{own.pk}/suggestions/").content.decode()


def standing(world: World) -> dict[str, Any]:
    address = f"/api/v1/communities/{world.a.pk}/suggestions/prospects/"
    found: dict[str, Any] = world.client("official").get(address).json()
    return found


def codes(world: World) -> list[str]:
    return [cause["code"] for cause in standing(world)["causes"]]


def publish(community: Community, user: User, **groups: Any) -> None:
    from backend.cities.models import ProfileVersion

    profile = community.profile
    profile.current_version = ProfileVersion.objects.create(
        profile=profile,
        number=profile.current_version.number + 1,
        data=document(**groups),
        published_by=user,
    )
    profile.save()


class TestStanding:
    def test_own_state_policy_and_room_are_told(self, world: World) -> None:
        assert codes(world) == ["not_scored", "others"]
        Profile.objects.filter(community=world.a).update(status="paused")
        assert codes(world) == ["paused", "others"]
        long_ago = database_now() - dt.timedelta(days=500)
        Profile.objects.filter(community=world.a).update(status="stale", confirmed_at=long_ago)
        assert codes(world) == ["overdue", "others"]
        set_policy(by=world.user("curator"), mode="by_hand", because="Calm.")
        assert codes(world) == ["overdue", "by_hand", "others"]
        publish(world.a, world.user("official"), capacity={"open_introductions": 1})
        SuggestionFactory(pair=world.pair, mutual=True)
        assert codes(world) == ["not_scored", "capacity", "by_hand", "others"]
        assert "Open introductions: 1; your profile allows 1." in words(world)
        for _ in range(2):
            other = CommunityFactory(country_code="MX", published=True)
            SuggestionFactory(pair__a=world.a, pair__b=other)
        assert standing(world)["is_few"] is False

    def test_what_nobody_can_answer_any_more_does_not_go_on(self, world: World) -> None:
        for status in ("published", "fulfilled", "withdrawn"):
            other = CommunityFactory(country_code="MX", published=True)
            SuggestionFactory(pair__a=world.a, pair__b=other)
            Profile.objects.filter(community=other).update(status=status)
        assert (standing(world)["open"], standing(world)["is_few"]) == (1, True)
        assert "Why there are not more" in words(world)
        Profile.objects.filter(community=world.a).update(status="fulfilled")
        assert (standing(world)["open"], codes(world)[0]) == (0, "not_seeking")

    def test_wishes_and_languages_are_told_with_what_would_change(self, world: World) -> None:
        publish(
            world.a,
            world.user("official"),
            sought={"countries": ["JP"]},
            languages={"working": ["ar"]},
        )
        CommunityFactory(country_code="JP", published=True)
        scored(world)
        assert {"places", "languages"} <= set(codes(world))
        page = words(world)
        assert "leaves 1 of 3 communities by itself" in page
        assert "there would be 3" in page
        assert "Adding English would open 1 more" in page
        assert "/profile/sought/" in page
        assert "come within seconds" not in page

    def test_one_sentence_for_all_else_and_for_everybody(self, world: World) -> None:
        scored(world)
        Suggestion.objects.all().delete()
        assert OTHERS in words(world)
        assert OTHERS in words(world, "chair")
        Profile.objects.filter(community=world.b).update(status="paused")
        plain = standing(world)["causes"]
        SuggestionFactory(pair=world.pair, proposed=True)
        assert standing(world)["causes"] == plain

    def test_excluded_countries_are_told_to_those_who_may_read_the_draft(
        self, world: World
    ) -> None:
        publish(world.a, world.user("official"), sought={"excluded_countries": ["DE"]})
        scored(world)
        assert "excluded" in codes(world)
        member = CommunityRoleFactory(community=world.a, role="committee_member").user
        world.people["member"] = member
        address = f"/api/v1/communities/{world.a.pk}/suggestions/prospects/"
        told = world.client("member").get(address).json()
        assert "excluded" not in [cause["code"] for cause in told["causes"]]

    def test_after_a_version_the_page_says_what_it_has_changed(self, world: World) -> None:
        publish(world.a, world.user("official"))
        assert "is not scored yet. Once it is" in words(world)
        scored(world)
        Suggestion.objects.all().delete()
        assert "It has changed nothing in your suggestions" in words(world)
        SuggestionFactory(pair=world.pair, released_at=dt.datetime.now(dt.UTC))
        assert "you have 1 new suggestion." in words(world)

    def test_staff_read_the_causes_of_all_narrow_and_keep_them(self, world: World) -> None:
        publish(world.a, world.user("official"), sought={"countries": ["JP"]})
        scored(world)
        Suggestion.objects.all().delete()
        client = world.client("curator")
        page = client.get("/staff/few-suggestions/").content.decode()
        assert "Wishes for countries or regions" in page
        narrowed = client.get("/staff/few-suggestions/?cause=places&without=on&format=csv")
        rows = list(csv.DictReader(io.StringIO(narrowed.content.decode("utf-8-sig"))))
        assert [row["community"] for row in rows] == [world.a.name]
        assert rows[0]["candidates"] == "0"
        every = client.get("/staff/few-suggestions/?format=csv").content.decode("utf-8-sig")
        assert world.newcomer.name in every


def test_prospects_follow_each_scoring_and_may_be_stored_twice(world: World) -> None:
    assert store_prospects() == 0
    scored(world)
    first = StoredProspects.objects.get(community=world.a)
    publish(world.a, world.user("official"), sought={"countries": ["JP"]})
    assert store_prospects([world.a.pk]) == store_prospects([world.a.pk]) == 1
    again = StoredProspects.objects.get(community=world.a)
    assert again.version_id != first.version_id
    assert again.prospects["candidates"] < first.prospects["candidates"]


# Coverage of a draft


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
