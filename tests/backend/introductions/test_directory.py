"""The directory: whose partnerships it lists, each once, and its filters; and the figures of the
overview: what they count, in which scope, in how many queries, and as CSV without formulas.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.cities.models import Community, ExistingPartnership, Membership
from backend.common.dates import database_now
from backend.common.errors import NotVisible
from backend.common.formatting import csv_lines, safe_cell, written_cell
from backend.introductions.directory import Directory, RowFilters
from backend.introductions.models import Introduction, Partnership
from backend.introductions.services.introductions import move_introduction
from backend.introductions.statistics import TABLES, Scope, introduced_by_hand, statistics_table
from backend.suggestions.models import Decision, Suggestion
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CountryFactory,
    DecisionFactory,
    IntroductionFactory,
    ListedPartnershipFactory,
    MeetingFactory,
    MembershipFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    SignatoryFactory,
    SuggestionFactory,
    UserFactory,
)
from tests.web.html_forms import url

pytestmark = pytest.mark.django_db


def partnership(
    a: Community,
    b: Community,
    *,
    signed: bool = False,
    areas: tuple[str, ...] = ("culture",),
    **values: Any,
) -> Partnership:
    made = PartnershipFactory(
        agreement__introduction__suggestion__pair=PairFactory(a=a, b=b),
        agreement__areas=list(areas),
        **values,
    )
    for side in (a, b) if signed else ():
        SignatoryFactory(agreement=made.agreement, community=side)
    return made


def confirmed(
    community: Community, other: Any, state: str = "confirmed", **values: Any
) -> ExistingPartnership:
    place = other if not isinstance(other, str) else None
    name = place.name if place is not None else other
    country = place.country if place is not None else CommunityFactory(country_code="JP").country
    return ExistingPartnership.objects.create(
        community=community,
        name=name,
        name_key=name.lower(),
        country=country,
        place=place,
        state=state,
        claimed_at=MOMENT,
        **{"answered_at": None if state == "claimed" else MOMENT, **values},
    )


def listed(one: Any, other: Any) -> None:
    a, b = sorted((one, other), key=lambda place: place.pk)
    ListedPartnershipFactory(place_a=a, place_b=b)


def shown(**asked: Any) -> list[tuple[str, str, str]]:
    return [(entry.source, entry.a.name, entry.b.name) for entry in Directory(RowFilters(**asked))]


@pytest.fixture
def cities() -> dict[str, Community]:
    made = {
        "ames": CommunityFactory(name="Ames", published=True),
        "bonn": CommunityFactory(name="Bonn", country_code="DE", published=True),
        "celle": CommunityFactory(name="Celle", country_code="DE", published=True),
        "osaka": CommunityFactory(name="Osaka", country_code="JP", published=True),
    }
    MembershipFactory(community=made["ames"])
    return made


def test_only_partnerships_of_members_in_good_standing(cities: dict[str, Community]) -> None:
    partnership(cities["ames"], cities["bonn"])
    partnership(cities["celle"], cities["osaka"])
    listed(cities["ames"].place, PlaceFactory(name="Kiel"))
    listed(cities["celle"].place, PlaceFactory(name="Lima"))
    confirmed(cities["ames"], "Nara")
    confirmed(cities["celle"], "Oslo")
    found = [
        ("recorded", "Ames", "Bonn"),
        ("confirmed", "Ames", "Nara"),
        ("listed", "Ames", "Kiel"),
    ]
    assert shown() == found
    Membership.objects.update(standing="lapsed")
    assert shown() == []
    Membership.objects.update(standing="good", ended_on=dt.date(2025, 1, 1))
    assert shown() == []


def test_global_member_is_listed_with_all_its_partnerships_worldwide(
    cities: dict[str, Community],
) -> None:
    MembershipFactory(community=cities["celle"])
    partnership(cities["celle"], cities["osaka"])
    listed(PlaceFactory(name="Lima"), cities["celle"].place)
    assert {entry[0] for entry in shown()} == {"recorded", "listed"}
    assert shown(kind="us") == []
    assert len(shown(kind="global")) == 2


def test_each_partnership_is_listed_once(cities: dict[str, Community]) -> None:
    partnership(cities["ames"], cities["bonn"])
    listed(cities["ames"].place, cities["bonn"].place)
    confirmed(cities["ames"], cities["bonn"].place)
    confirmed(cities["ames"], cities["osaka"].place)
    confirmed(cities["osaka"], cities["ames"].place)
    listed(cities["osaka"].place, cities["ames"].place)
    assert shown() == [("recorded", "Ames", "Bonn"), ("confirmed", "Ames", "Osaka")]
    Partnership.objects.update(status="ended", ended_on=dt.date(2026, 3, 3))
    assert ("recorded", "Ames", "Bonn") not in shown()


def test_partner_without_a_place_is_listed_once_and_by_its_page(
    cities: dict[str, Community],
) -> None:
    county = CommunityFactory(
        name="Alba", kind="county", place=None, country_code="DE", published=True
    )
    confirmed(county, cities["ames"].place)
    assert shown() == [("confirmed", "Alba", "Ames")]
    confirmed(cities["ames"], "Alba", partner=county)
    assert shown() == [("confirmed", "Alba", "Ames")]
    ExistingPartnership.objects.filter(community=county).delete()
    (entry,) = Directory(RowFilters(search="alba"))
    assert (entry.a.name, entry.b.community) == ("Ames", county.pk)
    Membership.objects.update(community=county)
    assert shown() == [("confirmed", "Ames", "Alba")]
    recorded = partnership(cities["ames"], county)
    assert shown() == [("recorded", recorded.pair.a.name, recorded.pair.b.name)]


@pytest.mark.parametrize("state", ["claimed", "refused", "dropped"])
def test_what_staff_have_not_confirmed_is_not_there(
    cities: dict[str, Community], state: str
) -> None:
    confirmed(cities["ames"], "Nara", state=state)
    assert shown() == []


def test_ended_claim_is_not_there(cities: dict[str, Community]) -> None:
    confirmed(cities["ames"], "Nara", status="ended")
    assert shown() == []


def test_recognised_is_derived(cities: dict[str, Community]) -> None:
    partnership(cities["ames"], cities["bonn"], signed=True)
    partnership(cities["ames"], cities["osaka"])
    assert [(entry.b.name, entry.is_recognised) for entry in Directory(RowFilters())] == [
        ("Bonn", True),
        ("Osaka", False),
    ]
    assert shown(recognised=True) == [("recorded", "Ames", "Bonn")]


def test_filters(cities: dict[str, Community]) -> None:
    partnership(
        cities["ames"], cities["bonn"], since=dt.date(1984, 5, 1), areas=("sport", "culture")
    )
    partnership(cities["ames"], cities["osaka"], since=dt.date(2026, 5, 1))
    confirmed(cities["ames"], "Nara", year=1989, status="dormant")
    listed(cities["ames"].place, PlaceFactory(name="Kiel", search_text="kiel|kielo"))
    names = lambda **asked: [b for _source, _a, b in shown(**asked)]  # noqa: E731
    assert names() == ["Bonn", "Osaka", "Nara", "Kiel"]
    assert names(country="DE") == ["Bonn"]
    assert names(country="JP") == ["Osaka", "Nara"]
    assert names(theme="sport") == ["Bonn"]
    assert names(decade=1980) == ["Bonn", "Nara"]
    assert names(status="active") == ["Bonn", "Osaka"]
    assert names(status="dormant") == ["Nara"]
    assert names(status="unknown") == ["Kiel"]
    assert names(search="kielo") == ["Kiel"]
    assert names(search="nar") == ["Nara"]
    assert names(search="ames bon") == ["Bonn"]
    assert names(search="\x00") == names()
    assert names(place=cities["osaka"].place_id) == ["Osaka"]
    assert names(search="nowhere at all") == []


def test_facets_and_arcs(cities: dict[str, Community]) -> None:
    partnership(
        cities["ames"],
        cities["bonn"],
        since=dt.date(1984, 5, 1),
        areas=("sport", "culture"),
        signed=True,
    )
    confirmed(cities["ames"], "Nara", year=1989, status="dormant")
    listed(cities["ames"].place, PlaceFactory(name="Kiel"))
    directory = Directory(RowFilters())
    assert len(directory) == 3
    assert dict(directory.facets()) == {
        "status": {"active": 1, "dormant": 1, "unknown": 1},
        "decade": {"1980": 2},
        "recognised": {"yes": 1},
        "theme": {"sport": 1, "culture": 1},
        "country": {"US": 3, "DE": 1, "JP": 1},
    }
    assert len(directory.arcs()) == 2, "nobody knows where Nara lies"
    assert Directory(RowFilters(theme="sport", kind="global")).facets() == {}


def test_slices_follow_each_other(cities: dict[str, Community]) -> None:
    for number in range(7):
        listed(cities["ames"].place, PlaceFactory(name=f"Place {number}"))
    directory = Directory(RowFilters())
    assert [
        entry.row for part in (directory[0:3], directory[3:6], directory[6:9]) for entry in part
    ] == [e.row for e in directory[:]]


def test_queries_do_not_grow(cities: dict[str, Community]) -> None:
    for number in range(12):
        partnership(
            cities["ames"], CommunityFactory(published=True, country_code="DE"), signed=True
        )
        listed(cities["ames"].place, PlaceFactory(name=f"Place {number}"))
    with CaptureQueriesContext(connection) as queries:
        directory = Directory(RowFilters())
        assert len(directory[0:20]) == 20
    assert len(queries) == 6, "public communities, members, their places, and the three sources"


# The figures of the overview.


MARCH = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)


def suggestion(at: dt.datetime = MARCH, country: str = "DE", **values: Any) -> Suggestion:
    made = SuggestionFactory(pair__b__country_code=country, **values)
    Suggestion.objects.filter(pk=made.pk).update(created_at=at)
    made.refresh_from_db()
    return made


def rows(user: User, name: str, scope: Scope | None = None, **by: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in statistics_table(user, name, scope or Scope(), **by)[1]]


def test_funnel_counts_how_far_each_came_also_when_closed_since(curator: User) -> None:
    suggestion(proposed=True)
    suggestion()
    suggestion(status="declined", a_state="declined")
    suggestion(mutual=True)  # no card yet
    introduction = IntroductionFactory(suggestion=suggestion(mutual=True))
    for stage in ("introduced", "first_meeting"):
        move_introduction(by=curator, introduction_id=introduction.pk, stage=stage)
    assert rows(curator, "funnel")[0][6:] == (0, 0), "a column is no meeting"
    today = database_now().date()
    move_introduction(by=curator, introduction_id=introduction.pk, stage="exploring", met_on=today)
    move_introduction(
        by=curator, introduction_id=introduction.pk, stage="closed", close_reason="other"
    )
    for stage, hours in (("introduced", -2), ("agreement", 2)):
        with_meeting = IntroductionFactory(suggestion=suggestion(mutual=True), stage=stage)
        at = database_now() + dt.timedelta(hours=hours)
        MeetingFactory(introduction=with_meeting, status="fixed", starts_at=at, fixed_by=curator)
    #                                            suggested, released, answered, mutual, introduced,
    #                                            met, agreed
    assert rows(curator, "funnel") == [("2026-03", 7, 6, 5, 4, 3, 2, 1)]


def test_funnel_by_month_and_country_within_its_scope(curator: User) -> None:
    suggestion()
    suggestion(dt.datetime(2026, 4, 30, 23, 59, tzinfo=dt.UTC), country="JP")
    assert [row[:2] for row in rows(curator, "funnel")] == [("2026-03", 1), ("2026-04", 1)]
    assert [row[:2] for row in rows(curator, "funnel", by="country")] == [("DE", 1), ("JP", 1)]
    assert [
        row[0]
        for row in rows(
            curator, "funnel", Scope(since=dt.date(2026, 4, 1), until=dt.date(2026, 4, 30))
        )
    ] == ["2026-04"]
    assert [row[0] for row in rows(curator, "funnel", Scope(country="DE"))] == ["2026-03"]
    assert rows(curator, "funnel", Scope(until=dt.date(2026, 3, 9))) == []


def test_what_was_opened_by_hand_is_counted_apart(curator: User) -> None:
    Introduction.objects.create(pair=PairFactory(), opened_by=curator, opened_because="They met.")
    assert introduced_by_hand(curator, Scope()) == 1
    assert rows(curator, "funnel") == []


def test_response_times_are_median_and_ninth_decile_of_first_answers(curator: User) -> None:
    released = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    for days in (1, 2, 3, 4, 10):
        made = SuggestionFactory(released_at=released, expires_at=released + dt.timedelta(days=60))
        response = DecisionFactory(suggestion=made)
        Decision.objects.filter(pk=response.pk).update(at=released + dt.timedelta(days=days))
        later = DecisionFactory(suggestion=made, answer="withdrawn")
        Decision.objects.filter(pk=later.pk).update(at=released + dt.timedelta(days=50))
    assert rows(curator, "responses") == [("2026-03", 5, 3.0, 7.6)]
    assert rows(curator, "responses", by="country") == [("US", 5, 3.0, 7.6)]
    assert rows(curator, "responses", Scope(country="DE")) == []


def test_exposure_counts_each_side_by_size_and_who_gets_nothing(curator: User) -> None:
    CountryFactory(code="US")
    small = CommunityFactory(published=True, place=PlaceFactory(population=9_000))
    CommunityFactory(published=True, place=PlaceFactory(population=9_000))
    for _ in range(2):
        SuggestionFactory(
            pair=PairFactory(a=small, b=CommunityFactory(published=True, country_code="DE"))
        )
    assert rows(curator, "exposure") == [
        ("U.S., Under 25,000", 2, 2, 1.0, 1),
        ("Abroad, 100,000 to 499,999", 2, 2, 1.0, 0),
    ]


def test_stuck_is_what_is_overdue_or_has_not_moved(curator: User) -> None:
    today = database_now().date()
    IntroductionFactory(suggestion=suggestion(mutual=True), due_on=today, owner=curator)
    overdue = IntroductionFactory(
        suggestion=suggestion(mutual=True), due_on=today - dt.timedelta(days=3)
    )
    old = IntroductionFactory(suggestion=suggestion(mutual=True), stage="exploring")
    Introduction.objects.filter(pk=old.pk).update(opened_at=database_now() - dt.timedelta(days=31))
    IntroductionFactory(
        suggestion=suggestion(mutual=True), stage="agreement", due_on=today - dt.timedelta(days=3)
    )
    found = rows(curator, "stuck")
    assert [(row[2], row[5], row[6]) for row in found] == [(old.pk, 31, 0), (overdue.pk, 0, 3)]
    move_introduction(by=curator, introduction_id=old.pk, stage="proposal")
    assert [row[2] for row in rows(curator, "stuck")] == [overdue.pk]


@pytest.mark.parametrize("name", TABLES)
def test_figures_are_for_staff(db: None, name: str) -> None:
    with pytest.raises(NotVisible):
        statistics_table(UserFactory(), name, Scope())
    statistics_table(UserFactory(admin=True), name, Scope())


@pytest.mark.parametrize("name", TABLES)
def test_number_of_queries_does_not_grow(curator: User, name: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            statistics_table(curator, name, Scope())
        return len(captured)

    for _ in range(2):
        IntroductionFactory(suggestion=suggestion(mutual=True), due_on=dt.date(2026, 1, 1))
    few = queries()
    for _ in range(6):
        IntroductionFactory(suggestion=suggestion(mutual=True), due_on=dt.date(2026, 1, 1))
    assert queries() == few <= 4


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"])
def test_formulas_are_neutralised(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    lines = "".join(csv_lines(["a"], [[text]]))
    (cell,) = list(csv.reader(io.StringIO(lines, newline="")))[1]
    assert cell[0] == "'"
    assert written_cell(cell) == text


@pytest.mark.parametrize(
    "text", ["a;=1+1", 'a; "=1+1', "a\t@SUM(A1)", "a\n=1+1", "a, b;-1", "a;＝1", "=1;+1", 'a";=1']
)
def test_no_part_of_a_cell_is_a_formula_to_a_program_that_separates_otherwise(text: str) -> None:
    lines = "".join(csv_lines(["a", "b", "c"], [["x", text, "y"], ["x;", text, "y"]]))
    rows = list(csv.reader(io.StringIO(lines, newline="")))
    assert written_cell(rows[1][1]) == text
    begun = [
        part.lstrip(' "')
        for line in re.split("[\r\n]+", lines)
        for part in re.split("[;\t,]", line)
    ]
    assert not [part for part in begun if part.startswith(("=", "+", "-", "@", "＝"))]


def test_numbers_and_plain_words_stay_as_they_are() -> None:
    assert [safe_cell(value) for value in ("São Paulo – Köln", 3, -2.5, None)] == [
        "São Paulo – Köln",
        3,
        -2.5,
        "",
    ]


def test_csv_has_the_rows_of_the_table(curator: User) -> None:
    made = SuggestionFactory(pair__a__name="=HYPERLINK(1)", mutual=True)
    IntroductionFactory(suggestion=made, due_on=dt.date(2026, 1, 1))
    client = Client()
    client.force_login(curator)
    response = client.get(url("staff_statistics_csv", "stuck"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    read = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert read[0] == list(TABLES["stuck"].columns)
    assert read[1][0].startswith("'=HYPERLINK(1)")
