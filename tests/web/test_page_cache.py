"""Kept pages are the pages that would be made now, for whoever is no visitor they are never kept,
and the language of an address.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from backend.cities.models import Community, Country, Place, Profile
from backend.web import cache
from backend.web.cache import PAGES, PageCacheMiddleware, Remembered
from backend.web.models import TableVersion, merge_table_versions
from tests.division import one_in
from tests.factories import (
    CommunityFactory,
    ExistingPartnershipFactory,
    ListedPartnershipFactory,
    MembershipFactory,
    PairFactory,
    PartnershipFactory,
    ProfileVersionFactory,
    UserFactory,
    document,
    publish,
)
from tests.web.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True)
PUBLIC = (
    "/",
    "/about/",
    "/sources/",
    "/communities/",
    "/communities/?search=kobe",
    "/partnerships/",
    "/partnerships/?search=kobe",
    "/partnerships/cities/?search=kobe",
    "/api/v1/communities/",
    "/api/v1/partnerships/",
    "/api/v1/confirmed-partnerships/",
    "/api/v1/listed-partnerships/",
    "/api/v1/countries/",
    "/api/v1/places/?q=kobe",
    "/api/v1/vocabularies/",
    "/api/v1/schema/",
)


@pytest.fixture(autouse=True)
def keeps_pages(settings: Settings) -> Iterator[None]:
    settings.PAGE_CACHE_BYTES = 2**24
    PAGES.clear()
    yield
    PAGES.clear()


@pytest.fixture
def kobe() -> Community:
    community: Community = CommunityFactory(name="Kobe")
    publish(community)
    return community


def statements(client: Client, path: str, **headers: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path, headers=headers).status_code == 200
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("path", PUBLIC)
def test_page_that_was_made_costs_one_small_statement(
    client: Client, kobe: Community, path: str
) -> None:
    made = client.get(path)
    assert set(statements(client, path)) <= {TableVersion.SUMS}
    kept = client.get(path)
    assert kept.content == made.content
    assert kept["Content-Type"] == made["Content-Type"]
    assert kept["Content-Security-Policy"]


def test_probe_asks_nothing_of_the_database(client: Client) -> None:
    assert statements(client, "/healthz") == []
    assert statements(client, "/guide/") in ([], [TableVersion.SUMS])


def test_kept_page_without_a_database_is_an_error_in_words(kobe: Community) -> None:
    client = Client(raise_request_exception=False)
    client.get("/communities/")

    def absent(*_: object) -> None:
        raise OperationalError("the server does not answer")

    with connection.execute_wrapper(absent):
        assert client.get("/healthz").status_code == 200
        response = client.get("/communities/")
    assert response.status_code == 503
    assert "<h1>" in response.text


def test_page_of_a_community_is_kept(client: Client, kobe: Community) -> None:
    path = f"/communities/{kobe.pk}/"
    made = client.get(path).text
    assert statements(client, path) == [TableVersion.SUMS]
    assert client.get(path).text == made


def text_of(path: str) -> str:
    """Without the number of the request, which an error names."""
    return re.sub(r'"request_id":"\w+"', "", Client().get(path).text)


def fresh(path: str) -> str:
    """What a visitor would be shown without any kept page."""
    PAGES.clear()
    return text_of(path)


def rename(community: Community) -> None:
    Community.objects.filter(pk=community.pk).update(name="Kobe-shi")


def withdraw(community: Community) -> None:
    Profile.objects.filter(community=community).update(status=Profile.Status.WITHDRAWN)


def publish_again(community: Community) -> None:
    profile = Profile.objects.get(community=community)
    data = document(story={"text": "New words.", "language": "en", "english": "New words."})
    profile.current_version = ProfileVersionFactory(profile=profile, data=data)
    profile.save()


def be_member(community: Community) -> None:
    MembershipFactory(community=community)


def be_claimed(community: Community) -> None:
    MembershipFactory(community=community)
    ExistingPartnershipFactory(community=community, state="confirmed")


def be_listed(community: Community) -> None:
    MembershipFactory(community=community)
    ListedPartnershipFactory(place_a=community.place)


def be_partner(community: Community) -> None:
    PartnershipFactory(
        agreement__introduction__pair=PairFactory(
            a=community, b=CommunityFactory(name="Riga", country_code="LV", published=True)
        )
    )


def another_country_name(community: Community) -> None:
    Country.objects.filter(pk=community.country_id).update(name="Elsewhere")


def another_population(community: Community) -> None:
    Place.objects.filter(pk=community.place_id).update(population=7)


@pytest.mark.parametrize(
    "change",
    one_in(
        3,
        [
            rename,
            withdraw,
            publish_again,
            be_member,
            be_claimed,
            be_listed,
            be_partner,
            another_country_name,
            another_population,
        ],
    ),
)
def test_change_is_shown_at_once(kobe: Community, change: Callable[[Community], None]) -> None:
    paths = [*PUBLIC, f"/communities/{kobe.pk}/", f"/api/v1/communities/{kobe.pk}/"]
    paths.remove("/api/v1/schema/")  # of the code alone, and long to make
    before = {path: text_of(path) for path in paths}
    change(kobe)
    shown = {path: text_of(path) for path in paths}
    assert shown == {path: fresh(path) for path in paths}
    assert shown != before


def test_change_that_is_taken_back_forgets_nothing(client: Client, kobe: Community) -> None:
    client.get("/communities/")
    with transaction.atomic():
        rename(kobe)
        transaction.set_rollback(True)
    assert statements(client, "/communities/") == [TableVersion.SUMS]


def test_draft_that_is_written_forgets_nothing(client: Client, kobe: Community) -> None:
    client.get("/communities/")
    profile = Profile.objects.get(community=kobe)
    profile.draft = document(identity={"website": "https://kobe.example"})
    profile.save()
    assert statements(client, "/communities/") == [TableVersion.SUMS]


def test_change_while_a_page_is_made_is_not_missed(kobe: Community, rf: RequestFactory) -> None:
    def slow(request: HttpRequest) -> HttpResponse:
        name = Community.objects.get(pk=kobe.pk).name
        rename(kobe)
        return HttpResponse(name)

    middleware = PageCacheMiddleware(slow)
    assert middleware(rf.get("/")).content == b"Kobe"
    assert middleware(rf.get("/")).content == b"Kobe-shi"


def test_page_that_reads_what_nobody_watches_is_not_kept(
    kobe: Community, rf: RequestFactory
) -> None:
    def counts(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(type(UserFactory.build()).objects.count()))

    middleware = PageCacheMiddleware(counts)
    assert middleware(rf.get("/")).content == b"0"
    UserFactory()
    assert middleware(rf.get("/")).content == b"1"


def test_each_watched_table_counts_its_changes() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger "
            "WHERE tgname IN ('web_note_change', 'web_note_update')"
        )
        assert {name for (name,) in cursor.fetchall()} == TableVersion.WATCHED


def test_nobodys_own_page_is_kept_or_shown_to_others(
    client: Client, kobe: Community, sign_in: SignIn
) -> None:
    person = sign_in(UserFactory(name="Aiko"))
    own = person.get("/communities/")
    assert own["Cache-Control"] == "private, no-store"
    visitor = client.get("/communities/")
    assert "Aiko" not in visitor.text
    assert "ETag" not in own
    assert person.get("/communities/").text != visitor.text
    assert client.get("/communities/").text == visitor.text


@pytest.mark.parametrize("path", ["/account/login/", "/account/signup/", "/readyz", "/metrics"])
def test_page_with_a_secret_or_a_measure_is_not_kept(client: Client, path: str) -> None:
    assert "ETag" not in client.get(path)
    assert "ETag" not in client.get(path)


def test_message_for_one_visitor_is_not_kept(client: Client, kobe: Community) -> None:
    client.cookies["messages"] = "anything"
    assert "ETag" not in client.get("/communities/")


def test_unchanged_page_is_not_sent_again(client: Client, kobe: Community) -> None:
    etag = client.get("/communities/")["ETag"]
    again = client.get("/communities/", headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert "Cookie" in again["Vary"]
    rename(kobe)
    other = client.get("/communities/", headers={"If-None-Match": etag})
    assert other.status_code == 200
    assert other["ETag"] != etag


def test_page_is_sent_compressed_to_who_takes_it(client: Client, kobe: Community) -> None:
    plain = client.get("/communities/")
    small = client.get("/communities/", headers={"Accept-Encoding": "br, gzip"})
    assert gzip.decompress(small.content) == plain.content
    assert int(small["Content-Length"]) == len(small.content) < len(plain.content) / 2
    assert "Accept-Encoding" in small["Vary"]


def test_each_language_and_part_has_its_own_page(client: Client, kobe: Community) -> None:
    def shown(path: str = "/communities/", **headers: str) -> str:
        text = client.get(path, headers=headers).text
        assert client.get(path, headers=headers).text == text
        return text

    assert 'lang="en"' in shown()
    assert 'lang="ja"' in shown(accept_language="ja")
    assert 'lang="de"' in shown("/de/communities/", accept_language="ja")
    assert shown("/partnerships/cities/?search=kobe", hx_request="true")


def test_oldest_pages_go_when_the_room_is_full(
    client: Client, kobe: Community, settings: Settings
) -> None:
    size = len(client.get("/communities/").content)
    settings.PAGE_CACHE_BYTES = 4 * size
    for number in range(12):
        client.get(f"/communities/?search={number}")
    assert sum(page.size for page in PAGES._pages.values()) <= settings.PAGE_CACHE_BYTES
    assert len(statements(client, "/communities/?search=0")) > 1, "made again"
    assert statements(client, "/communities/?search=11") == [TableVersion.SUMS]


def test_page_of_yesterday_is_made_again(
    client: Client, kobe: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LONGEST_SECONDS", 0.0)
    client.get("/communities/")
    assert len(statements(client, "/communities/")) > 1


def test_counts_of_closed_connections_are_added_up(client: Client, kobe: Community) -> None:
    client.get("/communities/")
    TableVersion.objects.update(connection=-F("id"))
    before, rows = cache.table_versions(), TableVersion.objects.count()
    merge_table_versions()
    merge_table_versions()
    assert cache.table_versions() == before
    assert TableVersion.objects.count() <= rows
    assert not TableVersion.objects.exclude(connection=0).exists()
    assert statements(client, "/communities/") == [TableVersion.SUMS]
    rename(kobe)
    assert "Kobe-shi" in client.get("/communities/").text


def test_remembered_value_is_made_again_when_its_tables_change(
    client: Client, kobe: Community
) -> None:
    made: list[list[str]] = []

    def names() -> list[str]:
        made.append(list(Community.objects.values_list("name", flat=True)))
        return made[-1]

    remembered = Remembered(names)
    assert remembered() is remembered()
    rename(kobe)
    assert remembered() == ["Kobe-shi"]
    assert len(made) == 2


def test_page_of_a_remembered_value_is_forgotten_with_it(
    kobe: Community, rf: RequestFactory
) -> None:
    names = Remembered(lambda: list(Community.objects.values_list("name", flat=True)))
    middleware = PageCacheMiddleware(lambda request: HttpResponse(names()))
    for path in ("/", "/other/"):  # the second is made from the remembered value alone
        assert middleware(rf.get(path)).content == b"Kobe"
    rename(kobe)
    for path in ("/", "/other/"):
        assert middleware(rf.get(path)).content == b"Kobe-shi"


def test_value_from_a_table_that_nobody_watches_is_refused() -> None:
    remembered = Remembered(type(UserFactory.build()).objects.count)
    with pytest.raises(LookupError, match="accounts_user"):
        remembered()
