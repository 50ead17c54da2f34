"""Seeking as a market place: filters, orders and marks, of the page and of the API; the feed; saved
searches and their mails.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from backend.cities.models import Community, Profile, SavedSearch, SavedSearchHit, SeekingEntry
from backend.cities.names import fold
from backend.cities.services.saved_searches import announce_matches, save_search
from backend.notifications.models import Notification
from backend.notifications.notices import describe
from backend.notifications.services import notify_people
from backend.outbox.models import Event
from backend.privacy.erasure import erase_account
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    MembershipFactory,
    PlaceFactory,
    ProfileFactory,
    ProfileVersionFactory,
    UserFactory,
    document,
)
from tests.web.html_forms import one_line, url

Names = dict[str, Community]
API = "/api/v1/communities/"


def _seeker(name: str, country: str, where: tuple[float, float], **groups: Any) -> Community:
    latitude, longitude = where
    place = PlaceFactory(name=name, country__code=country, latitude=latitude, longitude=longitude)
    answers = document(**{"sought": {"forms": ["project"]}, **groups})
    return CommunityFactory(
        name=name,
        place=place,
        country=place.country,
        latitude=latitude,
        longitude=longitude,
        published=True,
        published__document=answers,
    )


@pytest.fixture(scope="module")
def names(module_db: None) -> Names:
    """Four seekers; the ports need and offer what the others do not."""
    topics = ("port_logistics", "water_management", "heritage_conservation", "public_transport")
    port, water, heritage, transport = topics
    made = [
        _seeker(
            "Homeport",
            "US",
            (40.0, -75.0),
            needs_offers={"needs": [port, water], "offers": [heritage]},
            facts={"population": 20_000},
        ),
        _seeker(
            "Hafenstadt",
            "DE",
            (53.5, 10.0),
            needs_offers={"needs": [heritage], "offers": [port]},
            themes={"importances": {"sport": 3}},
            sectors={"strengths": {"tourism": 1}},
            facts={"population": 1_800_000},
            languages={"working": ["de"]},
            sought={"forms": []},
            story={"text": "Eine Stadt am Fluss.", "language": "de", "english": "By the river."},
        ),
        _seeker(
            "Kleinstadt",
            "DE",
            (48.0, 11.0),
            needs_offers={"needs": [transport], "offers": [water]},
            facts={"population": 60_000},
            sought={"forms": ["sister"]},
        ),
        _seeker(
            "Kitakyushu",
            "JP",
            (33.9, 130.9),
            needs_offers={"needs": [transport], "offers": [transport]},
            facts={"population": 900_000},
        ),
    ]
    MembershipFactory(community=made[0])
    MembershipFactory(community=made[2])
    MembershipFactory(community=made[3], standing="lapsed")
    return {one.name: one for one in made}


def shown(html: str) -> list[str]:
    links = re.findall(r'<h3>\s*<a href="/communities/\d+/">(.*?)</a>', html)
    return [re.sub("</?mark>", "", link) for link in links]


def found(query: str) -> list[str]:
    """What the page shows, in its order; the API answers the same."""
    html = Client().get(f"/communities/?{query}")
    answer = Client().get(f"{API}?{query}")
    assert (html.status_code, answer.status_code) == (200, 200), answer.content
    listed = [row["name"] for row in answer.json()["results"]]
    assert shown(html.text) == listed
    return listed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("needs=port_logistics", {"Homeport"}),
        ("offers=port_logistics", {"Hafenstadt"}),
        ("topic=port_logistics", {"Homeport", "Hafenstadt"}),
        ("theme=sport", {"Hafenstadt"}),
        ("sector=logistics", {"Homeport", "Kleinstadt", "Kitakyushu"}),
        ("size=under_25k", {"Homeport"}),
        ("size=under_2m", {"Hafenstadt", "Kitakyushu"}),
        ("country=DE", {"Hafenstadt", "Kleinstadt"}),
        ("region=Eastern%20Asia", {"Kitakyushu"}),
        ("language=de", {"Hafenstadt"}),
        ("form=sister", {"Hafenstadt", "Kleinstadt"}),  # the first is open to any
        ("member=us", {"Homeport"}),
        ("member=global", {"Kleinstadt"}),
        ("member=none", {"Hafenstadt", "Kitakyushu"}),
        ("search=hafen", {"Hafenstadt"}),
        ("search=Kitakyushu,%20Japan", {"Kitakyushu"}),
        ("fresh=true", {"Homeport", "Hafenstadt", "Kleinstadt", "Kitakyushu"}),
        ("needs=port_logistics&country=DE", set()),
    ],
)
def test_each_filter_asks_for_one_thing(names: Names, query: str, expected: set[str]) -> None:
    assert set(found(query)) == expected


def test_orders(names: Names) -> None:
    newest = ["Kitakyushu", "Kleinstadt", "Hafenstadt", "Homeport"]
    assert found("") == newest
    assert found("sort=fresh") == newest
    assert found("sort=size") == ["Hafenstadt", "Kitakyushu", "Kleinstadt", "Homeport"]
    place = names["Kleinstadt"].place_id
    nearest = ["Kleinstadt", "Hafenstadt", "Homeport", "Kitakyushu"]
    assert found(f"sort=near&near={place}") == nearest
    assert found("sort=near&near=kleinstadt") == nearest
    assert found("search=t") == ["Hafenstadt", "Kitakyushu", "Kleinstadt", "Homeport"]
    assert found("search=united") == ["Homeport"]
    (row,) = Client().get(f"{API}?sort=near&near={place}&country=JP").json()["results"]
    assert 9_000 < row["distance_km"] < 9_600


def test_list_as_a_community_sees_it_rests_on_what_is_published_alone(names: Names) -> None:
    home = names["Homeport"].pk
    assert found(f"community={home}&needs_ours=true") == ["Hafenstadt"]
    assert set(found(f"community={home}&offers_ours=true")) == {"Hafenstadt", "Kleinstadt"}
    assert found(f"community={home}&sort=fit") == ["Hafenstadt", "Kleinstadt"]
    rows = Client().get(f"{API}?community={home}&sort=fit").json()["results"]
    # It offers the first of two needs that count double each, and all that it needs is offered
    assert [row["fit"] for row in rows] == [1.5, 0.5]
    html = Client().get(f"/communities/?community={home}&sort=fit").text
    assert "Offers 1 of 2 that Homeport needs; Homeport offers 1 of 1 that they need" in html


def test_fit_tells_nothing_that_is_not_public(db: None) -> None:
    own = CommunityFactory(published=True)
    needs_offers = {"needs": ["heritage_conservation"], "offers": ["public_transport"]}
    hidden: list[dict[str, Any]] = [
        {},
        {"readiness": {"budget": "no"}, "capacity": {"new_partnerships": 1}},
        {"sought": {"excluded_countries": ["US"]}},
    ]
    for groups in hidden:
        answers = document(needs_offers=needs_offers, **groups)
        CommunityFactory(country_code="DE", published=True, published__document=answers)
    rows = Client().get(f"{API}?community={own.pk}&sort=fit").json()["results"]
    assert [row["fit"] for row in rows] == [1.0] * len(hidden)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("sort=near", "sort"),
        ("sort=fit", "sort"),
        ("needs_ours=true", "needs_ours"),
        ("community=99999999", "community"),
        ("near=Nowhereatallville", "near"),
        ("size=huge", "size"),
    ],
)
def test_what_lacks_its_ground_is_said_and_does_not_filter(
    names: Names, query: str, name: str
) -> None:
    refused = Client().get(f"{API}?{query}")
    assert refused.status_code == 422
    assert list(refused.json()["errors"]) == [name]
    assert len(shown(Client().get(f"/communities/?{query}").text)) == len(names)


def test_pages_follow_each_other_in_each_order(names: Names, monkeypatch: Any) -> None:
    monkeypatch.setattr("backend.web.public.seeking.PAGE", 3)
    place = names["Homeport"].place_id
    for query in ("", "sort=size", f"sort=near&near={place}", "search=t"):
        html = Client().get(f"/communities/?{query}").text
        follows = re.search(r'rel="next"\s+href="([^"]+)"', html)
        assert follows is not None, query
        second = Client().get("/communities/" + follows[1].replace("&amp;", "&")).text
        assert len(shown(html)) == 3
        rows = Client().get(f"{API}?{query}").json()["results"]
        assert shown(html) + shown(second) == [row["name"] for row in rows]
        assert "First page" in second
    assert len(shown(Client().get("/communities/?after=nonsense&page=7").text)) == 3


def test_what_was_asked_for_is_marked(names: Names) -> None:
    html = one_line(
        Client().get("/communities/?offers=port_logistics&theme=sport&search=hafen").text
    )
    assert "<mark>Hafenstadt</mark>" in html
    assert "<mark>Port logistics</mark>" in html
    assert '<li class="tag"><mark>Sport</mark></li>' in html


def test_other_name_that_was_found_is_shown(db: None, client: Client) -> None:
    place = PlaceFactory(
        name="Cologne", alternate_names=["Köln"], search_text="cologne|koln", country__code="DE"
    )
    CommunityFactory(name="Cologne", place=place, country=place.country, published=True)
    html = one_line(client.get("/communities/?search=köln").text)
    assert 'Also called:<mark dir="auto">Köln</mark>' in html
    assert "Also called" not in client.get("/communities/?search=cologne").text


@pytest.mark.parametrize(
    ("language", "first", "original"),
    [("en", "By the river.", True), ("de", "Eine Stadt am Fluss.", False)],
)
def test_story_is_in_the_readers_language_with_the_original_behind_it(
    names: Names, language: str, first: str, original: bool
) -> None:
    html = Client().get("/communities/?search=hafenstadt", headers={"accept-language": language})
    tile = one_line(html.text).partition('<li class="tile">')[2].partition("</ul>")[0]
    assert first in tile.partition("<details")[0]
    assert ("Original: German" in tile and "Eine Stadt am Fluss." in tile) is original


def test_choices_are_in_the_readers_language_and_order(names: Names) -> None:
    html = Client().get("/communities/?country=AT", headers={"accept-language": "de"}).text
    countries = re.findall(r'<option value="[A-Z]{2}"[^>]*>(.*?)<', html)
    assert countries == ["Deutschland", "Japan", "Vereinigte Staaten"], "no such country: no choice"
    CountryFactory(code="AT", name="Austria")
    html = Client().get("/communities/?country=AT", headers={"accept-language": "de"}).text
    assert '<option value="AT" selected>Österreich</option>' in html, "where nobody seeks yet"
    assert ">Ostasien</option>" in html


def test_map_has_a_dot_for_each_place(names: Names) -> None:
    html = Client().get("/communities/").text
    drawn = "".join(re.findall(r'<path class="dots-\d" d="([^"]+)"', html))
    assert drawn.count("M") == len(names)
    assert 'class="dots-' not in Client().get("/communities/?needs=port_logistics&country=DE").text


def test_entries_are_kept_by_the_database(db: None) -> None:
    community = CommunityFactory(name="Alpha", published=True)
    entry = SeekingEntry.objects.get()
    assert (entry.needs, entry.is_member) == (["water_management"], False)
    membership = MembershipFactory(community=community)
    assert SeekingEntry.objects.get().is_member
    membership.standing = "lapsed"
    membership.save()
    Community.objects.filter(pk=community.pk).update(name="Beta")
    entry.refresh_from_db()
    assert not entry.is_member
    assert entry.words.startswith("|beta|")
    for name in ("Łódź", "Ærøskøbing", "Straße", "L’Aquila", "ガ"):
        Community.objects.filter(pk=community.pk).update(name=name)
        entry.refresh_from_db()
        assert entry.words.startswith(f"|{fold(name)}|"), "as it is typed"
    Profile.objects.update(status="paused")
    assert not SeekingEntry.objects.exists()
    Profile.objects.update(status="published")
    assert SeekingEntry.objects.get().pk == community.pk


def test_old_addresses_answer(names: Names) -> None:
    for query in ("search=port", "topic=port_logistics", "page=2", "sector=&theme=&country="):
        assert Client().get(f"/communities/?{query}").status_code == 200


def test_feed_of_a_search(names: Names) -> None:
    answer = Client().get("/communities/feed.atom?country=DE")
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(answer.content)
    atom = "{http://www.w3.org/2005/Atom}"
    titles = [entry.findtext(f"{atom}title") for entry in feed.iter(f"{atom}entry")]
    assert titles == ["Kleinstadt, California, Germany", "Hafenstadt, California, Germany"]
    html = Client().get("/communities/?country=DE").text
    assert 'href="/communities/feed.atom?country=DE"' in html


# Saved searches


def _publish(name: str, needs: list[str]) -> Community:
    made = CommunityFactory(name=name, country_code="DE")
    answers = document(needs_offers={"needs": needs, "offers": ["heritage_conservation"]})
    ProfileFactory(community=made, published=True, document=answers)
    return made


def _told(user: Any) -> list[list[int]]:
    for event in Event.objects.filter(topic="search_matched").order_by("pk"):
        notify_people(event.pk)
    return [
        row.payload["communities"]
        for row in Notification.objects.filter(recipient=user, kind="search_matched").order_by("pk")
    ]


def test_search_is_saved_told_of_once_and_removed(db: None, client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    _publish("Before", ["port_logistics"])
    for _ in range(2):  # the second time it is there already
        saved = client.post(
            url("saved_searches"), {"query": "needs=port_logistics&sort=size&near="}
        )
        assert saved.status_code == 302
    search = SavedSearch.objects.get()
    assert search.query == {"needs": "port_logistics"}
    assert announce_matches() == 0
    fits = _publish("Fits", ["port_logistics"])
    _publish("Other", ["public_transport"])
    assert (announce_matches(), announce_matches()) == (1, 0)
    assert _told(user) == [[fits.pk]]
    text = describe(Notification.objects.get(kind="search_matched"))
    assert "Fits (California, Germany)" in " ".join(text.sentences)
    assert text.path == f"{url('seeking')}?needs=port_logistics&sort=fresh"
    assert client.get(text.path).status_code == 200
    again = fits.profile
    again.current_version = ProfileVersionFactory(
        profile=again, number=9, data=again.current_version.data
    )
    again.save()
    assert announce_matches() == 0, "published again, it is told of no more"
    page = client.get(url("saved_searches")).text
    assert "They need: Port logistics" in page
    _publish("Late", ["port_logistics"])
    assert client.post(url("saved_search_remove", search.public_id)).status_code == 302
    assert announce_matches() == 0
    assert not SavedSearchHit.objects.exists()


def test_search_as_ones_community_sees_it_is_kept_by_name(db: None, client: Client) -> None:
    own = CommunityFactory(name="Ourtown", published=True)
    role = CommunityRoleFactory(community=own)
    client.force_login(role.user)
    for query in ("needs_ours=on", "country=DE&fresh=on"):
        client.post(url("saved_searches"), {"query": f"{query}&community={own.pk}"})
    kept = SavedSearch.objects.order_by("pk").values_list("query", flat=True)
    assert list(kept) == [{"community": own.pk, "needs_ours": True}, {"country": "DE"}]
    assert "As seen by: Ourtown" in client.get(url("saved_searches")).text


def test_own_community_is_no_news(db: None) -> None:
    user = UserFactory()
    save_search(by=user, query={"country": "DE"})
    CommunityRoleFactory(user=user, community=_publish("Own", ["port_logistics"]))
    assert announce_matches() == 0


def test_nobody_is_told_whose_search_or_account_is_gone(db: None) -> None:
    users = [UserFactory() for _ in range(2)]
    searches = [save_search(by=user, query={"country": "DE"}) for user in users]
    _publish("New", ["port_logistics"])
    assert announce_matches() == 2
    searches[0].delete()
    assert _told(users[0]) == []
    assert len(_told(users[1])) == 1
    erase_account(by=users[1], email=users[1].email)
    assert not SavedSearch.objects.exists()


def test_searches_through_the_api_are_ones_own(db: None, client: Client) -> None:
    user, other = UserFactory(), UserFactory()
    client.force_login(user)
    path = "/api/v1/me/searches/"
    saved = client.post(path, {"query": "offers=port_logistics"}, content_type="application/json")
    assert saved.status_code == 201, saved.content
    assert saved.json()["query"] == {"offers": "port_logistics"}
    assert saved.json()["feed"].endswith("/communities/feed.atom?offers=port_logistics")
    for wrong in ("", "sort=size", "colour=red", "needs=nothing"):
        refused = client.post(path, {"query": wrong}, content_type="application/json")
        assert refused.status_code == 422, wrong
        assert list(refused.json()["errors"]) == ["query"]
    assert [row["id"] for row in client.get(path).json()["results"]] == [saved.json()["id"]]
    stranger = Client()
    stranger.force_login(other)
    assert stranger.get(path).json()["results"] == []
    assert stranger.delete(f"{path}{saved.json()['id']}/").status_code == 404
    assert client.delete(f"{path}{saved.json()['id']}/").status_code == 204


def test_one_person_saves_so_many(db: None, client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    SavedSearch.objects.bulk_create(
        SavedSearch(user=user, query={"search": f"s{n}"}, saved_at=moment)
        for n in range(SavedSearch.MOST)
    )
    refused = client.post(url("saved_searches"), {"query": "country=DE"})
    assert refused.status_code == 422
    assert "Remove one first" in refused.text
    assert SavedSearch.objects.count() == SavedSearch.MOST


def test_official_may_meet_who_is_on_the_other_side(db: None, client: Client) -> None:
    own = CommunityFactory(name="Ours", published=True)
    role = CommunityRoleFactory(community=own)
    abroad, home = _publish("Abroad", ["port_logistics"]), CommunityFactory(published=True)
    client.force_login(role.user)
    html = client.get("/communities/").text
    assert f"{url('partner_requests', own.pk)}?named={abroad.pk}" in html
    assert f"?named={home.pk}" not in html
    assert "Ours" not in shown(html), "the list is as one's own community sees it"
    assert "Ours" in shown(client.get("/communities/?community=").text)
