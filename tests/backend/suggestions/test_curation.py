"""Release policy, several at once, exclusion rules on pairs and jurisdictions, and pairs that staff
propose by hand.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from backend.accounts.models import User
from backend.cities.models import Community, Place, Profile
from backend.cities.permissions import reader_of
from backend.common.errors import DomainError, InvalidFields, NotVisible, WrongState
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.suggestions.eligibility import rules_against
from backend.suggestions.models import ExclusionRule, HandProposal, Pair, RankedPair, Suggestion
from backend.suggestions.queries import visible_suggestions
from backend.suggestions.services.curation import (
    enforce_exclusion_rules,
    hold_many,
    lift_exclusion_rule,
    policy_history,
    policy_in_force,
    release_many,
    set_exclusion_rule,
    set_policy,
)
from backend.suggestions.services.proposals import assess_pair, propose_pair
from backend.suggestions.services.runs import begin_run, score_shard
from backend.suggestions.services.suggestions_from_ranking import derive_suggestions
from tests.actors import World
from tests.division import one_in
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    PairFactory,
    SuggestionFactory,
    document,
)
from tests.world import make_communities

pytestmark = pytest.mark.usefixtures("shared_world")

S = Suggestion.Status
TODAY = dt.datetime.now(dt.UTC).date()
NOT_CURATORS = ("stranger", "official", "committee_member", "chair", "admin")
WHY: dict[str, Any] = {
    "because": "The ministry says so.",
    "source": "https://example.org/rule",
    "from_on": TODAY,
}


def run() -> int:
    """A whole run, and what is derived from it."""
    begun = begin_run(reason="requested")
    assert begun is not None
    for index in range(begun.shard_count):
        score_shard(begun.pk, index)
    return derive_suggestions().made


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mode", "threshold"),
    one_in(2, [("all", None), ("above", 0.0), ("above", 0.6), ("above", 1.0), ("by_hand", None)]),
)
def test_run_releases_by_the_policy_in_force(
    curator: User, mode: str, threshold: float | None
) -> None:
    make_communities(home=4, abroad=4)
    set_policy(by=curator, mode="by_hand", because="At first by hand.")
    set_policy(by=curator, mode=mode, threshold=threshold, because="We trust it.")
    assert run() > 0
    for suggestion in Suggestion.objects.all():
        released = mode == "all" or (mode == "above" and suggestion.score >= (threshold or 0))
        assert suggestion.status == (S.RELEASED if released else S.PROPOSED)
    released = Suggestion.objects.filter(status=S.RELEASED)
    assert Event.objects.filter(topic="suggestion_released").count() == released.count()
    assert [(row.mode, row.set_by) for row in policy_history(curator)] == [
        (mode, curator),
        ("by_hand", curator),
    ]


@pytest.mark.django_db
def test_next_run_releases_what_waited_but_not_what_is_held(curator: User) -> None:
    make_communities(home=4, abroad=4)
    set_policy(by=curator, mode="by_hand", because="At first by hand.")
    run()
    first, *others = Suggestion.objects.order_by("pk")
    assert others
    hold_many(by=curator, suggestion_ids=[first.pk])
    set_policy(by=curator, mode="all", because="We trust it.")
    run()
    first.refresh_from_db()
    assert first.status == S.HELD
    assert set(Suggestion.objects.exclude(pk=first.pk).values_list("status", flat=True)) == {
        S.RELEASED
    }


@pytest.mark.parametrize("actor", NOT_CURATORS)
def test_only_curators_curate(world: World, actor: str) -> None:
    suggestion = SuggestionFactory(pair=world.pair, proposed=True)
    rule = set_exclusion_rule(by=world.user("curator"), country="MX", **WHY)
    by, sides = world.user(actor), {"home_id": world.a.pk, "abroad_id": world.c.pk}
    before = Event.objects.count()
    acts: list[Any] = [
        lambda: set_policy(by=by, mode="all", because="Because."),
        lambda: release_many(by=by, suggestion_ids=[suggestion.pk]),
        lambda: hold_many(by=by, suggestion_ids=[suggestion.pk]),
        lambda: set_exclusion_rule(by=by, country="DE", **WHY),
        lambda: lift_exclusion_rule(by=by, rule_id=rule.pk, because="Over."),
        lambda: propose_pair(by=by, because="They met.", **sides),
        lambda: assess_pair(by, **sides),
    ]
    for act in acts:
        with pytest.raises(NotVisible):
            act()
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"mode": "sometimes"}, "mode"),
        ({"mode": "above"}, "threshold"),
        ({"mode": "above", "threshold": 1.5}, "threshold"),
        ({"mode": "all", "threshold": 0.5}, "threshold"),
        ({"mode": "all", "because": " "}, "because"),
    ],
)
def test_wrong_policy_is_named(curator: User, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        set_policy(by=curator, **({"because": "Because."} | values))
    assert field in caught.value.errors
    assert policy_in_force().mode == "all"


def test_several_are_released_at_once_and_each_side_is_notified_once(
    world: World, drain: Any
) -> None:
    pairs = [
        world.pair,
        PairFactory(a=world.a, b=CommunityFactory(country_code="DE", published=True)),
    ]
    waiting = [SuggestionFactory(pair=pair, proposed=True) for pair in pairs]
    open_one = SuggestionFactory()
    result = release_many(
        by=world.user("curator"), suggestion_ids=[open_one.pk, *(s.pk for s in waiting), 999_999]
    )
    assert result.done == [s.pk for s in waiting]
    assert set(result.refused) == {open_one.pk, 999_999}
    drain()
    told = Notification.objects.get(recipient=world.user("official"), kind="new_suggestions")
    assert set(told.payload["suggestions"]) == {s.pk for s in waiting}


def test_what_a_side_has_answered_is_not_held_with_the_others(world: World) -> None:
    answered = SuggestionFactory(pair=world.pair, b_state="interested")
    untouched = SuggestionFactory()
    result = hold_many(by=world.user("curator"), suggestion_ids=[answered.pk, untouched.pk])
    assert result.done == [untouched.pk]
    assert list(result.refused) == [answered.pk]


# What each side may see as open before the rule, by status and answers.
OPEN_LIVES = [
    (S.PROPOSED, "pending", "pending"),
    (S.HELD, "pending", "pending"),
    (S.RELEASED, "pending", "pending"),
    (S.RELEASED, "interested", "pending"),
    (S.DECLINED, "declined", "pending"),
    (S.DECLINED, "interested", "declined"),
    (S.WITHDRAWN, "withdrawn", "pending"),
    # Else each would read of its own decline, which stays, that the other has declined too
    (S.DECLINED, "declined", "declined"),
]


@pytest.mark.parametrize(("status", "a", "b"), OPEN_LIVES)
def test_bar_takes_back_at_once_and_alike_whatever_was_answered(
    world: World, status: str, a: str, b: str
) -> None:
    released_at = None if status in (S.PROPOSED, S.HELD) else dt.datetime.now(dt.UTC)
    suggestion = SuggestionFactory(
        pair=world.pair, status=status, a_state=a, b_state=b, released_at=released_at
    )
    set_exclusion_rule(by=world.user("curator"), country="DE", **WHY)
    suggestion.refresh_from_db()
    assert suggestion.status == S.SUPERSEDED
    assert not visible_suggestions(reader_of(world.user("official"), world.a.pk)).exists()
    assert not visible_suggestions(reader_of(world.user("chair"), world.b.pk)).exists()
    assert (
        Event.objects.filter(topic="suggestion_superseded", subject_id=suggestion.pk).count() == 1
    )
    assert not Event.objects.filter(
        topic__in=("suggestion_superseded", "exclusion_rule_set"), community_id__isnull=False
    ).exists()


def test_exclusion_is_shown_to_neither_side(world: World, drain: Any) -> None:
    SuggestionFactory(pair=world.pair)
    set_exclusion_rule(by=world.user("curator"), country="DE", **WHY)
    drain()
    assert not Notification.objects.exists()


@pytest.mark.parametrize("status", [S.MUTUAL, S.INTRODUCED])
def test_mutual_interest_under_a_bar_is_left_to_the_board(world: World, status: str) -> None:
    suggestion = SuggestionFactory(pair=world.pair, mutual=True, status=status)
    set_exclusion_rule(by=world.user("curator"), home_id=world.a.pk, abroad_id=world.b.pk, **WHY)
    suggestion.refresh_from_db()
    assert suggestion.status == status


def texas(name: str, **values: Any) -> Community:
    made: Community = CommunityFactory(
        name=name, published=True, place__admin1_code="TX", place__admin1="Texas", **values
    )
    return made


def test_regions_exclude_what_lies_in_them_and_nothing_else(world: World) -> None:
    inside = texas("Austin")
    county: Community = CommunityFactory(
        name="Travis County",
        kind="county",
        place=None,
        admin1="Texas",
        latitude=0,
        longitude=0,
        timezone="",
    )
    state: Community = CommunityFactory(
        name="Texas", kind="state", place=None, admin1="", latitude=0, longitude=0, timezone=""
    )
    bavarian = CommunityFactory(
        name="München",
        country_code="DE",
        published=True,
        place__admin1_code="02",
        place__admin1="Bavaria",
    )
    set_exclusion_rule(
        by=world.user("curator"), country="DE", home_admin1_code="TX", admin1_code="02", **WHY
    )
    for home, abroad, barred in (
        (inside, bavarian, True),
        (county, bavarian, True),
        (state, bavarian, True),
        (bavarian, inside, True),
        (inside, world.b, False),
        (world.a, bavarian, False),
        (inside, world.c, False),
    ):
        assert bool(rules_against(home, abroad, TODAY)) == barred, (home, abroad)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["country", "region", "pair"])
def test_run_leaves_out_what_is_barred(curator: User, kind: str) -> None:
    make_communities(home=3, abroad=6)
    assert run() > 0
    barred = Suggestion.objects.select_related("pair__a", "pair__b").order_by("pk")[0].pair
    home, abroad = (barred.a, barred.b) if barred.a.is_home else (barred.b, barred.a)
    Suggestion.objects.all().delete()
    if kind == "pair":
        set_exclusion_rule(by=curator, home_id=home.pk, abroad_id=abroad.pk, **WHY)
    else:
        Place.objects.filter(pk=home.place_id).update(admin1_code="TX", admin1="Texas")
        set_exclusion_rule(
            by=curator,
            country=abroad.country_id,
            home_admin1_code="TX" if kind == "region" else "",
            **WHY,
        )
    begun = begin_run(reason="requested")
    assert begun is not None
    for index in range(begun.shard_count):
        score_shard(begun.pk, index)
    ranked = RankedPair.objects.filter(run=begun)
    assert ranked.exists()
    assert not ranked.filter(left=home, right=abroad).exists()
    if kind == "country":
        assert not ranked.filter(right__country=abroad.country_id).exists()
    derive_suggestions()
    assert Suggestion.objects.exists()
    assert not Suggestion.objects.filter(pair=barred).exists()


@pytest.mark.django_db
def test_exclusion_rule_set_while_a_run_is_under_way_holds_for_what_the_run_makes(
    curator: User,
) -> None:
    make_communities(home=3, abroad=4)
    begun = begin_run(reason="requested")
    assert begun is not None
    for index in range(begun.shard_count):
        score_shard(begun.pk, index)
    abroad = RankedPair.objects.filter(run=begun, expected_matches__isnull=False)[
        0
    ].right.country_id
    set_exclusion_rule(by=curator, country=abroad, **WHY)
    derive_suggestions()
    assert not Suggestion.objects.filter(
        pair__in=Pair.objects.filter(a_country=abroad) | Pair.objects.filter(b_country=abroad)
    ).exists()


def test_bar_holds_from_its_first_to_its_last_day(world: World) -> None:
    day = dt.timedelta(days=1)
    rule = set_exclusion_rule(
        by=world.user("curator"),
        country="DE",
        **(WHY | {"from_on": TODAY + day, "until_on": TODAY + 2 * day}),
    )
    held = [bool(rules_against(world.a, world.b, TODAY + n * day)) for n in range(4)]
    assert held == [False, True, True, False]
    suggestion = SuggestionFactory(pair=world.pair)
    assert enforce_exclusion_rules() == 0
    ExclusionRule.objects.filter(pk=rule.pk).update(from_on=TODAY)
    assert (enforce_exclusion_rules(), enforce_exclusion_rules()) == (1, 0)
    suggestion.refresh_from_db()
    assert suggestion.status == S.SUPERSEDED


def test_bar_is_lifted_once_with_a_reason(world: World) -> None:
    curator = world.user("curator")
    rule = set_exclusion_rule(by=curator, country="DE", **WHY)
    with pytest.raises(InvalidFields):
        lift_exclusion_rule(by=curator, rule_id=rule.pk, because="")
    assert (
        lift_exclusion_rule(by=curator, rule_id=rule.pk, because="The rule has ended.").lifted_by
        == curator
    )
    assert rules_against(world.a, world.b, TODAY) == []
    with pytest.raises(WrongState):
        lift_exclusion_rule(by=curator, rule_id=rule.pk, because="Again.")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "country"),
        ({"country": "US"}, "country"),
        ({"country": "XX"}, "country"),
        ({"country": "DE", "admin1_code": "nowhere"}, "admin1_code"),
        ({"country": "DE", "home_admin1_code": "nowhere"}, "home_admin1_code"),
        ({"country": "DE", "source": ""}, "source"),
        ({"country": "DE", "because": " "}, "because"),
        ({"country": "DE", "until_on": dt.date(2020, 1, 1)}, "until_on"),
        ({"home_id": 1, "abroad_id": 2, "country": "DE"}, "country"),
        ({"home_id": 999_999}, "home_id"),
    ],
)
def test_wrong_bars_are_named(world: World, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        set_exclusion_rule(by=world.user("curator"), **(WHY | values))
    assert field in caught.value.errors
    assert not ExclusionRule.objects.exists()


@pytest.mark.django_db
def test_pair_by_hand_is_scored_and_explained_as_a_run_does(curator: User) -> None:
    make_communities(home=3, abroad=4)
    run()
    ranked = RankedPair.objects.select_related("left", "right").order_by("pk")[0]
    Suggestion.objects.all().delete()
    suggestion = propose_pair(
        by=curator,
        home_id=ranked.left_id,
        abroad_id=ranked.right_id,
        because="The mayors are cousins.",
    )
    assert suggestion.status == S.PROPOSED
    left = "a" if ranked.left_id < ranked.right_id else "b"
    assert suggestion.score == pytest.approx(ranked.score, abs=1e-6)
    assert getattr(suggestion, f"{left}_preference") == pytest.approx(
        ranked.left_preference, abs=1e-6
    )
    reasons = getattr(suggestion, f"{left}_reasons")
    assert reasons["preference"] == pytest.approx(ranked.left_preference, abs=1e-4)
    shares = sum(row["share"] for row in reasons["contributions"])
    assert shares == pytest.approx(reasons["gain"], abs=1e-4)
    assert HandProposal.objects.get().because == "The mayors are cousins."
    assert Event.objects.filter(topic="suggestion_proposed").count() == 1


def test_run_does_not_take_back_what_staff_proposed(world: World) -> None:
    suggestion = propose_pair(
        by=world.user("curator"),
        home_id=world.a.pk,
        abroad_id=world.c.pk,
        because="They met.",
        release_now=True,
    )
    assert suggestion.status == S.RELEASED
    run()
    RankedPair.objects.all().delete()
    derive_suggestions()
    suggestion.refresh_from_db()
    assert suggestion.status == S.RELEASED


def test_wish_is_set_aside_only_with_a_reason_that_is_kept(world: World) -> None:
    picky = CommunityFactory(
        name="Picky",
        published=True,
        published__document=document(sought={"excluded_countries": ["DE"]}),
    )
    sides = {"home_id": picky.pk, "abroad_id": world.b.pk}
    curator = world.user("curator")
    assessment = assess_pair(curator, **sides)
    assert assessment.soft == ["left:excluded_country"]
    assert assessment.problems[0].words == "Picky excludes Germany."
    with pytest.raises(InvalidFields) as caught:
        propose_pair(by=curator, because="They met.", **sides)
    assert "overridden_because" in caught.value.errors
    suggestion = propose_pair(
        by=curator, because="They met.", overridden_because="The mayor asked for it.", **sides
    )
    kept = HandProposal.objects.get(suggestion=suggestion)
    assert (kept.overridden, kept.overridden_because) == (
        ["left:excluded_country"],
        "The mayor asked for it.",
    )


@pytest.mark.parametrize(
    "what", ["rule", "partners", "introduced", "resting", "suggested", "fulfilled", "unpublished"]
)
def test_what_no_reason_sets_aside(world: World, what: str) -> None:
    curator, abroad = world.user("curator"), world.b
    if what == "rule":
        set_exclusion_rule(by=curator, country="DE", **WHY)
    elif what in ("partners", "introduced"):
        Pair.objects.filter(pk=world.pair.pk).update(block_reason=what)
    elif what == "resting":
        Pair.objects.filter(pk=world.pair.pk).update(
            closed_until=dt.datetime.now(dt.UTC) + dt.timedelta(days=9)
        )
    elif what == "suggested":
        SuggestionFactory(pair=world.pair)
    elif what == "fulfilled":
        Profile.objects.filter(community=abroad).update(status=what)
    else:
        abroad = CommunityFactory(country_code="DE")
    before = Suggestion.objects.count()
    assert not assess_pair(curator, home_id=world.a.pk, abroad_id=abroad.pk).is_possible
    with pytest.raises(WrongState) as caught:
        propose_pair(
            by=curator,
            home_id=world.a.pk,
            abroad_id=abroad.pk,
            because="Still.",
            overridden_because="Please.",
        )
    assert caught.value.code == "not_eligible"
    assert Suggestion.objects.count() == before


@pytest.mark.parametrize("sides", [("a", "newcomer"), ("b", "c"), ("b", "a")])
def test_pair_wants_one_of_each_side(world: World, sides: tuple[str, str]) -> None:
    with pytest.raises(DomainError):
        propose_pair(
            by=world.user("curator"),
            home_id=getattr(world, sides[0]).pk,
            abroad_id=getattr(world, sides[1]).pk,
            because="Why not.",
        )
    assert not HandProposal.objects.exists()


def test_official_of_both_is_notified_of_a_pair_by_hand(world: World, drain: Any) -> None:
    CommunityRoleFactory(community=world.c)
    propose_pair(
        by=world.user("curator"),
        home_id=world.a.pk,
        abroad_id=world.c.pk,
        because="They met.",
        release_now=True,
    )
    drain()
    told = set(
        Notification.objects.filter(kind="new_suggestions").values_list("community_id", flat=True)
    )
    assert told == {world.a.pk, world.c.pk}
