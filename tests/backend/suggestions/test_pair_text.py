"""A pair in words: every sentence is true of both profiles, and none contradicts another."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from django.utils import timezone, translation

from backend.cities.facets import FACETS, GAINS, item_label
from backend.cities.vocabularies import vocabulary
from backend.suggestions.pair_text import (
    Chooser,
    PairStatements,
    ReadBy,
    Statement,
    pair_statements,
    pair_text,
)
from backend.suggestions.public_facts import Hours, PublicFacts, StatedTie, public_facts
from backend.suggestions.scoring.records import Commitments, community_record
from backend.suggestions.services.curation import two_sides
from backend.suggestions.services.proposals import assess
from backend.web.suggestions.comparison import facet_rows
from tests.factories import CommunityFactory, document

SAVANNAH = PublicFacts(id=1, name="Savannah", country="US")
BREMEN = PublicFacts(id=2, name="Bremen", country="DE")
READERS: tuple[ReadBy, ...] = ("first", "both", "staff")
Facts = dict[str, Any]


def contribution(
    facet: str, *items: str | tuple[str, int, int], share: float = 0.2, similarity: float = 0.8
) -> Facts:
    rows = [(item, None, None) if isinstance(item, str) else item for item in items]
    return {
        "facet": facet,
        "similarity": similarity,
        "share": share,
        "lift": 1.0,
        "weight": 1.0,
        "items": [[code, 0.1, offered_by, candidates] for code, offered_by, candidates in rows],
    }


def reasons(*contributions: Facts, **more: Any) -> Facts:
    return {"gain": 0.2, "contributions": list(contributions), "caveat": None, **more}


def said(
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    why: Mapping[str, Any],
    back: Mapping[str, Any] | None = None,
    *,
    hours: Hours | None = None,
    read_by: ReadBy = "first",
) -> PairStatements:
    return pair_statements(
        Chooser(dataclasses.replace(SAVANNAH, **mine), why),
        Chooser(dataclasses.replace(BREMEN, **theirs), back or reasons()),
        hours,
        read_by,
    )


def words(statements: tuple[Statement, ...]) -> list[str]:
    return [str(statement) for statement in statements]


def codes(*names: str) -> frozenset[str]:
    return frozenset(names)


def alike(**values: object) -> tuple[Facts, Facts]:
    return values, values


def test_each_item_has_its_own_count_and_none_that_is_not_its_own() -> None:
    both = codes("port_logistics", "water_management")
    one = contribution("needs_offers", ("topic:port_logistics", 3, 60), "topic:water_management")
    found = said({"needs": both}, {"offers": both}, reasons(one))
    assert words(found.sides[0].gains) == [
        "Bremen offers what you need: port logistics (3 of 60 candidates) and water management."
    ]


def test_candidates_are_named_at_the_first_count_of_a_sentence_alone() -> None:
    both = codes("port_logistics", "water_management", "freight_rail")
    items = (
        "topic:water_management",
        ("topic:port_logistics", 3, 60),
        ("topic:freight_rail", 9, 60),
    )
    found = said({"needs": both}, {"offers": both}, reasons(contribution("needs_offers", *items)))
    assert words(found.sides[0].gains) == [
        "Bremen offers what you need: water management, port logistics (3 of 60 candidates) and "
        "rail and freight hubs (9)."
    ]


def test_a_need_is_said_to_be_met_also_where_needs_do_not_count() -> None:
    both = codes("port_logistics")
    found = said({"needs": both}, {"offers": both}, reasons(not_counted=["needs_offers"]))
    assert words(found.sides[0].gains) == ["Bremen offers what you need: port logistics."]


def _rows(*items: tuple[str, int, bool]) -> list[list[Any]]:
    return [[code, 0.1, count, 60, is_common] for code, count, is_common in items]


def test_what_most_candidates_bring_is_a_gain_only_where_nothing_else_is() -> None:
    mine = alike(challenges=codes("flooding", "drought"), themes=codes("culture", "business"))
    rare, common = ("challenge:drought", 9, False), ("challenge:flooding", 41, True)
    challenges = contribution("challenges") | {"items": _rows(rare, common)}
    themes = contribution("themes") | {
        "items": _rows(("theme:culture", 9, False), ("theme:business", 50, True))
    }
    found = said(*mine, reasons(challenges, themes))
    assert words(found.sides[0].gains) == [
        "Bremen works on the same challenges as you: drought and water shortage (9 of 60 "
        "candidates)."
    ]
    assert words(found.in_common) == ["Both want exchange in culture (9 of 60 candidates)."]
    alone = said(*mine, reasons(challenges | {"items": _rows(common)}))
    assert words(alone.sides[0].gains) == [
        "Bremen works on the same challenges as you: flooding (41 of 60 candidates)."
    ]


def test_an_offer_is_named_once_on_a_side() -> None:
    mine = {
        "needs": codes("energy_efficiency", "affordable_housing"),
        "challenges": codes("flooding"),
    }
    needs = contribution(
        "needs_offers",
        "topic:energy_efficiency",
        "near_topic:affordable_housing>energy_efficiency",
    )
    found = said(mine, {"offers": codes("energy_efficiency")}, reasons(needs))
    assert [one.code for one in found.sides[0].gains] == ["needs_met"]


def test_stories_are_heard_for_what_no_other_sentence_says() -> None:
    text = {"story": "We save energy by energy efficiency, and live by port logistics and tourism."}
    spoken = said(*alike(**text), reasons(contribution("story"))).in_common
    assert "energy efficiency" in str(spoken[0]) and "logistics" in str(spoken[0])
    within = {"story": "We are good at energy efficiency."}
    assert words(said(*alike(**within), reasons(contribution("story"))).in_common) == [
        "Both stories speak of energy efficiency."
    ]
    need = {"needs": codes("energy_efficiency"), "offers": codes("energy_efficiency")}
    assert not said(*alike(**within, **need), reasons(contribution("story"))).in_common


def test_the_other_sides_caveat_which_nobody_here_reads_hides_nothing() -> None:
    back = reasons(caveat="time_zone")
    for read_by, shown in (("first", ["no_hours"]), ("both", []), ("staff", [])):
        found = said({}, {}, reasons(), back, hours=Hours(0, 0), read_by=read_by)  # type: ignore[arg-type]
        assert [one.code for one in found.possible] == shown


def test_counts_are_for_the_own_side_and_for_staff_alone() -> None:
    need = {"needs": codes("port_logistics"), "offers": codes("port_logistics")}
    why = reasons(contribution("needs_offers", ("topic:port_logistics", 3, 60)))
    counted = {
        read_by: [
            side.gains[0].items[0].candidates
            for side in said(need, need, why, why, read_by=read_by).sides
        ]
        for read_by in READERS
    }
    assert counted == {"first": [60, None], "both": [None, None], "staff": [60, 60]}
    theme = alike(themes=codes("culture"))
    why = reasons(contribution("themes", ("theme:culture", 3, 60)))
    shared = {read_by: said(*theme, reasons(), why, read_by=read_by) for read_by in READERS}
    assert all(found.in_common[0].items[0].candidates is None for found in shared.values())


# Kind → what both profiles say, what the explanation holds, and the sentence
SAID: dict[str, tuple[Facts, Facts, Facts, str]] = {
    "needs_met": (
        {"needs": codes("port_logistics")},
        {"offers": codes("port_logistics")},
        contribution("needs_offers", ("topic:port_logistics", 50, 60), share=-0.1),
        "Bremen offers what you need: port logistics (50 of 60 candidates).",
    ),
    "need_nearly_met": (
        {"needs": codes("flood_protection")},
        {"offers": codes("water_management")},
        contribution("needs_offers", ("near_topic:flood_protection>water_management", 1, 1)),
        "You need flood protection; Bremen offers something close to it: water management (1 of 1 "
        "candidate).",
    ),
    "ties_to_community": (
        {"ties": (StatedTie("trade", community_id=2), StatedTie("faith", community_id=7))},
        {},
        contribution("ties", "tie:trade"),
        "You have stated ties with Bremen: trade.",
    ),
    "ties_to_country": (
        {"ties": (StatedTie("trade", "DE"), StatedTie("faith", "FR"))},
        {},
        contribution("ties", "tie:trade"),
        "You have stated ties with the home country of Bremen (Germany): trade.",
    ),
    "challenges_shared": (
        *alike(challenges=codes("flooding")),
        contribution("challenges", ("challenge:flooding", 8, 1187)),
        "Bremen works on the same challenges as you: flooding (8 of 1,187 candidates).",
    ),
    "challenge_answered": (
        {"challenges": codes("flooding")},
        {"offers": codes("flood_protection")},
        contribution("challenges", "answer:flooding>flood_protection"),
        "You work on flooding; Bremen offers something that helps: flood protection.",
    ),
    "sectors": (
        *alike(sectors=codes("energy")),
        contribution("sectors", "sector:energy"),
        "Sectors of both economies: energy.",
    ),
    "themes": (
        *alike(themes=codes("culture")),
        contribution("themes", ("theme:culture", 2, 60)),
        "Both want exchange in culture (2 of 60 candidates).",
    ),
    "institutions": (
        *alike(institutions=codes("museum", "world_heritage")),
        contribution("institutions", "institution:museum", "institution:world_heritage"),
        "Both have: museum and World Heritage site.",
    ),
    "universities": (
        {"universities": 3},
        {"universities": 7},
        contribution("institutions"),
        "Universities: 3 and 7.",
    ),
    "sea_port": (*alike(port="sea"), contribution("institutions"), "Both have a seaport."),
    "lake_port": (*alike(port="lake"), contribution("institutions"), "Both have a port on a lake."),
    "river_port": (
        *alike(port="river"),
        contribution("institutions"),
        "Both have a port on a river.",
    ),
    "port": ({"port": "sea"}, {"port": "river"}, contribution("institutions"), "Both have a port."),
    "air_links": (
        {"air_destinations": 40},
        {"air_destinations": 1100},
        contribution("institutions"),
        "Direct flights to 40 and 1,100 places.",
    ),
    "median_age": (
        {"median_age": 38.5},
        {"median_age": 40},
        contribution("institutions"),
        "Similar median age: 38.5 and 40 years.",
    ),
    "climate": (
        *alike(climate="Cs"),
        contribution("geography"),
        "The same kind of climate: mild with a dry summer.",
    ),
    "coast": (*alike(coastal=True), contribution("geography"), "Both lie on a coast."),
    "elevation": (
        {"elevation_m": 1600.0},
        {"elevation_m": 1200},
        contribution("geography"),
        "Both lie high: 1,600 m and 1,200 m.",
    ),
    "capital": (
        {"is_capital": True},
        {"seat_level": 0},
        contribution("geography"),
        "Both are national capitals.",
    ),
    "regional_seat": (
        *alike(seat_level=1),
        contribution("geography"),
        "Both are the seat of a state or regional government.",
    ),
    "population": (
        {"population": 150_000},
        {"population": 225_000},
        contribution("size"),
        "Similar size: 150,000 and 225,000 people.",
    ),
    "distance": (
        {"latitude": 50.0, "longitude": 0.0},
        {"latitude": 57.0, "longitude": 0.0},
        contribution("distance"),
        "Near each other: 778 km apart.",
    ),
    "story": (
        {"story": "We live by port logistics and heavy metal."},
        {"story": "Wir können Hafenlogistik, und seit 1827 nichts als Hafenlogistik."},
        contribution("story"),
        "Both stories speak of port logistics.",
    ),
}
# The nearest that is not true any more
NOT_SAID_OF: dict[str, Facts] = {
    "ties_to_community": {"id": 3, "country": "JP"},
    "ties_to_country": {"country": "JP"},
    "universities": {"universities": 2},
    "air_links": {"air_destinations": 19},
    "median_age": {"median_age": 40.6},
    "climate": {"climate": "Cf"},
    "coast": {"coastal": False},
    "sea_port": {"port": "none"},
    "lake_port": {"port": "none"},
    "river_port": {"port": None},
    "port": {"port": "none"},
    "elevation": {"elevation_m": 1060},
    "capital": {"seat_level": 1},
    "regional_seat": {"seat_level": 2},
    "population": {"population": 226_000},
    "distance": {"latitude": 57.2, "longitude": 0.0},
    "story": {"story": "Wir reden nicht gern."},
}


@pytest.mark.parametrize("code", SAID)
def test_each_kind_of_fact_is_said_where_both_profiles_hold_it(code: str) -> None:
    mine, theirs, one, sentence = SAID[code]

    def statements(theirs: Facts, row: Facts = one) -> list[str]:
        found = said(mine, theirs, reasons(row))
        return words(found.sides[0].gains if code in GAINS else found.in_common)

    assert statements(theirs) == [sentence]
    assert statements(NOT_SAID_OF.get(code, {})) == []
    # What most candidates bring is no reason; only a need that is met is never silent
    assert bool(statements(theirs, one | {"share": -0.1})) is (code == "needs_met")


def test_what_makes_it_possible_is_named_once_beside_the_caveat() -> None:
    mine = {"languages": codes("en", "es")}
    found = said(mine, {"languages": codes("en", "de")}, reasons(), hours=Hours(2, 3))
    assert words(found.possible) == [
        "You can work together in English.",
        "Working hours shared: 2–3 h a day.",
    ]
    lonely = said(mine, {"languages": codes("de")}, reasons(), hours=Hours(0, 0))
    assert [one.code for one in lonely.possible] == ["no_language", "no_hours"]
    warned = said(mine, {"languages": codes("de")}, reasons(caveat="languages"))
    assert str(warned.sides[0].caveat) == "You and Bremen state no working language in common."
    assert warned.possible == ()


CAVEAT_OF: dict[str, tuple[Facts, Facts, str]] = {
    "needs_offers": (
        {"needs": codes("flood_protection")},
        {"offers": codes("cycling_walking")},
        "Bremen offers nothing that you need, nor anything close to it.",
    ),
    "challenges": (
        {"challenges": codes("flooding")},
        {"challenges": codes("drought")},
        "You and Bremen state no challenge in common.",
    ),
    "size": (
        {"population": 10_000},
        {"population": 500_000},
        "The two differ much in size: 10,000 and 500,000 people.",
    ),
    "readiness": (
        {},
        {"readiness": {"budget": "partly", "travel": "yes"}},
        "Not fully in place at Bremen yet: first-year budget.",
    ),
    "coverage": ({}, {}, "1 kind of fit could not be compared: data is missing."),
    "ties": ({}, {}, ""),  # of before lifts: beside stated ties it was a contradiction
}


@pytest.mark.parametrize("code", CAVEAT_OF)
def test_a_caveat_is_said_only_where_both_profiles_bear_it_out(code: str) -> None:
    mine, theirs, sentence = CAVEAT_OF[code]
    why = reasons(caveat=code, missing_own=["themes"])
    assert str(said(mine, theirs, why).sides[0].caveat or "") == sentence
    same = alike(**{**mine, "offers": codes("water_management"), "themes": codes("arts")})
    assert said(*same, why).sides[0].caveat is None


def test_few_hours_are_a_caveat_and_not_said_again() -> None:
    for hours, sentence in (
        (Hours(1, 2), "The two share few working hours: 1–2 h a day."),
        (Hours(0, 0), "The two share no working hours."),
        (Hours(2, 3), ""),
    ):
        found = said({}, {}, reasons(caveat="time_zone"), hours=hours)
        assert str(found.sides[0].caveat or "") == sentence
        assert bool(found.possible) is (not sentence)


def test_what_is_not_known_and_what_does_not_count_are_two_things() -> None:
    why = reasons(
        missing_own=["needs_offers", "story"],
        missing_other=["needs_offers", "geography", "languages"],
        not_counted=["distance", "size"],
    )
    mine = {
        "climate": "Cf",
        "story": "We do have one.",
        "importances": {"size": 3},
        "languages": codes("en"),
    }
    side = said(mine, {"story": "So have we."}, why).sides[0]
    assert side.gaps == (
        "You have not said: needs.",
        "Bremen has not said: working languages.",
        "Not known of Bremen: geography and climate.",
    )
    assert side.not_counted_words == "Does not count for you: nearness."
    assert (side.missing_own, side.not_counted) == (("needs_offers",), ("distance",))
    bars = facet_rows(why, reasons(contribution("distance"), not_counted=["size"]))
    assert [(row.first.words, row.second.words) for row in bars] == [("does not count", "80%")]


def test_reasons_stored_before_lifts_stay_readable_without_counts() -> None:
    old = {
        "preference": 0.7,
        "contributions": [
            {"facet": "prior", "share": 0.1, "similarity": 0.3, "items": []},
            {"facet": "themes", "share": 0.1, "similarity": 1, "items": [["theme:culture", 1.0]]},
            {"facet": "story", "share": 0.0, "similarity": None},
            {"facet": "gone", "share": 0.1, "similarity": 1, "items": [["gone", 1.0]]},
        ],
        "missing": ["ties", "gone"],
        "caveat": "themes",
    }
    found = said(*alike(themes=codes("culture")), old, {})
    assert words(found.in_common) == ["Both want exchange in culture."]
    assert found.sides[0].gaps == ("You have not said: ties.",)
    assert found.sides[0].caveat is found.sides[1].caveat is None


def test_every_facet_has_its_words() -> None:
    assert all(facet.label and facet.asked for facet in FACETS.values())
    assert item_label("tie_hint:DE", "fr") == "Allemagne"
    near, answer = (
        "near_topic:flood_protection>water_management",
        "answer:flooding>flood_protection",
    )
    assert item_label(near) == "Water management, close to flood protection"
    assert item_label(answer) == "Flood protection, which answers flooding"
    with translation.override("de"):
        assert item_label(near) == "Wasserwirtschaft, verwandt mit „Hochwasserschutz“"


def test_public_facts_are_what_the_engine_takes_from_the_same_community(db: None) -> None:
    community = CommunityFactory(published=True)
    facts, record = (
        public_facts(community),
        community_record(community, Commitments(frozenset(), 0), dt.datetime.now(dt.UTC)),
    )
    for name in (field.name for field in dataclasses.fields(PublicFacts)):
        if name not in ("name", "timezone", "ties", "readiness", "story", "area"):
            mine, its = getattr(facts, name), getattr(record, name)
            its = frozenset(its) if isinstance(mine, frozenset) else its
            assert mine == ((its or "")[:2] if name == "climate" else its), name
    assert facts.story == (record.story or "")
    assert facts.area.hints == record.tie_hints


@pytest.mark.django_db
def test_all_needs_that_are_met_are_counted_though_a_sentence_names_five() -> None:
    topics = list(vocabulary("topics"))[:8]
    sides = [
        CommunityFactory(
            country_code=country,
            published=True,
            published__document=document(needs_offers=topics_of),
        )
        for country, topics_of in (
            ("US", {"needs": topics, "offers": topics[:2]}),
            ("DE", {"needs": topics[1:3], "offers": topics}),
        )
    ]
    found = assess(*two_sides(*(side.pk for side in sides)), timezone.now())
    assert found.fits is not None
    shown = pair_text(*found.fits, read_by="first")
    assert [side.needs_met for side in shown.sides] == [8, 1]
    assert len(shown.sides[0].said.gains[0].items) == 5
