from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from backend.cities.models import Community, Profile
from tests.factories import (
    CommunityFactory,
    ListedPartnershipFactory,
    MembershipFactory,
    PartnershipFactory,
    PlaceFactory,
    ProfileFactory,
    document,
)

SAMPLE = 'class="sample"'


def page(client: Client, name: str, *args: object, **query: str) -> str:
    response = client.get(reverse(f"web:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("name", ["home", "about", "sources", "seeking", "directory"])
def test_public_page_without_any_data(db: None, client: Client, name: str) -> None:
    html = page(client, name)
    assert html.count("<h1") == 1
    assert SAMPLE not in html


@pytest.mark.parametrize(
    "name", ["home", "about", "sources", "seeking", "directory", "account_login"]
)
def test_page_holds_no_inline_style_or_script_and_nothing_from_elsewhere(
    db: None, client: Client, name: str
) -> None:
    CommunityFactory(published=True)
    html = client.get(
        reverse(name if name.startswith("account") else f"web:{name}")
    ).content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    assert not re.search(r'<script(?![^>]*\s(?:src=|type="application/json"))', html), (
        "no script; data for one is none"
    )
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


def test_story_is_text_not_markup(db: None, client: Client) -> None:
    story = {"text": "<script>alert(1)</script>", "language": "en"}
    shown = CommunityFactory(published=True, published__document=document(story=story))
    assert "<script>alert" not in page(client, "community", shown.pk)


def test_what_staff_alone_read_is_not_on_the_public_page(db: None, client: Client) -> None:
    assert "Alex Doe" not in page(client, "community", CommunityFactory(published=True).pk)


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


@pytest.mark.parametrize("status", ["draft", "submitted", "changes_requested", "withdrawn"])
def test_unpublished_community_answers_like_one_that_does_not_exist(
    db: None, client: Client, status: str
) -> None:
    profile = ProfileFactory(published=status == "withdrawn")
    Profile.objects.filter(pk=profile.pk).update(status=status)
    hidden = client.get(reverse("web:community", args=[profile.community_id]))
    nothing = client.get(reverse("web:community", args=[999_999_999]))
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
        assert client.get(reverse(f"web:{name}") + "?" + query).status_code == 200
