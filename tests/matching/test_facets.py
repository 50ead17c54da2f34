"""Every facet by itself: what its similarity says, its items, and that it lies between 0 and 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.facets import FACETS, FitOptions
from matching.facets.anchored import Climate, Income, Languages, Seat, TimeZone
from matching.facets.coded import AnsweringOffers, NeedsOffers, Overlap, Strengths
from matching.facets.facts import (
    Distance,
    Readiness,
    SharedAbundance,
    SharedTrait,
    elevation,
    median_age,
    size,
)
from matching.facets.part import Part
from matching.facets.story import Story
from matching.facets.ties import Ties
from matching.types import OutOfRangeError, ProfileRecord, Snapshot, Tie
from matching.weights import Weights
from tests.division import at_length
from tests.matching.oracle import Oracle
from tests.strategies import VOCABULARY, records, snapshots


def us(**known: Any) -> ProfileRecord:
    return ProfileRecord(1, "US", **known)


def abroad(**known: Any) -> ProfileRecord:
    return ProfileRecord(2, "DE", **known)


def similarity(
    part: Part, i: ProfileRecord, j: ProfileRecord, *others: ProfileRecord
) -> float | None:
    """i→j as the engine computes it: fitted on both sides (``others`` are the right side), a dot
    product where both are present.
    """
    left, right = [i], [j, *others]
    part.fit(left, right)
    part.lay_out(left, right)
    mine, theirs = part.encode(left, "left"), part.encode(right, "right")
    if not (mine.seeks[0] and theirs.offers[0]):
        return None
    return float(mine.seeker[0] @ theirs.offered[0])


def codes(*some: str) -> frozenset[str]:
    return frozenset(some)


def test_every_facet_has_parts_whose_shares_are_one() -> None:
    for facet in FACETS:
        parts = facet.parts(FitOptions(VOCABULARY, 5, 0))
        assert sum(part.share for part in parts) == 1.0
    assert [f.name for f in FACETS if f.feasibility] == ["languages", "time_zone", "readiness"]


def test_needs_offers_is_directional() -> None:
    part = NeedsOffers(VOCABULARY.topics)
    i, j = (
        us(needs=codes("ports", "water")),
        abroad(offers=codes("ports", "water", "training"), needs=codes("startups")),
    )
    assert similarity(part, i, j) == pytest.approx(1.0)
    assert part.encode([j], "right").seeker[0] @ part.encode([i], "left").offered[0] == 0
    assert not part.encode([i], "left").offers[0]


def test_needs_offers_counts_a_rare_offer_more() -> None:
    part = NeedsOffers(VOCABULARY.topics)
    i, common, rare = (
        us(needs=codes("ports", "water")),
        abroad(offers=codes("ports")),
        abroad(offers=codes("water")),
    )
    crowd = [ProfileRecord(k, "DE", offers=codes("ports")) for k in range(10, 15)]
    met_commonly, met_rarely = (
        similarity(part, i, common, rare, *crowd),
        similarity(part, i, rare, common, *crowd),
    )
    assert met_commonly is not None
    assert met_rarely is not None
    assert met_commonly < 0.5 < met_rarely
    assert part.items(i, rare, met_rarely) == (("topic:water", pytest.approx(met_rarely)),)


def test_the_first_three_needs_count_double() -> None:
    part = NeedsOffers(VOCABULARY.topics)
    needs = ("water", "heritage", "ports", "training", "startups")
    i = us(needs=needs)
    for topic in needs:
        others = [
            ProfileRecord(k, "DE", offers=codes(t)) for k, t in enumerate(needs, 10) if t != topic
        ]
        first, last = (2 / 8, 1 / 8)
        expected = first if topic in needs[:3] else last
        assert similarity(part, i, abroad(offers=codes(topic)), *others) == pytest.approx(expected)
    unordered = us(needs=frozenset(needs))
    assert part.encode([unordered], "left").seeker.max() == pytest.approx(1 / 5)


def test_a_need_said_twice_is_named() -> None:
    with pytest.raises(OutOfRangeError, match=r"record 1, field 'needs': 'water' occurs twice"):
        NeedsOffers(VOCABULARY.topics).encode([us(needs=("water", "ports", "water"))], "left")


def test_a_near_offer_meets_a_need_in_part_and_the_best_offer_decides() -> None:
    part = NeedsOffers(VOCABULARY.topics, VOCABULARY.near)
    i = us(needs=("startups",))
    heritage, training = codes("heritage"), codes("heritage", "training")
    # A tenth of the levels of the vocabulary
    assert similarity(part, i, abroad(offers=heritage)) == pytest.approx(0.025)
    assert similarity(part, i, abroad(offers=training)) == pytest.approx(0.05)
    assert part.items(i, abroad(offers=training), 0.05) == (("near_topic:startups>training", 0.05),)
    exact = abroad(offers=training | codes("startups"))
    assert similarity(part, i, exact) == pytest.approx(1.0)
    assert part.items(i, exact, 1.0) == (("topic:startups", 1.0),)
    back = us(needs=("heritage",))  # a relation has a direction: startups are no heritage
    assert similarity(part, back, abroad(offers=codes("startups"))) == 0
    assert part.items(back, abroad(offers=codes("startups")), 0.0) == ()


def test_near_offers_make_a_need_no_commoner() -> None:
    part = NeedsOffers(VOCABULARY.topics, VOCABULARY.near)
    crowd = [ProfileRecord(k, "DE", offers=codes("startups")) for k in range(10, 15)]
    part.fit([us(needs=("training",))], crowd)
    rarity = dict(zip(VOCABULARY.topics, part.rarity_, strict=True))
    assert rarity["training"] == rarity["heritage"] > rarity["startups"]


def test_offers_answer_challenges() -> None:
    part = AnsweringOffers(VOCABULARY.challenges, VOCABULARY.topics, VOCABULARY.answers)
    i = us(challenges=codes("flooding", "housing"))  # nothing answers housing: it does not count
    assert similarity(part, i, abroad(offers=codes("water", "training"))) == pytest.approx(1.0)
    assert similarity(part, i, abroad(offers=codes("training"))) == pytest.approx(0.25)
    assert similarity(part, i, abroad(offers=codes("heritage"))) == 0
    assert similarity(part, us(challenges=codes("housing")), abroad(offers=codes("water"))) is None
    assert similarity(part, i, abroad(challenges=codes("flooding"))) is None
    both, j = us(challenges=codes("flooding", "drought")), abroad(offers=codes("water", "ports"))
    found = similarity(part, both, j)
    assert found is not None
    items = part.items(both, j, found)
    assert [name for name, _ in items] == ["answer:drought>water", "answer:flooding>water"]
    assert sum(value for _, value in items) == pytest.approx(found)


@pytest.mark.at_length
@settings(max_examples=at_length(40, 200))
@given(records(1, "US"), records(2, "DE"), st.sampled_from(VOCABULARY.topics))
def test_an_offer_more_never_lowers_what_is_met_or_answered(
    i: ProfileRecord, j: ProfileRecord, offer: str
) -> None:
    """With rarities as they were; what is met lies between 0 and 1, and the items sum to it."""
    for part in (
        NeedsOffers(VOCABULARY.topics, VOCABULARY.near),
        AnsweringOffers(VOCABULARY.challenges, VOCABULARY.topics, VOCABULARY.answers),
    ):
        part.fit([i], [j])
        more = replace(j, offers=j.offers | {offer})
        seeker = part.encode([i], "left").seeker[0]
        before, after = (
            float(seeker @ part.encode([other], "right").offered[0]) for other in (j, more)
        )
        assert 0 <= before <= after + 1e-6
        assert after <= 1 + 1e-6
        assert sum(value for _, value in part.items(i, j, before)) == pytest.approx(before)


@pytest.mark.at_length
@settings(max_examples=at_length(25, 100))
@given(snapshots())
def test_needs_met_and_challenges_answered_as_the_oracle_writes_them(snapshot: Snapshot) -> None:
    oracle = Oracle(snapshot, Weights.from_facets({}, version="any"), lambda _: None)
    for part, plain in (
        (NeedsOffers(VOCABULARY.topics, VOCABULARY.near), oracle.needs_met),
        (
            AnsweringOffers(VOCABULARY.challenges, VOCABULARY.topics, VOCABULARY.answers),
            oracle.answered,
        ),
    ):
        part.fit(snapshot.left, snapshot.right)
        mine = part.encode(snapshot.right, "right")
        theirs = part.encode(snapshot.left, "left")
        for row, i in enumerate(snapshot.right):
            for col, j in enumerate(snapshot.left):
                known = mine.seeks[row] and theirs.offers[col]
                found = float(mine.seeker[row] @ theirs.offered[col]) if known else None
                expected = plain(i, j)
                assert found == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize(
    ("table", "problem"),
    [({"ports": {"gold": 0.5}}, "not both in the vocabulary"), ({"ports": {"water": 0}}, "is 0")],
)
def test_a_relation_that_cannot_be_used_is_named(table: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        NeedsOffers(VOCABULARY.topics, table)


def test_challenges_shared_by_equal_sets_and_by_ticking_every_box() -> None:
    part = Overlap("challenges", "challenge", VOCABULARY.challenges)
    i = us(challenges=codes("flooding"))
    assert similarity(part, i, abroad(challenges=codes("flooding"))) == pytest.approx(1.0)
    everything = similarity(part, i, abroad(challenges=frozenset(VOCABULARY.challenges)))
    assert everything is not None
    assert 0 < everything < 0.7
    assert similarity(part, i, abroad(challenges=codes("drought"))) == 0
    assert similarity(part, i, abroad()) is None


def test_sectors_compare_strengths_and_weigh_rare_ones_up() -> None:
    part = Strengths("sectors", "sector", VOCABULARY.sectors, rare_count_more=True)
    i = us(sectors={"energy": 3, "tourism": 1})
    alike, reversed_ = (
        abroad(sectors={"energy": 3, "tourism": 1}),
        abroad(sectors={"energy": 1, "tourism": 3}),
    )
    assert similarity(part, i, alike, reversed_) == pytest.approx(1.0)
    weaker = similarity(part, i, reversed_, alike)
    assert weaker is not None
    assert 0.4 < weaker < 0.8
    assert sum(value for _, value in part.items(i, reversed_, weaker)) == pytest.approx(weaker)


def test_themes_do_not_weigh_rare_ones_up() -> None:
    part = Strengths("themes", "theme", VOCABULARY.themes, rare_count_more=False)
    crowd = [ProfileRecord(k, "DE", themes={"youth": 2}) for k in range(10, 20)]
    i = us(themes={"arts": 2, "youth": 2})
    assert similarity(part, i, abroad(themes={"arts": 1}), *crowd) == pytest.approx(0.5**0.5)
    assert similarity(part, i, abroad(themes={"youth": 1}), *crowd) == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("ties", "hints", "expected", "items"),
    [
        ((Tie("trade", 3, country="DE"),), {}, 1.0, (("tie:trade", 1.0),)),
        ((Tie("trade", 1, country="DE"),), {"DE": 1.0}, 0.5, (("tie:trade", 0.5),)),
        (
            (Tie("trade", 1, country="DE"), Tie("mayoral", 2, country="DE")),
            {},
            0.75,
            (("tie:mayoral", 0.75),),
        ),
        ((), {"DE": 0.6}, 0.3, (("tie_hint:DE", 0.3),)),
        ((Tie("trade", 2, country="JP"),), {}, 0.0, ()),
        ((), {}, None, ()),
    ],
)
def test_ties_by_strength_with_hints_counting_half(
    ties: tuple[Tie, ...], hints: dict[str, float], expected: float, items: Any
) -> None:
    part, i, j = Ties(), us(ties=ties, tie_hints=hints), abroad()
    found = similarity(part, i, j, ProfileRecord(3, "JP"))
    assert found == (None if expected is None else pytest.approx(expected))
    if found is not None:
        assert part.items(i, j, expected) == items


def test_languages_one_shared_is_enough() -> None:
    i = us(languages=codes("en", "es"))
    assert (
        similarity(Languages(VOCABULARY.languages), i, abroad(languages=codes("de", "en", "ja")))
        == 1
    )
    assert similarity(Languages(VOCABULARY.languages), i, abroad(languages=codes("de"))) == 0
    assert similarity(Languages(VOCABULARY.languages), i, abroad()) is None
    both = abroad(languages=codes("en", "es"))
    assert Languages(VOCABULARY.languages).items(i, both, 1.0) == (
        ("language:en", 0.5),
        ("language:es", 0.5),
    )


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [(-5, -5, 1), (-5, 1, 0.25), (-10, 13, 0.875), (-8, 9, 0.125), (-5, 9, 0), (-8, 1, 0)],
)
def test_time_zone_is_the_share_of_working_hours_the_shorter_way_round(
    here: float, there: float, expected: float
) -> None:
    assert similarity(
        TimeZone(), us(utc_offset_hours=here), abroad(utc_offset_hours=there)
    ) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("Cfb", "Cfa", 1), ("Cfb", "Csa", 0.5), ("Cfb", "Dfb", 0), ("BWh", "BSk", 0.5)],
)
def test_climate_by_main_group_and_subgroup(a: str, b: str, expected: float) -> None:
    assert similarity(Climate(), us(climate=a), abroad(climate=b)) == expected


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ({"is_capital": True}, {"seat_level": 0}, 1),
        ({"seat_level": 1}, {"seat_level": 1, "is_capital": False}, 1),
        ({"seat_level": 1}, {"is_capital": False}, 0),
        ({"is_capital": False}, {"seat_level": 3}, 1),
        ({}, {"seat_level": 3}, None),
    ],
)
def test_seats_of_the_same_rank(
    mine: dict[str, Any], theirs: dict[str, Any], expected: float | None
) -> None:
    assert similarity(Seat(), us(**mine), abroad(**theirs)) == expected


@pytest.mark.parametrize(
    ("neither", "a", "b", "expected"),
    [(0.5, True, True, 1), (0.5, False, False, 0.5), (1.0, False, False, 1), (1.0, True, False, 0)],
)
def test_a_shared_trait(neither: float, a: bool, b: bool, expected: float) -> None:
    part = SharedTrait("port", "port", neither=neither, share=1)
    assert similarity(part, us(port=a), abroad(port=b)) == pytest.approx(expected)


def test_universities_and_air_links_need_both_sides() -> None:
    part = SharedAbundance("universities", "universities", enough=10, share=1)
    assert similarity(part, us(universities=12), abroad(universities=10)) == pytest.approx(1)
    assert similarity(part, us(universities=12), abroad(universities=0)) == 0
    assert similarity(part, us(universities=12), abroad()) is None


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1, 1.0), (2, 0.905), (4, 0.669), (10, 0.316), (1000, 0.0)]
)
def test_size_falls_with_the_ratio_alone(ratio: int, expected: float) -> None:
    for population in (3_000, 3_000_000 // ratio):
        assert similarity(
            size(), us(population=population), abroad(population=population * ratio)
        ) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("part", "field", "near", "far"),
    [
        (elevation, "elevation_m", (100, 150), (0, 2_500)),
        (median_age, "median_age", (38, 40), (20, 50)),
        (Income, "income_band", (4, 3), (4, 1)),
    ],
)
def test_near_numbers_are_more_alike_than_far_ones(
    part: Callable[[], Part], field: str, near: Any, far: Any
) -> None:
    alike, apart = (
        similarity(part(), us(**{field: a}), abroad(**{field: b})) for a, b in (near, far)
    )
    assert alike is not None
    assert apart is not None
    assert 0 <= apart < 0.4 < 0.6 < alike <= 1


def test_distance_from_here_to_the_antipodes() -> None:
    here = us(latitude=40.0, longitude=-75.0)
    assert similarity(Distance(), here, abroad(latitude=40.0, longitude=-75.0)) == pytest.approx(1)
    assert similarity(Distance(), here, abroad(latitude=-40.0, longitude=105.0)) == pytest.approx(
        0, abs=1e-6
    )


def test_readiness_looks_at_the_other_side_alone() -> None:
    part, j = (
        Readiness(),
        abroad(readiness={"budget": 1.0, "council": 0.0, "travel": 0.5, "plan": 1.0}),
    )
    assert similarity(part, us(), j) == pytest.approx(0.625)
    assert similarity(part, us(readiness={"budget": 1.0}), abroad()) is None
    assert part.items(us(), j, 0.625) == (
        ("readiness:budget", 0.25),
        ("readiness:plan", 0.25),
        ("readiness:travel", 0.125),
    )


def test_readiness_outside_of_its_range_is_named() -> None:
    with pytest.raises(OutOfRangeError, match=r"record 2, field 'readiness'.*'budget' is 3"):
        Readiness().encode([abroad(readiness={"budget": 3})], "right")


WATER_EN = "Clean rivers and better water management are what we care about."
WATER_JA = "私たちの町は水管理に力を入れています。"
CROWD = [
    ProfileRecord(
        10,
        "DE",
        story="Our theatre festival and the old opera house draw visitors.",
        story_language="en",
    ),
    ProfileRecord(
        11, "DE", story="Skilled trades, car makers and supplier firms.", story_language="en"
    ),
    ProfileRecord(12, "JP", story="祭りと古い寺が人々を迎えます。", story_language="ja"),
    ProfileRecord(13, "JP", story="若い会社が新しい技術を作ります。", story_language="ja"),
    ProfileRecord(
        14, "DE", story="Rivers, clean water management and flood walls.", story_language="en"
    ),
]


def test_stories_meet_across_languages_only_through_the_vocabulary() -> None:
    i, j = us(story=WATER_EN, story_language="en"), abroad(story=WATER_JA, story_language="ja")
    with_labels, without = (
        similarity(Story(labels, 5, 0), i, j, *CROWD) for labels in (VOCABULARY.labels, {})
    )
    assert with_labels is not None
    assert without is not None
    assert with_labels > 0.7 > without


def test_stories_of_one_language_are_not_alike_for_that() -> None:
    """Everybody writes "city", "people" and "welcome", and each something of their own: on average
    that is unrelated, .5.
    """
    subjects = ("opera", "steel", "wine", "chess", "rowing", "bees", "glass", "jazz")
    records = [
        ProfileRecord(
            k, "DE", story=f"Our city welcomes people {word} {word}s", story_language="en"
        )
        for k, word in enumerate(subjects, 10)
    ]
    records += [
        ProfileRecord(k, "FR", story=f"Notre ville accueille {word} {word}s", story_language="fr")
        for k, word in enumerate(subjects, 30)
    ]
    part = Story({}, 6, 0)
    part.fit([], records)
    rows = part.encode(records[:8], "right").offered
    between = (rows @ rows.T)[~np.eye(8, dtype=bool)]
    assert abs(between.mean() - 0.5) < 0.1


def test_a_story_without_a_word_known_is_not_known() -> None:
    part, i = Story({}, 5, 0), us(story=WATER_EN, story_language="en")
    assert similarity(part, i, abroad(story=" . ", story_language="en"), *CROWD) is None
    assert similarity(part, i, abroad(), *CROWD) is None
    assert similarity(part, i, abroad(story="zzz yyy")) is None  # two stories teach nothing
    part.fit([i], CROWD)
    assert part.encode([abroad(story="zzz yyy", story_language="en")], "right").offers.tolist() == [
        False
    ]
