"""Partners that somebody has typed are led to their places, each once, in any spelling; and whose
roots by county and which sister divisions a place has, and what is said of them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from backend.accounts.models import User
from backend.cities.facets import IN_COMMON
from backend.cities.models import Community, ExistingPartnership, ListedPartnership, Place
from backend.cities.partner_places import NO_PLACE, led_to_places, place_choices
from backend.cities.profile_validation import check_document
from backend.cities.queries import partners_to_offer, public_document
from backend.cities.roots import NOWHERE, Area, Root, Sister, area_of, sister_divisions
from backend.cities.services.claims import propose_partnerships
from backend.common.errors import InvalidFields
from backend.suggestions.pair_text import Chooser, PairStatements, pair_statements
from backend.suggestions.public_facts import PublicFacts
from backend.suggestions.services.partners import answer_partnership, places_of_rows
from tests.backend.suggestions.test_pair_text import contribution, reasons
from tests.factories import CommunityFactory, CountryFactory, PlaceFactory, UserFactory, document

pytestmark = pytest.mark.django_db
S = ExistingPartnership.State


@pytest.fixture
def annapolis() -> Community:
    return CommunityFactory(name="Annapolis", place__latitude=38.9, place__longitude=-76.5)


def place(name: str, country: str, *others: str, at: tuple[float, float], **more: Any) -> Place:
    return PlaceFactory(
        name=name,
        country=CountryFactory(code=country),
        search_text="|".join([name.lower(), *others]),
        latitude=at[0],
        longitude=at[1],
        **more,
    )


@pytest.fixture
def odesa() -> Place:
    return place("Odesa", "UA", "odessa", at=(46.5, 30.7), population=1_000_000)


@pytest.fixture
def newports() -> tuple[Place, Place]:
    return (
        place("Newport", "GB", at=(51.6, -3.0), admin1="Wales", population=128_060),
        place("Newport", "GB", at=(50.7, -1.3), admin1="England", population=25_496),
    )


def row(name: str, country: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "country": country, **more}


def proposed(community: Community, *rows: dict[str, Any]) -> list[ExistingPartnership]:
    """Stored as a profile with these rows, which is saved before, stores them."""
    led = led_to_places(community, rows)
    data = check_document(document(partnerships={"existing": led}), complete=False)
    propose_partnerships(community, data, by=None)
    return list(community.existing_partnerships.exclude(state=S.DROPPED).order_by("pk"))


def list_pair(one: Community, *others: Place) -> None:
    for other in others:
        a, b = sorted((one.place_id or 0, other.pk))
        ListedPartnership.objects.create(place_a_id=a, place_b_id=b, sources=["wikidata2016"])


def test_an_old_spelling_is_led_to_its_place_and_offered_no_more(
    annapolis: Community, odesa: Place
) -> None:
    list_pair(annapolis, odesa)
    (led,) = led_to_places(annapolis, [row("Odessa", "UA", year=1990)])
    assert led["place_id"] == odesa.pk
    draft = {"partnerships": {"existing": [led]}}
    assert partners_to_offer(annapolis, draft) == []


@pytest.mark.parametrize(
    "name", ["City of Odesa", "ODESSA", "Odesa, Odesa Oblast", "The City of Odessa"]
)
def test_a_name_is_understood_with_its_kind_or_region(
    annapolis: Community, odesa: Place, name: str
) -> None:
    assert led_to_places(annapolis, [row(name, "UA")])[0]["place_id"] == odesa.pk


def test_what_is_no_such_name_or_said_to_be_none_stays_without_a_place(
    annapolis: Community, odesa: Place
) -> None:
    rows = [row("Odessa", "UA", place_id=NO_PLACE), row("Odessa", "RU"), row("", "UA")]
    assert led_to_places(annapolis, rows) == rows
    (claim,) = proposed(annapolis, rows[0])
    assert claim.place_id is None


def test_what_staff_have_said_of_a_name_stays(annapolis: Community, odesa: Place) -> None:
    (claim,) = proposed(annapolis, row("Odessa", "UA", place_id=NO_PLACE))
    curator = UserFactory(staff_role=User.StaffRole.CURATOR)
    answer_partnership(by=curator, partnership_id=claim.pk, answer=S.CONFIRMED, place_id=NO_PLACE)
    typed = [row("Odessa", "UA")]
    assert led_to_places(annapolis, typed) == typed


def test_of_several_places_the_owner_chooses_and_of_neighbours_there_is_one(
    annapolis: Community, newports: tuple[Place, Place]
) -> None:
    place("Newport", "GB", at=(51.65, -3.05), population=900)  # a quarter of the first
    typed = [row("Newport", "GB")]
    assert led_to_places(annapolis, typed) == typed
    assert place_choices(annapolis, typed) == [list(newports)]
    assert led_to_places(annapolis, [row("Newport, Wales", "GB")])[0]["place_id"] == newports[0].pk
    list_pair(annapolis, newports[1])
    assert led_to_places(annapolis, typed)[0]["place_id"] == newports[1].pk


def test_two_places_of_one_name_are_both_offered_kept_and_shown_by_themselves(
    annapolis: Community, newports: tuple[Place, Place]
) -> None:
    list_pair(annapolis, *newports)
    rows = [row("Newport", "GB", place_id=one.pk) for one in newports]
    offered = partners_to_offer(annapolis, {"partnerships": {"existing": rows[:1]}})
    assert [partner.place for partner in offered] == [newports[1]]
    first, second = proposed(annapolis, *rows)
    assert (first.place, second.place) == newports
    assert proposed(annapolis, *rows[::-1]) == [first, second]  # nothing has changed
    CommunityFactory(place=None, kind="county", name="Newport", country_code="GB")
    curator = UserFactory(staff_role=User.StaffRole.CURATOR)
    annapolis = CommunityFactory(published=True, place=PlaceFactory())
    one, _other = proposed(annapolis, *rows)
    answer_partnership(by=curator, partnership_id=one.pk, answer=S.CONFIRMED)
    data = {"partnerships": {"existing": rows}}
    assert public_document(annapolis.pk, data)["partnerships"]["existing"] == rows[:1]


def test_one_place_under_two_names_is_refused(annapolis: Community, odesa: Place) -> None:
    rows = [row("Odesa", "UA", place_id=odesa.pk), row("Odessa", "UA")]
    led = led_to_places(annapolis, rows)
    with pytest.raises(InvalidFields) as refused:
        check_document(document(partnerships={"existing": led}), complete=False)
    assert refused.value.errors == {
        "partnerships.existing": ["“Odesa” and “Odessa” are one place; keep one row."]
    }


def test_a_new_spelling_of_a_confirmed_partner_is_no_second_one(
    annapolis: Community, odesa: Place
) -> None:
    (claim,) = proposed(annapolis, row("Odessa", "UA", place_id=odesa.pk))
    curator = UserFactory(staff_role=User.StaffRole.CURATOR)
    answer_partnership(by=curator, partnership_id=claim.pk, answer=S.CONFIRMED)
    (again,) = proposed(annapolis, row("Odesa", "UA"))
    assert (again.pk, again.name, again.state) == (claim.pk, "Odesa", S.CLAIMED)
    assert again.answered_by == curator  # the two stay partners while staff look again


def test_staff_choose_no_place_that_another_row_of_the_profile_is(
    annapolis: Community, newports: tuple[Place, Place]
) -> None:
    named, typed = proposed(
        annapolis, row("Newport", "GB", place_id=newports[0].pk), row("Newport", "GB")
    )
    assert places_of_rows([typed]) == {typed.pk: [newports[1]]}
    curator = UserFactory(staff_role=User.StaffRole.CURATOR)
    answer = {"by": curator, "partnership_id": typed.pk, "answer": S.CONFIRMED}
    with pytest.raises(InvalidFields) as refused:
        answer_partnership(**answer, place_id=newports[0].pk)
    assert refused.value.errors["place_id"][0].startswith("Another row of the same profile")
    answer_partnership(**answer, place_id=newports[1].pk)
    assert {named.place_id, newports[1].pk} == {one.pk for one in newports}


def test_city_of_its_own_name_is_itself(annapolis: Community) -> None:
    rows = [row("City of Annapolis", "US")]
    with pytest.raises(InvalidFields) as refused:
        check_document(document(partnerships={"existing": rows}), complete=False, own=annapolis)
    assert list(refused.value.errors) == ["partnerships.existing"]


# Roots by county and sister divisions: whose they are, and what is said of them.


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
