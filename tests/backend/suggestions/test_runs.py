"""Scoring runs on a small world in the database: what a run leaves, and that everything after it
agrees with it.
"""

from __future__ import annotations

import copy
import json
import math
import random
import zlib
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q

from backend.cities.models import Community, Place, Profile, ProfileVersion
from backend.cities.vocabularies import vocabulary
from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.suggestions.models import (
    CurrentRun,
    ExclusionRule,
    RankedPair,
    ScoringRun,
    ScoringShard,
    Suggestion,
)
from backend.suggestions.scoring import (
    engine_for,
    freeze_snapshot,
    rank,
    ranking_rows,
    records,
    snapshots,
)
from backend.suggestions.services import ranked_pairs, ranking_cache, runs, suggestions_from_ranking
from matching.types import ProfileRecord, Snapshot
from tests.factories import (
    CommunityFactory,
    ListedPartnershipFactory,
    PairFactory,
    SuggestionFactory,
    UserFactory,
    document,
)

pytestmark = pytest.mark.django_db


def _answers(rng: random.Random) -> dict[str, dict[str, Any]]:
    """A varied complete document; some groups are left empty, as people do."""

    def some(name: str, most: int) -> list[str]:
        return rng.sample(list(vocabulary(name)), rng.randint(1, most))

    answers = document(
        sectors={"strengths": {code: rng.randint(1, 3) for code in some("sectors", 5)}},
        themes={"importances": {code: rng.randint(1, 3) for code in some("themes", 4)}},
        needs_offers={"needs": some("topics", 6), "offers": some("topics", 6)},
        challenges={"challenges": some("challenges", 4)},
        languages={"working": rng.sample(["en", "de", "es", "fr"], rng.randint(1, 2))},
        facts={"population": rng.randint(5_000, 900_000)},
    )
    for group in ("sectors", "challenges"):
        if rng.random() < 0.3:
            answers.pop(group)
    return answers


Sides = tuple[list[Community], list[Community]]


@pytest.fixture(scope="module")
def sides(module_db: None) -> Sides:
    """12 communities at home, 18 in three countries."""
    rng = random.Random(7)
    home = [CommunityFactory(published=True, published__document=_answers(rng)) for _ in range(12)]
    abroad = [
        CommunityFactory(published=True, published__document=_answers(rng), country_code=c)
        for c in ("DE", "JP", "MX") * 6
    ]
    return home, abroad


@pytest.fixture
def world(settings: Any, sides: Sides) -> Sides:
    """Lists of 4, shards of 5 rows."""
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "k": 4, "shards": 3, "shard_rows_min": 1}
    ranking_cache.forget()
    return copy.deepcopy(sides)


def _perform_run(order: str = "forward") -> ScoringRun:
    run = runs.begin_run(reason="requested")
    assert run is not None
    shards = list(run.shards.order_by("index" if order == "forward" else "-index"))
    for shard in shards:
        runs.score_shard(run.pk, shard.index)
    run.refresh_from_db()
    return run


def _rows(run: ScoringRun) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in ranked_pairs.stored_rows(run.pk).values())


def _publish(community: Community, answers: dict[str, Any]) -> None:
    profile = Profile.objects.get(community=community)
    number = profile.versions.count() + 1000
    profile.current_version = ProfileVersion.objects.create(
        profile=profile, number=number, data=answers
    )
    profile.save()


def test_run_in_shards_leaves_what_one_pass_over_both_sides_gives(world: Any) -> None:
    run = _perform_run()
    assert (
        run.status == ScoringRun.Status.COMPLETE
        and run.shard_count == 3
        and run.pairs_scored == 12 * 18
    )
    frozen, builder = ranking_cache.frozen_run(run.pk)
    whole = ranking_rows(rank(engine_for(frozen, run.weights, builder), run.k))
    assert ranked_pairs.stored_rows(run.pk).keys() == whole.keys()
    for pair, row in ranked_pairs.stored_rows(run.pk).items():
        assert (row.left_rank, row.right_rank) == (whole[pair].left_rank, whole[pair].right_rank)
        assert row.score == pytest.approx(whole[pair].score, abs=1e-12)


def test_shards_in_any_order_and_twice_give_the_same_rows(world: Any) -> None:
    first = _perform_run()
    second = _perform_run(order="backward")
    for shard in second.shards.all():
        runs.score_shard(second.pk, shard.index)
    assert _rows(first) == _rows(second)
    assert Event.objects.filter(topic=Topic.RUN_COMPLETED, subject_id=second.pk).count() == 1


def test_run_is_invisible_until_its_last_shard_is_done(world: Any) -> None:
    first = _perform_run()
    second = runs.begin_run(reason="nightly")
    assert second is not None
    indices = list(second.shards.order_by("index").values_list("index", flat=True))
    for index in indices[:-1]:
        runs.score_shard(second.pk, index)
        assert CurrentRun.objects.get().run_id == first.pk
    runs.score_shard(second.pk, indices[-1])
    assert CurrentRun.objects.get().run_id == second.pk


def test_visible_run_of_an_older_version_stays_readable(world: Any) -> None:
    """Its weights and its frozen records lack what has come since, and have what has gone."""
    run = _perform_run()
    before = _rows(run)
    unit = {f: value for f, value in run.weights["unit"].items() if f != "readiness"}
    content = json.loads(zlib.decompress(bytes(run.snapshot)))
    for record in (*content["left"], *content["right"]):
        record.pop("institutions")
        record |= {"dialects": ["bavarian"]}
    run.weights |= {"unit": unit | {"dialects": 2.0}}
    run.snapshot = zlib.compress(json.dumps(content).encode())
    run.save()
    ranking_cache.forget()
    assert runs.rescore_communities([world[0][0].pk])
    assert _rows(run) == before


def test_snapshot_keeps_the_order_of_needs_and_knows_where_there_was_none() -> None:
    needs = ("water_management", "affordable_housing", "urban_planning", "biodiversity")
    given = Snapshot(left=(ProfileRecord(1, "US", needs=needs),), right=())
    packed = snapshots.pack_snapshot(given)
    assert snapshots.unpack_snapshot(packed, "").left == given.left
    content = json.loads(zlib.decompress(packed))
    content["left"][0] |= {"needs": sorted(needs)}
    del content["left"][0]["needs_ordered"]
    older = snapshots.unpack_snapshot(zlib.compress(json.dumps(content).encode()), "").left
    assert older[0].needs == frozenset(needs)
    repacked = snapshots.pack_snapshot(replace(given, left=older))
    assert snapshots.unpack_snapshot(repacked, "").left == older


def test_second_run_waits_until_the_first_is_over(world: Any) -> None:
    first = runs.begin_run(reason="requested")
    assert first is not None and runs.begin_run(reason="nightly") is None
    with pytest.raises(IntegrityError), transaction.atomic():
        ScoringRun.objects.create(
            reason="x",
            k=1,
            weights={},
            snapshot=b"",
            snapshot_version="",
            left_count=0,
            right_count=0,
            shard_count=0,
        )


def test_run_whose_shard_was_given_up_fails_and_makes_room(world: Any) -> None:
    stuck = runs.begin_run(reason="requested")
    assert stuck is not None
    moment = stuck.begun_at
    Job.objects.create(
        task="score_shard",
        key=f"{stuck.pk}:0",
        status="dead",
        available_at=moment,
        finished_at=moment,
    )
    fresh = runs.begin_run(reason="nightly")
    stuck.refresh_from_db()
    assert fresh is not None and stuck.status == ScoringRun.Status.FAILED and stuck.error


@pytest.mark.parametrize("side", [0, 1])
def test_rescoring_one_community_gives_what_a_full_pass_would(world: Any, side: int) -> None:
    run = _perform_run()
    rng = random.Random(99)
    for community in (world[side][3], world[side][0]):
        _publish(community, _answers(rng))
        assert runs.rescore_communities([community.pk])
    _frozen, builder = ranking_cache.frozen_run(run.pk)
    whole = ranking_rows(rank(engine_for(freeze_snapshot(), run.weights, builder), run.k))
    stored = ranked_pairs.stored_rows(run.pk)
    assert stored.keys() == whole.keys()
    assert all(stored[pair] == pytest.approx(whole[pair], abs=1e-9, nan_ok=True) for pair in whole)


def test_new_paused_and_returning_communities_are_rescored_exactly(world: Any) -> None:
    run = _perform_run()
    rng = random.Random(5)
    newcomer = CommunityFactory(
        published=True, published__document=_answers(rng), country_code="JP"
    )
    paused = world[1][2]
    Profile.objects.filter(community=paused).update(status="paused")
    for community in (newcomer, paused):
        assert runs.rescore_communities([community.pk])
    stored = ranked_pairs.stored_rows(run.pk)
    assert any(newcomer.pk in pair for pair in stored) and not any(
        paused.pk in pair for pair in stored
    )
    Profile.objects.filter(community=paused).update(status="published")
    runs.rescore_communities([paused.pk])
    _frozen, builder = ranking_cache.frozen_run(run.pk)
    whole = ranking_rows(rank(engine_for(freeze_snapshot(), run.weights, builder), run.k))
    assert ranked_pairs.stored_rows(run.pk).keys() == whole.keys()


def _assert_stored_is_exact(run: ScoringRun) -> None:
    _frozen, builder = ranking_cache.frozen_run(run.pk)
    whole = ranking_rows(rank(engine_for(freeze_snapshot(), run.weights, builder), run.k))
    stored = ranked_pairs.stored_rows(run.pk)
    assert stored.keys() == whole.keys()
    assert all(stored[pair] == pytest.approx(whole[pair], abs=1e-8, nan_ok=True) for pair in whole)


def test_a_kept_ranking_writes_only_what_changed(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _perform_run()
    rng = random.Random(4)
    runs.rescore_communities([world[0][0].pk])
    asked: list[tuple[Any, ...]] = []
    stored_rows = ranked_pairs.stored_rows
    monkeypatch.setattr(
        ranked_pairs, "stored_rows", lambda *args: asked.append(args) or stored_rows(*args)
    )
    _publish(world[0][6], _answers(rng))
    runs.rescore_communities([world[0][6].pk])
    assert len(asked) == 1 and asked[0][1] == [world[0][6].pk] and len(asked[0][2]) < 18
    monkeypatch.undo()
    _assert_stored_is_exact(run)


def test_rescorings_by_two_workers_and_after_a_restart_agree(world: Any) -> None:
    """Each worker keeps a ranking of its own and stores it after what the other stored, once with
    an edit taken back in between.
    """
    run = _perform_run()
    rng = random.Random(11)
    kept: list[ranking_cache.FollowedRun | None] = [None, None]
    first_words = world[0][2].profile.current_version.data
    edits = [
        (0, world[0][2], _answers(rng)),
        (1, world[1][4], _answers(rng)),
        (1, world[0][2], first_words),
        (0, world[1][9], _answers(rng)),
    ]
    for worker, community, answers in [*edits, (1, world[0][2], _answers(rng))]:
        ranking_cache._followed = kept[worker]
        _publish(community, answers)
        assert runs.rescore_communities([community.pk])
        kept[worker] = ranking_cache._followed
        _assert_stored_is_exact(run)
    ranking_cache.forget()
    _publish(world[1][0], _answers(rng))
    runs.rescore_communities([world[1][0].pk])
    _assert_stored_is_exact(run)


def test_a_rescoring_that_is_rolled_back_leaves_nothing_wrong_behind(world: Any) -> None:
    run = _perform_run()
    rng = random.Random(21)
    runs.rescore_communities([world[0][0].pk])
    with transaction.atomic():
        _publish(world[0][3], _answers(rng))
        runs.rescore_communities([world[0][3].pk])
        transaction.set_rollback(True)
    _publish(world[1][3], _answers(rng))
    runs.rescore_communities([world[1][3].pk])
    _assert_stored_is_exact(run)


def test_withdrawn_communities_leave_every_list(world: Any) -> None:
    run = _perform_run()
    runs.rescore_communities([world[0][0].pk])
    for community in (world[0][5], world[1][5]):
        Profile.objects.filter(community=community).update(status="withdrawn")
        runs.rescore_communities([community.pk])
        assert not RankedPair.objects.filter(
            Q(left=community) | Q(right=community), run=run
        ).exists()
    _assert_stored_is_exact(run)


def test_rescoring_without_a_run_says_so(world: Any) -> None:
    assert runs.rescore_communities([world[0][0].pk]) is False


def test_profiles_published_during_a_run_are_asked_for_again(world: Any) -> None:
    run = runs.begin_run(reason="nightly")
    assert run is not None
    _publish(world[0][1], _answers(random.Random(3)))
    for shard in run.shards.all():
        runs.score_shard(run.pk, shard.index)
    assert runs.rescore_changed(run.pk) == 1
    assert Job.objects.get(task="rescore_community").key == str(world[0][1].pk)


def test_records_that_have_not_changed_are_kept_and_others_read_again(world: Any) -> None:
    before = {r.id: r for side in (freeze_snapshot().left, freeze_snapshot().right) for r in side}
    renamed, partnered, unanswered, untouched = world[0][0], world[0][1], world[1][0], world[0][5]
    Community.objects.filter(pk=renamed.pk).update(timezone="America/Denver")
    SuggestionFactory(mutual=True, pair=PairFactory(a=partnered, b=world[1][7]))
    Profile.objects.filter(community=unanswered).update(confirmed_at="2001-01-01T00:00:00Z")
    Place.objects.filter(community=world[1][3]).update(climate="Dfb")
    now = freeze_snapshot()
    after = {r.id: r for side in (now.left, now.right) for r in side}
    assert after[untouched.pk] is before[untouched.pk]
    assert (
        after[renamed.pk].utc_offset_hours == -7
        and not after[unanswered.pk].available
        and after[world[1][3].pk].climate == "Dfb"
    )
    records._kept = {}
    fresh = freeze_snapshot()
    assert (fresh.left, fresh.right) == (now.left, now.right)


def test_partners_and_resting_pairs_are_never_ranked(world: Any) -> None:
    left, right = world[0][0], world[1][0]
    a, b = sorted((left.place_id, right.place_id))
    ListedPartnershipFactory(place_a_id=a, place_b_id=b)
    resting = PairFactory(a=world[0][1], b=world[1][1], closed_until="2999-01-01T00:00:00Z")
    barred = PairFactory(a=world[0][2], b=world[1][2])
    ExclusionRule.objects.create(
        pair=barred,
        because="The council says so",
        source="A letter",
        from_on="2020-01-01",
        set_by=UserFactory(),
    )
    run = _perform_run()
    pairs = ranked_pairs.stored_rows(run.pk).keys()
    assert (left.pk, right.pk) not in pairs
    assert (resting.a_id, resting.b_id) not in pairs and (barred.a_id, barred.b_id) not in pairs


def test_deriving_makes_suggestions_for_both_sides_once(world: Any) -> None:
    run = _perform_run()
    derived = suggestions_from_ranking.derive_suggestions()
    assert derived.made == Suggestion.objects.count() > 0
    for suggestion in Suggestion.objects.select_related("pair"):
        assert min(suggestion.a_preference, suggestion.b_preference) >= 0.35
        for side in "ab":
            # Its place among all that its own wishes allow, eligible or not
            assert getattr(suggestion, f"{side}_rank") >= 1
            assert getattr(suggestion, f"{side}_rank") <= getattr(suggestion, f"{side}_candidates")
            assert getattr(suggestion, f"{side}_candidates") <= len(world[0]) + len(world[1])
        assert (
            (suggestion.a_rank or suggestion.b_rank)
            and suggestion.run_id == run.pk
            and suggestion.expected_matches > 0
        )
        for side in "ab":
            reasons = getattr(suggestion, f"{side}_reasons")
            total = sum(c["share"] for c in reasons["contributions"])
            preference = 1 / (1 + math.exp(-(6 * total - 1)))
            assert preference == pytest.approx(getattr(suggestion, f"{side}_preference"), abs=1e-4)
    told = Event.objects.get(topic=Topic.SUGGESTIONS_CHANGED).payload["communities"]
    assert sorted(i for ids in told.values() for i in ids) == sorted(
        2 * list(Suggestion.objects.values_list("pk", flat=True))
    )
    assert Event.objects.filter(topic=Topic.SUGGESTION_RELEASED).count() == derived.made

    again = suggestions_from_ranking.derive_suggestions()
    assert (again.made, again.refreshed, again.superseded, dict(again.announce)) == (0, 0, 0, {})
    run.refresh_from_db()
    assert run.suggestions_made == derived.made
    assert Event.objects.filter(topic=Topic.SUGGESTIONS_CHANGED).count() == 1


def test_deriving_by_hand_release_shows_nothing(world: Any, settings: Any) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "release": "by_hand"}
    _perform_run()
    assert suggestions_from_ranking.derive_suggestions().made > 0
    assert set(Suggestion.objects.values_list("status", flat=True)) == {"proposed"}
    assert not Suggestion.objects.visible_to_communities().exists()
    assert not Event.objects.filter(topic=Topic.SUGGESTIONS_CHANGED).exists()


def test_what_is_not_released_follows_a_pause_and_what_is_released_stays(world: Any) -> None:
    """A pause that took back only unanswered suggestions would show which
    ones were answered.
    """
    _perform_run()
    suggestions_from_ranking.derive_suggestions()
    counts: dict[int, int] = {}
    for suggestion in Suggestion.objects.select_related("pair"):
        for community in (suggestion.pair.a_id, suggestion.pair.b_id):
            counts[community] = counts.get(community, 0) + 1
    busiest = max(counts, key=lambda i: (counts[i], -i))
    mine = list(Suggestion.objects.of_community(busiest).order_by("pk"))
    assert len(mine) > 1
    Suggestion.objects.filter(pk=mine[0].pk).update(
        status="proposed", released_at=None, expires_at=None
    )
    Suggestion.objects.filter(pk=mine[1].pk).update(a_state="interested")
    Profile.objects.filter(community_id=busiest).update(status="paused")
    runs.rescore_communities([busiest])
    derived = suggestions_from_ranking.derive_suggestions([busiest])
    assert derived.superseded == 1
    assert list(Suggestion.objects.open().of_community(busiest).order_by("pk")) == mine[1:]
    assert Event.objects.filter(topic=Topic.SUGGESTION_SUPERSEDED).count() == 1


@pytest.mark.parametrize(("status", "refreshed"), [("proposed", 1), ("held", 1), ("released", 0)])
def test_only_what_is_not_released_is_refreshed(world: Any, status: str, refreshed: int) -> None:
    _perform_run()
    suggestions_from_ranking.derive_suggestions()
    known = Suggestion.objects.order_by("pk")[0]
    Suggestion.objects.filter(pk=known.pk).update(status=status, score=known.score / 2)
    derived = suggestions_from_ranking.derive_suggestions()
    assert derived.refreshed == refreshed
    assert (Suggestion.objects.get(pk=known.pk).score == known.score) is bool(refreshed)
    assert bool(derived.announce) is (status == "proposed"), "it is released now, and said"


def test_capacity_reached_takes_a_community_out_of_new_suggestions(world: Any) -> None:
    full = world[0][4]
    for other in world[1][:3]:
        SuggestionFactory(mutual=True, pair=PairFactory(a=full, b=other))
    assert not {r.id: r for r in freeze_snapshot().left}[full.pk].available


def test_old_runs_are_cleared_and_the_visible_one_kept(world: Any, settings: Any) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "runs_kept": 1}
    first, second = _perform_run(), _perform_run()
    assert runs.clear_old_runs() == 1 and runs.clear_old_runs() == 0
    assert (
        not RankedPair.objects.filter(run=first).exists()
        and RankedPair.objects.filter(run=second).exists()
    )
    assert not ScoringShard.objects.filter(run=first).exists()
