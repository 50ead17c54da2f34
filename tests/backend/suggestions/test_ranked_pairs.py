"""Suggestions under both sides' capacity: within what they have room for, nobody left out, and
steady from run to run; and what a start waits for: the first of them, or the word that they will
not come.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from backend.cities.models import Community
from backend.common.dates import database_now
from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.runtime.datafolder import DataFolder
from backend.runtime.management.commands import prepare_service
from backend.suggestions.models import RankedPair, ScoringRun, Suggestion
from backend.suggestions.scoring import (
    PromisingRow,
    Room,
    allocate,
    allocate_around,
    room_for,
)
from backend.suggestions.services import ranked_pairs, ranking_cache, runs, suggestions_from_ranking
from backend.suggestions.services.first_run import (
    failure_since,
    first_run_progress,
    has_first_suggestions,
    retry_first_run,
)
from backend.suggestions.sides import fit_word
from tests.factories import (
    MOMENT,
    CommunityFactory,
    JobFactory,
    PairFactory,
    RankedPairFactory,
    ScoringRunFactory,
    ScoringShardFactory,
    SuggestionFactory,
    document,
)

pytestmark = pytest.mark.django_db


def _rows(*triples: tuple[int, int, float]) -> list[PromisingRow]:
    return [PromisingRow(left, right, p, p, p) for left, right, p in triples]


def test_best_pairs_come_first_within_the_room_and_the_last_one_is_not_left_out() -> None:
    rows = _rows((1, 10, 0.9), (2, 10, 0.6), (3, 10, 0.55), (3, 11, 0.5))
    rooms = {1: Room(1, 1), 2: Room(1, 1), 3: Room(1, 1), 10: Room(1, 1), 11: Room(1, 1)}
    chosen = allocate(rows, rooms, shown=set(), threshold=0.45)
    # 2 has nobody else: its floor goes beyond 10's limit by one
    assert chosen.keys() == {(1, 10), (3, 11), (2, 10)}
    assert all(0 <= expected_matches <= 1.001 for expected_matches in chosen.values())


def test_shown_pair_gives_way_only_to_a_clearly_better_one() -> None:
    rooms = {1: Room(1, 1), 2: Room(1, 1), 10: Room(1, 1), 11: Room(1, 1)}
    for better, stays in ((0.61, True), (0.70, False)):
        rows = _rows((1, 10, 0.6), (1, 11, better), (2, 10, 0.5), (2, 11, 0.5))
        assert ((1, 10) in allocate(rows, rooms, shown={(1, 10)}, threshold=0.45)) is stays


def test_choosing_around_one_community_keeps_what_others_have() -> None:
    rows = _rows((1, 10, 0.9), (2, 10, 0.6), (2, 11, 0.6), (3, 11, 0.6), (3, 12, 0.8))
    rooms = {i: Room(1, 2) for i in (1, 2, 3, 10, 11, 12)}
    chosen = allocate_around(rows, rooms, kept={(1, 10)}, community_ids={3}, threshold=0.45)
    assert chosen.keys() == {(1, 10), (3, 11), (3, 12)}
    assert (
        allocate_around(rows, rooms, kept=chosen.keys(), community_ids={3}, threshold=0.45).keys()
        == chosen.keys()
    )


def test_missing_room_is_an_error_and_no_rows_give_nothing() -> None:
    assert allocate([], {}, shown=set(), threshold=0.45) == {}
    with pytest.raises(ValueError, match="communities 10"):
        allocate(_rows((1, 10, 0.5)), {1: Room(1, 1)}, shown=set(), threshold=0.45)


def test_a_community_has_three_to_five_places_and_none_without_room() -> None:
    assert [room_for(free).suggestions for free in (0, 1, 2, 3, 50)] == [0, 3, 4, 5, 5]


def test_who_has_nobody_else_takes_the_place_of_a_weaker_second_pair() -> None:
    rows = _rows((1, 10, 0.9), (1, 11, 0.7), (2, 11, 0.9), (1, 12, 0.5))
    rooms = {1: Room(1, 2), 2: Room(1, 2), 10: Room(1, 1), 11: Room(2, 2), 12: Room(1, 1)}
    chosen = allocate(rows, rooms, shown=set(), threshold=0.45)
    assert chosen.keys() == {(1, 10), (2, 11), (1, 12)}
    # What was released stays; then the newcomer comes beyond the limit
    kept = allocate(rows, rooms, shown=set(), kept={(1, 10), (1, 11)}, threshold=0.45)
    assert kept.keys() == {(1, 10), (1, 11), (2, 11), (1, 12)}


@pytest.mark.parametrize(
    ("rank", "candidates", "word"),
    [
        (1, 3, "strong"),
        (2, 3, "fair"),
        (5, 100, "strong"),
        (6, 100, "good"),
        (15, 100, "good"),
        (16, 100, "fair"),
        (20, 384, "strong"),
        (21, 384, "good"),
    ],
)
def test_word_of_fit_goes_by_the_place_among_the_candidates(
    rank: int, candidates: int, word: str
) -> None:
    assert fit_word(rank, candidates) == word


@pytest.fixture
def run(db: None, settings: Any) -> ScoringRun:
    """Five communities at home, eight abroad, all pairs promising; each has room for one
    introduction and two suggestions.
    """
    settings.SUGGESTIONS = {
        **settings.SUGGESTIONS,
        "per_introduction": 2,
        "places_least": 2,
        "places_most": 3,
        "promising": 0.45,
    }
    rng = random.Random(3)
    answers = document(capacity={"open_introductions": 1})
    home = [CommunityFactory(published=True, published__document=answers) for _ in range(5)]
    abroad = [
        CommunityFactory(published=True, published__document=answers, country_code="DE")
        for _ in range(8)
    ]
    made = ScoringRunFactory()
    for left in home:
        for right in abroad:
            p, q = rng.uniform(0.46, 0.8), rng.uniform(0.46, 0.8)
            RankedPairFactory(
                run=made,
                left=left,
                right=right,
                left_preference=p,
                right_preference=q,
                score=2 * p * q / (p + q),
            )
    return made


def _loads(run: ScoringRun) -> Counter[int]:
    return Counter(i for pair in ranked_pairs.chosen_pairs(run.pk) for i in pair)


def _open(pair: tuple[int, int], **values: Any) -> Suggestion:
    return SuggestionFactory(
        pair=PairFactory(
            a=Community.objects.get(pk=min(pair)), b=Community.objects.get(pk=max(pair))
        ),
        **values,
    )


def test_run_is_allocated_within_capacity_and_everybody_gets_one(run: ScoringRun) -> None:
    ranked_pairs.allocate_run(run.pk)
    loads = _loads(run)
    assert len(loads) == 13
    # Where the floor had to act
    assert max(loads.values()) <= 3 and sum(load > 2 for load in loads.values()) <= 1


def test_allocating_again_with_the_suggestions_open_changes_nothing(run: ScoringRun) -> None:
    ranked_pairs.allocate_run(run.pk)
    first = ranked_pairs.chosen_pairs(run.pk)
    for pair in first:
        _open(pair)
    ranked_pairs.allocate_run(run.pk)
    assert ranked_pairs.chosen_pairs(run.pk).keys() == first.keys()


LIVES = [
    ("released", "pending"),
    ("released", "interested"),
    ("declined", "declined"),
    ("withdrawn", "withdrawn"),
]


@pytest.mark.parametrize(("status", "other"), LIVES)
def test_room_of_a_side_does_not_depend_on_the_other_sides_answer(
    run: ScoringRun, status: str, other: str
) -> None:
    """Each side has room for two; one is shown, whatever its partner has answered to it."""
    left, right = RankedPair.objects.values_list("left_id", "right_id").order_by("pk")[0]
    suggestion = _open((left, right), status=status)
    side = "b" if suggestion.pair.a_id == left else "a"
    Suggestion.objects.filter(pk=suggestion.pk).update(**{f"{side}_state": other})
    ranked_pairs.allocate_run(run.pk)
    chosen = [
        pair for pair in ranked_pairs.chosen_pairs(run.pk) if left in pair and pair != (left, right)
    ]
    assert len(chosen) == 1


def test_introductions_take_up_room(run: ScoringRun) -> None:
    pair = RankedPair.objects.values_list("left_id", "right_id").order_by("pk")[0]
    _open(pair, status="mutual", a_state="interested", b_state="interested")
    ranked_pairs.allocate_run(run.pk)
    assert _loads(run)[pair[0]] == _loads(run)[pair[1]] == 0


def test_who_declined_has_room_again(run: ScoringRun) -> None:
    left, right = RankedPair.objects.values_list("left_id", "right_id").order_by("pk")[0]
    suggestion = _open((left, right), status="declined")
    side = "a" if suggestion.pair.a_id == left else "b"
    Suggestion.objects.filter(pk=suggestion.pk).update(**{f"{side}_state": "declined"})
    ranked_pairs.allocate_run(run.pk)
    assert (
        len(
            [
                pair
                for pair in ranked_pairs.chosen_pairs(run.pk)
                if left in pair and pair != (left, right)
            ]
        )
        == 2
    )


def test_resting_pairs_are_not_chosen(run: ScoringRun) -> None:
    ranked_pairs.allocate_run(run.pk)
    pair = next(iter(ranked_pairs.chosen_pairs(run.pk)))
    over = database_now() - dt.timedelta(minutes=3)
    resting = _open(pair, status="declined", a_state="declined", expires_at=over).pair
    resting.closed_until = "2999-01-01T00:00:00Z"
    resting.save()
    ranked_pairs.allocate_run(run.pk)
    assert pair not in ranked_pairs.chosen_pairs(run.pk)


def test_newcomer_and_those_it_meets_keep_to_their_room_and_nobody_else_is_touched(
    run: ScoringRun,
) -> None:
    ranked_pairs.allocate_run(run.pk)
    before = ranked_pairs.chosen_pairs(run.pk)
    newcomer = CommunityFactory(
        published=True, published__document=document(capacity={"open_introductions": 1})
    )
    for right in Community.objects.filter(country_id="DE"):
        RankedPairFactory(
            run=run,
            left=newcomer,
            right=right,
            left_preference=0.7,
            right_preference=0.7,
            score=0.7,
        )
    count = ranked_pairs.allocate_communities(run.pk, {newcomer.pk}, before)
    after = ranked_pairs.chosen_pairs(run.pk)
    assert 1 <= count <= 2 and {pair: after[pair] for pair in before} == before
    assert {pair for pair in after if pair not in before} == {
        pair for pair in after if newcomer.pk in pair
    }


def test_second_run_over_an_unchanged_world_makes_and_takes_back_nothing(
    db: None, settings: Any
) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "k": 4, "shards": 1, "promising": 0.2}
    for country in ["US"] * 5 + ["DE", "JP"] * 3:
        CommunityFactory(published=True, country_code=country)
    ranking_cache.forget()
    counts = []
    for _ in range(2):
        begun = runs.begin_run(reason="requested")
        assert begun is not None
        runs.score_shard(begun.pk, 0)
        derived = suggestions_from_ranking.derive_suggestions()
        counts.append((derived.made > 0, derived.superseded))
    assert counts == [(True, 0), (False, 0)]


_RUNNING = ScoringRun.Status.RUNNING


def _dead(task: str, key: str = "all") -> Job:
    return JobFactory(
        task=task,
        key=key,
        status=Job.Status.DEAD,
        finished_at=MOMENT,
        last_error="Traceback\nValueError: no weights\n",
    )


def test_suggestions_are_there_when_a_side_can_read_one() -> None:
    SuggestionFactory(proposed=True)
    assert not has_first_suggestions()

    SuggestionFactory()
    assert has_first_suggestions()


def test_a_run_that_found_nothing_promising_is_not_waited_for() -> None:
    JobFactory(task="derive_from_run", status=Job.Status.DONE, finished_at=MOMENT)

    assert has_first_suggestions()


def test_run_under_way_is_not_asked_for_again() -> None:
    JobFactory(task="begin_run", key="all")

    assert retry_first_run() == 0
    assert not Event.objects.filter(topic=Topic.RUN_REQUESTED).exists()


def test_run_that_was_given_up_is_failed_and_asked_for_again() -> None:
    run = ScoringRunFactory(status=_RUNNING)
    ScoringShardFactory(run=run, index=0)
    dead = _dead("score_shard", f"{run.pk}:0")

    assert retry_first_run() == dead.pk

    run.refresh_from_db()
    assert run.status == ScoringRun.Status.FAILED
    assert Event.objects.filter(topic=Topic.RUN_REQUESTED).count() == 1
    assert failure_since(dead.pk) == ""


def test_step_given_up_ends_the_start_with_one_line_that_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_service, "retry_first_run", lambda: 0)
    _dead("begin_run")

    with pytest.raises(
        CommandError,
        match=r"the step begin_run was given up \(ValueError: no weights\); see .*worker\.log$",
    ):
        prepare_service.Command()._await_first_suggestions(DataFolder(tmp_path))


def test_run_that_takes_too_long_ends_the_start_with_how_far_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_service, "_FIRST_RUN_SECONDS", -1)
    ScoringShardFactory(run=ScoringRunFactory(status=_RUNNING))

    with pytest.raises(CommandError, match=r"0 of 1 shards are scored; see .*worker\.log$"):
        prepare_service.Command()._await_first_suggestions(DataFolder(tmp_path))


def test_progress_in_words() -> None:
    assert first_run_progress() == "the run has not begun"
    ScoringRunFactory()
    assert first_run_progress() == "suggestions are being made"


def test_run_over_an_empty_side_completes() -> None:
    CommunityFactory(published=True, country_code="DE")
    run = runs.begin_run(reason="first")
    assert run is not None
    run.refresh_from_db()
    assert run.status == ScoringRun.Status.COMPLETE and not RankedPair.objects.exists()
