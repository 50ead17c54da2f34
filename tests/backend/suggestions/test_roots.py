"""Roots by county and sister divisions: whose they are, and what is said of them."""

from __future__ import annotations

import dataclasses

import pytest

from backend.cities.facets import IN_COMMON
from backend.cities.models import Community
from backend.cities.roots import NOWHERE, Area, Root, Sister, area_of, sister_divisions
from backend.suggestions.pair_text import Chooser, PairStatements, pair_statements
from backend.suggestions.public_facts import PublicFacts
from tests.backend.suggestions.test_pair_text import contribution, reasons
from tests.factories import CommunityFactory

BRISTOL = {"PT": Root("ancestry", 28.007, 0.434)}
QUEENS = {"CO": Root("birthplace", 2.91, 0.22)}


def _city(place: int, state: str = "MA") -> Community:
    return CommunityFactory(place__id=place, place__admin1_code=state)


def _by_hand(kind: str, name: str, admin1: str = "") -> Community:
    return CommunityFactory(kind=kind, name=name, admin1=admin1, place=None)


@pytest.mark.django_db
def test_a_city_has_the_roots_of_its_county_and_not_of_its_state() -> None:
    fall_river = area_of(_city(4936159))
    assert fall_river.name == "Bristol County, Massachusetts"
    portugal = fall_river.roots["PT"]
    assert (portugal.question, round(portugal.percent)) == ("ancestry", 28)
    assert fall_river.hints["PT"] == pytest.approx(0.949, abs=0.001)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "state", "name"),
    [
        (5128581, "NY", "New York City"),
        (5110302, "NY", "Kings County, New York"),
        (4140963, "DC", "District of Columbia"),
        (4781708, "VA", "Richmond city, Virginia"),
        (4835797, "CT", "Hartford County, Connecticut"),
        (5855927, "HI", "Hawaii County, Hawaii"),
    ],
)
def test_cities_with_a_county_of_their_own_kind_have_it(place: int, state: str, name: str) -> None:
    assert area_of(_city(place, state)).name == name


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "name", "region", "found"),
    [
        ("county", "Montgomery County", "Maryland", "Montgomery County, Maryland"),
        ("county", "County of Montgomery", "TX", "Montgomery County, Texas"),
        ("county", "Orleans Parish", "Louisiana", "Orleans Parish, Louisiana"),
        ("county", "Nowhere County", "Maryland", "Maryland"),
        ("state", "State of Maryland", "", "Maryland"),
        ("district", "Lakes District", "Maryland", "Maryland"),
    ],
)
def test_without_a_place_a_county_goes_by_name_and_state_or_has_its_states_roots(
    kind: str, name: str, region: str, found: str
) -> None:
    assert area_of(_by_hand(kind, name, region)).name == found


@pytest.mark.django_db
def test_a_place_without_a_known_county_has_its_states_roots_and_abroad_nothing_is_known() -> None:
    area = area_of(_city(999_999_999, "ND"))
    assert (area.is_state, area.name) == (True, "North Dakota")
    assert area_of(CommunityFactory(country_code="DE")) is NOWHERE


def test_the_hint_counts_how_many_they_are_and_how_particular_to_the_county() -> None:
    many, usual = Root("ancestry", 30.0, 14.76), Root("ancestry", 14.76, 14.76)
    few = Root("birthplace", 0.2, 0.1)
    assert many.hint == pytest.approx(30 / 31 * (30.05 / 14.81) / (1 + 30.05 / 14.81))
    assert many.hint > 0.5 > usual.hint > few.hint > 0


def _said(area: Area, country: str, *items: str, sisters: tuple[Sister, ...] = ()) -> list[str]:
    home = PublicFacts(id=1, name="Fall River", country="US", area=area)
    abroad = PublicFacts(id=2, name="Ponta Delgada", country=country)
    why = reasons(contribution("ties", *items)) if items else reasons()
    found = pair_statements(Chooser(home, why), Chooser(abroad, reasons()), None, "first", sisters)
    back = pair_statements(Chooser(abroad, reasons()), Chooser(home, why), None, "both", sisters)
    assert _words(found) == _words(back)  # both sides read the same
    return _words(found)


def _words(found: PairStatements) -> list[str]:
    return [str(one) for one in found.in_common]


def test_a_sentence_says_what_was_asked_where_and_when() -> None:
    area = Area("25005", "MA", "Bristol County, Massachusetts", BRISTOL | QUEENS)
    end = "A hint from open data (American Community Survey 2011–2015), not a stated tie."
    assert _said(area, "PT", "tie_hint:PT") == [
        "Fall River: about 28% of the people of Bristol County, Massachusetts have roots in "
        f"Portugal (ancestry); in the whole U.S. it is 0.4%. {end}"
    ]
    assert _said(area, "CO", "tie_hint:CO") == [
        "Fall River: about 3% of the people of Bristol County, Massachusetts were born in "
        f"Colombia; in the whole U.S. it is 0.2%. {end}"
    ]
    state = dataclasses.replace(area, code="US-MA", name="Massachusetts")
    assert (
        "the people of the whole state of Massachusetts have"
        in _said(state, "PT", "tie_hint:PT")[0]
    )
    assert (
        "the people of the whole state of Massachusetts were born"
        in _said(state, "CO", "tie_hint:CO")[0]
    )


def test_nothing_is_said_of_roots_that_are_usual_or_beside_a_stated_tie() -> None:
    usual = Area("25005", "MA", "Bristol County", {"PT": Root("ancestry", 14.8, 14.8)})
    assert not _said(usual, "PT", "tie_hint:PT")
    assert not _said(Area("25005", "MA", "Bristol County", BRISTOL), "PT", "tie:trade")
    assert not _said(NOWHERE, "PT", "tie_hint:PT")


@pytest.mark.django_db
def test_a_state_and_the_prefecture_of_the_other_community_are_named_as_sisters() -> None:
    boston = _city(4930956)
    sapporo, osaka = (
        CommunityFactory(country_code="JP", place__admin1_code=code) for code in ("12", "32")
    )
    (sister,) = sister_divisions(sapporo, boston)
    assert sister == Sister("Massachusetts", "Hokkaido", True, "1990", "Wikipedia")
    assert sister_divisions(boston, osaka) == []
    assert _said(NOWHERE, "JP", sisters=(sister,)) == [
        "Sister states or regions, by a public source: Massachusetts and Hokkaido "
        "(1990, Wikipedia)."
    ]


@pytest.mark.django_db
def test_divisions_go_by_name_without_a_place_and_whole_countries_by_theirs() -> None:
    home = _by_hand("state", "Hawaii")
    ehime = CommunityFactory(
        country_code="JP", kind="province", name="Ehime Prefecture", place=None
    )
    assert [one.division for one in sister_divisions(home, ehime)] == ["Ehime"]
    iowa = _by_hand("state", "Iowa")
    pristina = CommunityFactory(country_code="XK")
    assert [one.division for one in sister_divisions(iowa, pristina)] == ["Kosovo"]


def test_a_looser_tie_of_divisions_is_no_sister() -> None:
    tie = Sister("California", "Osaka", False, "", "Wikipedia")
    (words,) = _said(NOWHERE, "JP", sisters=(tie,))
    assert words.startswith("An agreement") and words.endswith("California and Osaka (Wikipedia).")
    assert {"ancestry_in_county", "birthplace_in_state", tie.code} <= IN_COMMON.keys()
