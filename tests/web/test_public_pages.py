"""The public pages, and the directory as a page, as a file and in the API."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django import forms
from django.conf import settings
from django.forms.renderers import DjangoTemplates
from django.test import Client, SimpleTestCase
from django.urls import reverse
from django.utils.html import escape

from backend.cities.models import Community, Profile
from backend.cities.profile_schema import AUDIENCES, GROUP_BY_CODE, GROUPS
from backend.web.html.forms import FormRenderer
from backend.web.suggestions.comparison import compared_groups
from backend.web.templatetags.web import arc_between
from tests.factories import (
    FULL_DOCUMENT,
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    ExistingPartnershipFactory,
    ListedPartnershipFactory,
    MembershipFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    ProfileFactory,
    SignatoryFactory,
    UserFactory,
    document,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import one_line, url

SAMPLE = 'class="sample"'


def page(client: Client, name: str, *args: object, **query: str) -> str:
    response = client.get(url(name, *args), query)
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize("name", ["home", "about", "sources", "seeking", "search", "directory"])
def test_public_page_without_any_data(db: None, client: Client, name: str) -> None:
    html = page(client, name)
    assert html.count("<h1") == 1
    assert SAMPLE not in html


@pytest.mark.parametrize(
    "name", ["home", "about", "sources", "seeking", "search", "directory", "account_login"]
)
def test_page_holds_no_inline_style_or_script_and_nothing_from_elsewhere(
    db: None, client: Client, name: str
) -> None:
    CommunityFactory(published=True)
    html = client.get(reverse(name if name.startswith("account") else f"web:{name}")).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    assert not re.search(r'<script(?![^>]*\s(?:src=|type="application/(?:ld\+)?json"))', html), (
        "no script; data for one is none"
    )
    html = re.sub(r'<link rel="(?:canonical|alternate)"[^>]*>', "", html)  # addresses of ours
    assert not re.search(r'(?:src|<link[^>]*href)="(?:https?:)?//', html)


@pytest.mark.parametrize("name", ["home", "seeking"])
def test_sample_data_is_marked_on_pages_that_show_it(db: None, client: Client, name: str) -> None:
    CommunityFactory(published=True)
    assert SAMPLE not in page(client, name)
    CommunityFactory(published=True, is_sample=True)
    assert SAMPLE in page(client, name)


def test_sample_community_is_marked_on_its_own_page(db: None, client: Client) -> None:
    real, sample = (
        CommunityFactory(published=True),
        CommunityFactory(published=True, is_sample=True),
    )
    assert SAMPLE not in page(client, "community", real.pk)
    assert SAMPLE in page(client, "community", sample.pk)


def test_directory_marks_sample_partnerships(db: None, client: Client) -> None:
    partnership = PartnershipFactory()
    MembershipFactory(community=partnership.pair.a)
    assert SAMPLE not in page(client, "directory")
    Community.objects.filter(pk=partnership.pair.a_id).update(is_sample=True)
    assert SAMPLE in page(client, "directory")


def test_seeking_filters_narrow_and_say_so(db: None, client: Client) -> None:
    CommunityFactory(
        name="Alpha",
        published=True,
        published__document=document(themes={"importances": {"sport": 3}}),
    )
    CommunityFactory(name="Beta", published=True, country_code="DE")
    assert {"Alpha", "Beta"} <= set(re.findall(r"Alpha|Beta", page(client, "seeking")))
    for query in (
        {"country": "US"},
        {"theme": "sport"},
        {"search": "alp"},
        {"region": "Northern America"},
    ):
        html = page(client, "seeking", **query)
        assert "Alpha" in html
        assert "Beta" not in html
        assert "1 community" in html


def test_seeking_finds_city_and_state_and_the_beginning_of_words_first(
    db: None, client: Client
) -> None:
    for name, region in (("Venice", "Veneto"), ("Nice", "Ohio"), ("Anice", "Texas")):
        CommunityFactory(name=name, admin1=region, published=True)
    html = page(client, "seeking", search="nice")
    names = re.findall(r"<a [^>]*>(?:<mark>)?(Nice|Anice|Venice)\b", html)
    assert names == ["Nice", "Anice", "Venice"]
    names, address = [], "/api/v1/communities/?search=nice&page_size=1"
    while address:
        answer = client.get(address).json()
        names += [row["name"] for row in answer["results"]]
        address = answer["next"]
    assert names == ["Nice", "Anice", "Venice"]
    for typed in ("Nice, Ohio", "Nice OH", "nice, united states, ohio"):
        html = page(client, "seeking", search=typed)
        assert "<mark>Nice</mark></a>" in html and "Venice" not in html, typed


def test_seeking_says_that_an_unknown_choice_is_wrong(db: None, client: Client) -> None:
    CommunityFactory(name="Alpha", published=True)
    html = page(client, "seeking", country="XX")
    assert "Select a valid choice" in html
    assert "Alpha" in html


def test_story_carries_its_language_and_direction(db: None, client: Client) -> None:
    story = {"text": "مدينة على البحر", "language": "ar"}
    shown = CommunityFactory(
        published=True,
        published__document=document(story=story, identity={"local_name": "الإسكندرية"}),
    )
    html = page(client, "community", shown.pk)
    assert re.search(r'lang="ar" dir="rtl">\s*مدينة على البحر', html)
    assert "الإسكندرية" in html


def test_region_is_shown_and_found_in_the_readers_language(db: None, client: Client) -> None:
    country = CountryFactory(code="DE")
    CommunityFactory(name="Alpha", country=country, admin1="Bavaria", published=True)
    CommunityFactory(name="Beta", country=country, admin1="Saxony", published=True)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"

    html = page(client, "seeking", search="bayern")

    assert "Bayern," in html and "Bavaria" not in html
    assert "Alpha" in html and "Beta" not in html


def test_story_is_text_not_markup(db: None, client: Client) -> None:
    story = {"text": "<script>alert(1)</script>", "language": "en"}
    shown = CommunityFactory(published=True, published__document=document(story=story))
    assert "<script>alert" not in page(client, "community", shown.pk)


def test_what_staff_alone_read_is_not_on_the_public_page(db: None, client: Client) -> None:
    assert "Alex Doe" not in page(client, "community", CommunityFactory(published=True).pk)


def answers_seen(answers: object) -> set[tuple[str, str]]:
    """(Group, field) of each answer in a document of the API."""
    assert isinstance(answers, dict)
    return {(code, name) for code in GROUP_BY_CODE for name in answers.get(code, ())}


def test_each_answer_is_seen_by_whom_its_question_names(
    db: None, client: Client, sign_in: SignIn
) -> None:
    """What a stranger, an official of the same country, a suggested partner and staff see of one
    profile, over every field of the schema.
    """
    for code in ("DE", "JP", "MX"):
        CountryFactory(code=code)
    shown = CommunityFactory(published=True, published__document=FULL_DOCUMENT)
    Profile.objects.filter(community=shown).update(draft=FULL_DOCUMENT)
    fields = {
        (group.code, f.name): f
        for group in GROUPS
        for f in group.fields
        if f.name in FULL_DOCUMENT.get(group.code, {})
    }
    assert {f.audience for f in fields.values()} == set(AUDIENCES)
    public = {key for key, field in fields.items() if field.audience == "public"}
    official = CommunityRoleFactory(community=CommunityFactory(published=True))
    for reader in (client, sign_in(official.user)):
        answered = reader.get(f"/api/v1/communities/{shown.pk}/").json()["profile"]
        assert answers_seen(answered) == public, "nobody has confirmed the partnerships"
        html = page(reader, "community", shown.pk)
        labels = set(re.findall(r"<dt>(.*?)</dt>", html))
        hidden = {escape(f.label_for_others) for key, f in fields.items() if key not in public}
        assert labels and not labels & hidden
        assert "Alex Doe" not in html

    def compared(key: tuple[str, str]) -> bool:
        return fields[key].audience in ("public", "partners") and key[0] != "importances"

    questions = {q.label for g in compared_groups([shown]) for q in g.questions}
    assert questions == {str(f.label_for_others) for key, f in fields.items() if compared(key)}
    staff = sign_in(UserFactory(curator=True))
    html = staff.get(url("staff_submission", shown.pk)).text
    for field in fields.values():
        assert f"<dt>{escape(field.label_for_others)}</dt>" in html
        assert str(field.audience_words) in html


def test_fact_from_open_data_names_its_source_and_a_corrected_one_does_not(
    db: None, client: Client
) -> None:
    same = CommunityFactory(
        published=True, published__document=document(facts={"population": 100_000})
    )
    corrected = CommunityFactory(
        published=True, published__document=document(facts={"population": 99_000})
    )
    assert "Source: GeoNames (CC BY 4.0)" in page(client, "community", same.pk)
    assert "Source: GeoNames (CC BY 4.0)" not in page(client, "community", corrected.pk)
    assert "Stated by the community." not in page(client, "community", same.pk)
    assert "Stated by the community." in page(client, "community", corrected.pk)


def test_listed_partner_is_status_unknown_with_its_source(db: None, client: Client) -> None:
    shown = CommunityFactory(published=True)
    ListedPartnershipFactory(
        place_a=shown.place,
        place_b=PlaceFactory(id=9_999_999, name="Farville"),
        sources=["wikidata2016"],
    )
    html = page(client, "community", shown.pk)
    assert "Listed, status unknown" in html
    assert "Farville" in html
    assert "Wikidata 2016" in html


def test_search_leads_to_the_page_of_a_place_that_nobody_has_registered(
    db: None, client: Client
) -> None:
    place = PlaceFactory(name="Lonely", admin1="Ohio", country=CountryFactory(code="US"))
    found = one_line(page(client, "search", q="Lonely, Ohio"))
    assert f'href="{url("place", place.pk)}"' in found
    assert "Lonely</strong>, Ohio, " in found
    html = page(client, "place", place.pk)
    assert "Not in the network" in html
    assert "none of the public lists that we use names one" in html
    assert "/contact/?topic=partners&amp;about=%2Fplaces%2F" in html
    assert "Source: GeoNames" in html


def test_search_without_a_hit_asks_for_what_is_missing(db: None, client: Client) -> None:
    html = page(client, "search", q="Ekurhuleni")
    assert "Nothing is called “Ekurhuleni”" in html
    assert "/contact/?topic=place&amp;about=%2Fsearch%2F%3Fq%3DEkurhuleni" in html
    assert client.get("/api/v1/search/?q=Ekurhuleni").json() == {"results": []}
    assert client.get("/api/v1/search/").status_code == 422


def test_one_page_a_place(db: None, client: Client) -> None:
    shown, other = CommunityFactory(published=True), CommunityFactory()
    assert client.get(url("place", shown.place_id))["Location"] == url("community", shown.pk)
    html = page(client, "place", other.place_id)
    assert "has not published a profile" in html
    answer = client.get(f"/api/v1/places/{other.place_id}/").json()
    assert (answer["is_registered"], answer["community_id"]) == (True, None)
    assert client.get("/places/999999999/").status_code == 404


def test_a_partner_has_one_row_whoever_names_it(client: Client, member: Community) -> None:
    """Recorded, said by both sides, and on a list; and the partner's page says the same."""
    other = Community.objects.get(name="Bonn")
    for own, partner in ((member, other), (other, member)):
        ExistingPartnershipFactory(
            community=own, name=partner.name, country=partner.country, place=partner.place,
            year=1960, status="active", state="confirmed",
        )  # fmt: skip
    ListedPartnershipFactory(
        place_a=member.place, place_b=other.place, sources=["wikipedia2023", "wikidata2016"]
    )
    html = one_line(page(client, "community", member.pk))
    assert html.count(">Bonn</a>,") == html.count(">=Kiel</a>") == 1
    for source in ("Agreement recorded here", "Said by the community", "Said by the partner"):
        assert html.count(source) == 1
    assert one_line(page(client, "community", other.pk)).count(">Ames</a>") == 1
    kiel = PlaceFactory._meta.model.objects.get(name="=Kiel")
    (row,) = client.get(f"/api/v1/places/{kiel.pk}/").json()["partners"]
    assert (row["name"], row["status"], row["sources"]) == ("Ames", "unknown", ["wikidata2016"])


@pytest.mark.parametrize(
    ("ends", "parts"), [((-83.6, 41.7, 135.2, 34.7), 2), ((-83.6, 41.7, 10.1, 54.3), 1)]
)
def test_an_arc_takes_the_short_way_round_the_world(
    ends: tuple[float, float, float, float], parts: int
) -> None:
    drawn = re.findall(r"M(-?[\d.]+) [\d.]+Q\S+ \S+ (-?[\d.]+) ", arc_between(*ends))
    assert len(drawn) == parts
    assert all(abs(float(end) - float(start)) <= 360 for start, end in drawn)


@pytest.mark.parametrize("status", ["draft", "submitted", "changes_requested", "withdrawn"])
def test_unpublished_community_answers_like_one_that_does_not_exist(
    db: None, client: Client, status: str
) -> None:
    profile = ProfileFactory(published=status == "withdrawn")
    Profile.objects.filter(pk=profile.pk).update(status=status)
    hidden = client.get(url("community", profile.community_id))
    nothing = client.get(url("community", 999_999_999))
    wrong = client.get("/no/such/page/")
    assert hidden.status_code == nothing.status_code == wrong.status_code == 404
    assert hidden.content == nothing.content == wrong.content


@pytest.mark.parametrize("number", ["99999999999999999999999", "9223372036854775808"])
def test_number_beyond_the_database_is_not_found(db: None, client: Client, number: str) -> None:
    assert client.get(f"/communities/{number}/").status_code == 404


@pytest.mark.parametrize(
    "query", ["search=%00", "page=0", "page=x", "country=%00", "search=" + "x" * 500]
)
def test_strange_query_is_no_error_of_the_server(db: None, client: Client, query: str) -> None:
    for name in ("seeking", "directory"):
        assert client.get(url(name) + "?" + query).status_code == 200


@pytest.fixture
def member(db: None) -> Community:
    """A member with a recognised partnership and one that a public list names."""
    community = CommunityFactory(name="Ames", published=True)
    other = CommunityFactory(name="Bonn", country_code="DE", published=True)
    MembershipFactory(community=community)
    made = PartnershipFactory(
        agreement__introduction__suggestion__pair=PairFactory(a=community, b=other)
    )
    for side in (community, other):
        SignatoryFactory(agreement=made.agreement, community=side)
    ListedPartnershipFactory(
        place_a=community.place,
        place_b=PlaceFactory(name="=Kiel", latitude=54.3, longitude=10.1),
        sources=["wikidata2016"],
    )
    return community


def directory(client: Client, **query: object) -> str:
    response = client.get(url("directory"), query)
    assert response.status_code == 200
    return response.text


def test_table_and_map_tell_the_same(client: Client, member: Community) -> None:
    html = one_line(directory(client))
    assert "2 partnerships" in html
    assert len(re.findall(r'<g class="arcs">(.*?)</g>', html)[0].split("<path")) == 3
    assert len(re.findall(r"<tr><th scope=\"row\">", html)) == 2
    assert html.count(">Recognised</span>") == 1
    assert "Wikidata 2016" in html
    assert f'href="{url("community", member.pk)}"' in html


@pytest.mark.parametrize(
    "typed",
    ["Ames, Iowa", "Ames IA", "ames, united states", "Ames, Bonn", "Bonn/Ames", "Bonn Germany"],
)
def test_directory_is_searched_as_people_write(
    client: Client, member: Community, typed: str
) -> None:
    Community.objects.filter(pk=member.pk).update(admin1="Iowa")
    html = directory(client, search=typed)
    assert ">Ames</a>," in html and ">Bonn</a>," in html
    found = client.get("/api/v1/partnerships/", {"search": typed}).json()["results"]
    assert len(found) == 1
    assert "No matches. Remove a filter" in directory(client, search="Ames, Ohio")


def test_directory_shows_both_words_on_one_side_first(client: Client, member: Community) -> None:
    PlaceFactory._meta.model.objects.filter(pk=member.place_id).update(search_text="ames|york")
    for name in ("Newtown", "New York"):
        ListedPartnershipFactory(
            place_a=member.place, place_b=PlaceFactory(name=name, search_text=name.lower())
        )
    html = directory(client, search="new york")
    assert html.index(">New York</a>") < html.index(">Newtown</a>")


def test_facets_name_how_many_and_leave_out_what_leads_to_nothing(
    client: Client, member: Community
) -> None:
    html = directory(client)
    assert "Germany (1)" in html
    assert "Japan" not in html
    narrowed = one_line(directory(client, country="DE"))
    assert "1 partnership<" in narrowed
    assert 'value="DE" selected' in narrowed
    assert "Select a valid choice" in directory(client, country="XX")
    assert "No matches. Remove a filter" in directory(client, status="suspended")


def test_recognised_alone(client: Client, member: Community) -> None:
    html = directory(client, recognised="on")
    assert "Bonn" in html
    assert "=Kiel" not in html


def test_page_of_one_city(client: Client, member: Community) -> None:
    html = directory(client, place=member.place_id)
    assert "Partnerships of Ames" in html
    assert "2 partnerships" in html
    lonely = PlaceFactory(name="Lonely")
    assert "No partnership of this city is listed" in directory(client, place=lonely.pk)
    assert "2 partnerships" in directory(client, place="x")


def test_city_is_found_however_it_is_spelled(client: Client, member: Community) -> None:
    place = PlaceFactory(name="Göteborg", search_text="goteborg|gothenburg")
    listed = client.get(url("directory_cities"), {"search": "Gotheborg"}).text
    assert f'href="{url("place", place.pk)}"' in listed
    assert "<html" not in listed
    assert "Did you mean" in directory(client, search="Gotheborg"), "also without JavaScript"
    assert (
        "No city is called so" in client.get(url("directory_cities"), {"search": "qqqqqqqq"}).text
    )
    assert client.get(url("directory_cities"), {"search": "\x00"}).status_code == 200


def test_file_holds_what_the_page_holds_and_no_formula(client: Client, member: Community) -> None:
    def rows(**query: str) -> list[list[str]]:
        response = client.get(url("directory_export"), query)
        assert response["Content-Type"].startswith("text/csv")
        text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        return list(csv.reader(io.StringIO(text)))

    assert [row[2] for row in rows()] == ["partner", "Bonn", "'=Kiel"]
    assert [row[7] for row in rows()] == ["recognised", "yes", "no"]
    assert [row[2] for row in rows(country="DE")] == ["partner", "Bonn"]


def test_page_stays_light_with_a_large_directory(client: Client, member: Community) -> None:
    for number in range(230):
        ListedPartnershipFactory(place_a=member.place, place_b=PlaceFactory(name=f"Place {number}"))
    html = directory(client)
    assert "The map shows the first 200" in html
    assert "Page 1 of 5" in html
    assert len(html) < 100_000


def test_api_lists_members_partnerships_alone(client: Client, member: Community) -> None:
    stranger = PartnershipFactory()
    found = client.get("/api/v1/partnerships/").json()["results"]
    assert [row["recognised"] for row in found] == [True]
    assert stranger.pk not in {row["id"] for row in found}
    assert len(client.get("/api/v1/listed-partnerships/").json()["results"]) == 1
    assert client.get("/api/v1/partnerships/?country=JP").json()["results"] == []
    assert client.get("/api/v1/partnerships/?recognised=true&kind=us").json()["results"] == found
    assert client.get("/api/v1/confirmed-partnerships/").json()["results"] == []
    assert client.get("/api/v1/partnerships/?status=ended").status_code == 422


def test_choice_is_drawn_as_django_draws_it() -> None:
    class Asked(forms.Form):
        one = forms.ChoiceField(
            choices=[("", "Any"), ('x<"&', "L<a>'"), ("Group", [("1", "one"), (2, "two")])],
            widget=forms.Select(attrs={"required": True, "disabled": False, "data-x": '"q'}),
        )
        many = forms.MultipleChoiceField(choices=[("x", "y"), ("z", "w")], help_text="Which?")
        perhaps = forms.NullBooleanField()

    for data in ({}, {"one": 'x<"&', "many": ["z"]}, {"one": "2"}):
        ours, djangos = (
            str(Asked(data or None, renderer=renderer))
            for renderer in (FormRenderer(), DjangoTemplates())
        )
        SimpleTestCase().assertHTMLEqual(ours, djangos)


def test_pages_of_a_search_through_the_api_follow_each_other(db: None, client: Client) -> None:
    for name in ("Port Ames", "Ames Port", "Bonn Port"):
        CommunityFactory(name=name, published=True)
    address, found = "/api/v1/communities/?search=port&page_size=1", []
    while address:
        body = client.get(address).json()
        found += [row["name"] for row in body["results"]]
        address = body["next"]
    assert found == ["Port Ames", "Bonn Port", "Ames Port"]
