"""What every address of the API keeps to: errors of one shape that do not tell the hidden from the
absent, idempotency keys, and cursor pages.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from backend.cities.models import Community, Profile
from backend.outbox.models import Event
from backend.web.models import IdempotencyKey
from backend.web.urls import api_urls
from tests.actors import World, outcomes_of, without_its_id
from tests.factories import (
    CommunityFactory,
    EventFactory,
    PlaceFactory,
    ProfileFactory,
    UserFactory,
)

JSON = "application/json"
NOWHERE = "/api/v1/no/such/address/"


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response["X-Request-Id"]
    return body


def test_hidden_and_absent_things_answer_with_the_same_bytes(world: World) -> None:
    suggestion = world.released()
    stranger = world.client("other_official")
    absent = stranger.get(NOWHERE)
    assert_problem(absent, 404, "not_found")
    hidden = [
        f"/api/v1/communities/{world.a.pk}/suggestions/{suggestion.pk}/",
        f"/api/v1/communities/{world.a.pk}/profile/",
        f"/api/v1/communities/{world.c.pk}/suggestions/{suggestion.pk}/",
        f"/api/v1/communities/{world.c.pk}/suggestions/999999999/",
        f"/api/v1/communities/{world.newcomer.pk}/",
        "/api/v1/communities/999999999/",
        f"/api/v1/communities/{2**70}/",
        "/api/v1/communities/0/",
        "/api/v1/staff/events/",
        "/api/v1/vocabularies/nothing/",
        "/api/v1/vocabularies/two%0Alines/",
    ]
    for address in hidden:
        response = stranger.get(address)
        assert response.status_code == 404
        assert without_its_id(response) == without_its_id(absent), address
        assert response["Content-Type"] == absent["Content-Type"], address


def test_unknown_address_answers_any_method_alike(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    answers = {
        without_its_id(client.generic(method, NOWHERE))
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    }
    assert len(answers) == 1
    assert_problem(client.post(NOWHERE), 404, "not_found")


def test_visitor_is_asked_to_sign_in(db: None) -> None:
    response = Client().get("/api/v1/me/")
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Session")


def test_writing_without_the_csrf_token_is_refused(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user("official"))
    assert_problem(
        client.post(f"/api/v1/communities/{world.a.pk}/profile/pause/"), 403, "not_allowed"
    )


def test_method_that_the_address_does_not_take(world: World) -> None:
    assert_problem(
        world.client("official").delete("/api/v1/communities/"), 405, "method_not_allowed"
    )
    assert_problem(world.client("official").put("/api/v1/me/"), 405, "method_not_allowed")
    assert_problem(world.client("official").options("/api/v1/me/"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{", JSON, 400, "malformed"),
        ('{"revision": NaN}', JSON, 400, "malformed"),
        ("[" * 100_000, JSON, 400, "malformed"),
        ("revision=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("[]", JSON, 422, "invalid"),
        ("{}", JSON, 422, "invalid"),
        ('{"revision": 0, "changes": 3}', JSON, 422, "invalid"),
        ('{"revision": 0, "changes": {"story": {"text": "\\u0000"}}}', JSON, 422, "invalid"),
        ('{"revision": 0, "changes": {"story": {"text": "\\ud800"}}}', JSON, 422, "invalid"),
        ('{"revision": 0, "changes": {"facts": {"population": 1e999}}}', JSON, 422, "invalid"),
        ('{"revision": 0, "changes": {"no_such_group": {}}}', JSON, 422, "invalid"),
        ('{"revision": 0, "changes": {"story": {"no_such_question": 1}}}', JSON, 422, "invalid"),
        ('{"revision": 0, "changes": {}, "extra": 1}', JSON, 422, "invalid"),
    ],
)
def test_bad_bodies_get_an_answer_and_change_nothing(
    world: World, body: str, content_type: str, status: int, code: str
) -> None:
    address = f"/api/v1/communities/{world.a.pk}/profile/"
    assert_problem(
        world.client("official").patch(address, body, content_type=content_type), status, code
    )
    world.a.profile.refresh_from_db()
    assert world.a.profile.draft_revision == 0


def test_errors_name_their_fields_by_path(world: World) -> None:
    curator, introduction = world.client("curator"), world.introduced()
    begun = curator.post(
        f"/api/v1/staff/introductions/{introduction.pk}/agreement/",
        {"form": "sister"},
        content_type=JSON,
    )
    assert begun.status_code == 201, begun.content
    body = {
        "based_on": 1,
        "form": "sister",
        "areas": ["culture"],
        "languages": ["en"],
        "text": "x",
        "signatories": [{"name": "x"}, {}],
    }
    response = curator.post(
        f"/api/v1/staff/agreements/{begun.json()['id']}/versions/", body, content_type=JSON
    )
    errors = assert_problem(response, 422, "invalid")["errors"]
    assert errors["signatories.0.office"] == ["This field is required."]
    assert "signatories.1.name" in errors


@pytest.mark.parametrize(
    "query",
    [
        "country=XXX",
        "theme=nothing",
        "search=%00",
        "page_size=0",
        "page_size=101",
        "cursor=abc",
        "colour=red",
    ],
)
def test_wrong_filters_are_named(db: None, query: str) -> None:
    body = assert_problem(Client().get(f"/api/v1/communities/?{query}"), 422, "invalid")
    assert list(body["errors"]) == [query.split("=")[0]]


STAFF_LISTS = {
    "suggestions": ("country=XXX", "country=", "status=nothing", "search=%00"),
    "partnerships": ("country=xx", "status=nothing", "colour=red"),
    "introductions": ("owner=nobody1", "overdue=maybe", "stage=nothing", "stuck="),
    "members": ("kind=nothing", "standing=", "dues_class=nothing", "colour=red"),
    "events": ("topic=nothing", "subject_id=x", "subject_type=%00", "community_id=0", "search=x"),
}


@pytest.mark.parametrize(
    ("name", "query"), [(name, query) for name in STAFF_LISTS for query in STAFF_LISTS[name]]
)
def test_wrong_filter_is_refused_by_the_api_and_passed_over_by_the_page(
    world: World, name: str, query: str
) -> None:
    """One form describes the filters of both."""
    client = world.client("curator")
    body = assert_problem(client.get(f"/api/v1/staff/{name}/?{query}"), 422, "invalid")
    assert list(body["errors"]) == [query.split("=")[0]]
    assert client.get(f"/staff/{name}/?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("since=11/29/2026", "since"),
        ("since=2026-02-30", "since"),
        ("since=2026-03-01&until=2026-02-28", "until"),
        ("country=xx", "country"),
        ("by=year", "by"),
        ("by=", "by"),
        ("cursor=x", "cursor"),
    ],
)
def test_wrong_filters_of_figures_are_named(world: World, query: str, named: str) -> None:
    client = world.client("curator")
    body = assert_problem(client.get(f"/api/v1/staff/statistics/funnel/?{query}"), 422, "invalid")
    assert list(body["errors"]) == [named]
    is_wrong_on_page = query not in ("by=", "cursor=x")
    page = client.get(f"/staff/statistics/?{query}")
    assert page.status_code == (422 if is_wrong_on_page else 200)


def test_figures_of_any_country_are_read(world: World) -> None:
    query = "country=XX&by=country&since=2026-01-01&until=2026-12-31"
    response = world.client("curator").get(f"/api/v1/staff/statistics/funnel/?{query}")
    assert response.status_code == 200
    assert response.json()["rows"] == []


PUBLIC_LISTS = {
    "/api/v1/communities/": ("/communities/", ("region=", "region=%00", "country=xx", "topic=x")),
    "/api/v1/partnerships/": (
        "/partnerships/",
        ("status=unknown", "decade=198", "decade=x", "recognised=maybe", "theme=x", "place=0"),
    ),
    "/api/v1/confirmed-partnerships/": (
        "/partnerships/",
        ("status=emeritus", "decade=99999", "theme=culture", "recognised=true"),
    ),
    "/api/v1/listed-partnerships/": (
        "/partnerships/",
        ("status=suspended", "decade=799", "kind=x", "place=9223372036854775808"),
    ),
}


@pytest.mark.parametrize(
    ("api", "page", "query"),
    [(api, page, query) for api, (page, queries) in PUBLIC_LISTS.items() for query in queries],
)
def test_public_lists_refuse_in_the_api_what_the_page_passes_over(
    db: None, api: str, page: str, query: str
) -> None:
    body = assert_problem(Client().get(f"{api}?{query}"), 422, "invalid")
    assert list(body["errors"]) == [query.split("=")[0]]
    assert Client().get(f"{page}?{query}").status_code == 200


@pytest.mark.parametrize("api", PUBLIC_LISTS)
def test_public_lists_take_the_code_of_any_country(db: None, api: str) -> None:
    assert Client().get(f"{api}?country=XX").json()["results"] == []


@pytest.mark.parametrize("name", sorted(STAFF_LISTS.keys() - {"events"}))
def test_api_takes_the_code_of_any_country(world: World, name: str) -> None:
    response = world.client("curator").get(f"/api/v1/staff/{name}/?country=XX&page_size=5")
    assert response.json()["results"] == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RuntimeError("boom"), 500, "internal"), (OperationalError("gone"), 503, "unavailable")],
)
def test_unforeseen_errors_reveal_no_internals(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("backend.web.accounts.api.unread_count", broken)
    client = Client(raise_request_exception=False)
    client.force_login(world.user("official"))
    response = client.get("/api/v1/me/")
    assert_problem(response, status, code)
    assert b"boom" not in response.content
    assert b"gone" not in response.content


KEY = {"headers": {"Idempotency-Key": "9d5c2f6e"}}
ADDRESS = "/api/v1/communities/"


def register(client: Client, place_id: int, **more: Any) -> Any:
    return client.post(ADDRESS, {"place_id": place_id}, content_type="application/json", **more)


def test_same_key_and_body_act_once_and_answer_alike(world: World) -> None:
    client, place = world.client("stranger"), PlaceFactory()
    first = register(client, place.pk, **KEY)
    again = register(client, place.pk, **KEY)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert Community.objects.filter(place=place).count() == 1
    assert Event.objects.filter(topic="community_registered").count() == 1


def test_without_a_key_the_second_act_is_its_own(world: World) -> None:
    client, place = world.client("stranger"), PlaceFactory()
    assert register(client, place.pk).status_code == 201
    assert register(client, place.pk).status_code == 409


def test_same_key_with_another_body_is_refused(world: World) -> None:
    client, places = world.client("stranger"), [PlaceFactory(), PlaceFactory()]
    register(client, places[0].pk, **KEY)
    other = register(client, places[1].pk, **KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert not Community.objects.filter(place=places[1]).exists()


def test_key_belongs_to_one_person(world: World) -> None:
    places = [PlaceFactory(), PlaceFactory()]
    assert register(world.client("stranger"), places[0].pk, **KEY).status_code == 201
    assert register(world.client("official"), places[1].pk, **KEY).status_code == 201


def test_failed_request_is_not_remembered(world: World) -> None:
    client, place = world.client("stranger"), PlaceFactory()
    assert register(client, 1, **KEY).status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert register(client, place.pk, **KEY).status_code == 201


def test_keys_are_forgotten_after_a_day(world: World) -> None:
    client, places = world.client("stranger"), [PlaceFactory(), PlaceFactory()]
    register(client, places[0].pk, **KEY)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE web_idempotencykey SET created_at = now() - interval '25 hours'")
    assert register(client, places[1].pk, **KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_key_that_is_none_is_named(world: World, key: str) -> None:
    response = register(
        world.client("stranger"), PlaceFactory().pk, headers={"Idempotency-Key": key}
    )
    assert response.status_code == 422
    assert list(response.json()["errors"]) == ["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_act_once() -> None:
    user, place = UserFactory(), PlaceFactory()
    clients = [Client() for _ in range(4)]
    for client in clients:
        client.force_login(user)
    answers = outcomes_of(*[partial(register, client, place.pk, **KEY) for client in clients])
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert Event.objects.filter(topic="community_registered").count() == 1


# A kept answer would keep the secret that is shown once, or contacts that are read without a trace;
# and nobody is left to ask again.
WITHOUT_KEYS = {"my-tokens", "erase-me", "contacts-break-glass"}


def posting_views() -> list[URLPattern]:
    posting = [route for route in api_urls if hasattr(getattr(route.callback, "cls", None), "post")]
    return [route for route in posting if route.name not in WITHOUT_KEYS]


@pytest.mark.parametrize("route", posting_views(), ids=lambda route: str(route.name))
def test_every_post_takes_a_key(route: URLPattern) -> None:
    assert getattr(route.callback.cls.post, "is_idempotent", False)  # type: ignore[attr-defined]


def pages(client: Client, address: str) -> list[list[dict[str, Any]]]:
    found = []
    following: str | None = address
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.content
        found.append(response.json()["results"])
        following = response.json()["next"]
        assert len(found) < 50
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_every_row_comes_once_in_order_with_ties(size: int) -> None:
    for name in (
        "Springfield",
        "Springfield",
        "Springfield",
        "Ålesund",
        "aachen",
        "Zürich",
        "Springfield",
    ):
        CommunityFactory(name=name, published=True)
    whole = pages(Client(), "/api/v1/communities/?page_size=100")
    cut = pages(Client(), f"/api/v1/communities/?page_size={size}")
    assert len(whole) == 1
    assert [row["id"] for page in cut for row in page] == [row["id"] for row in whole[0]]
    assert all(len(page) == size for page in cut[:-1])


@pytest.mark.django_db
def test_rows_added_before_the_cursor_do_not_shift_the_pages(world: World) -> None:
    events = [EventFactory() for _ in range(6)]
    curator = world.client("curator")
    first = curator.get("/api/v1/staff/events/?page_size=3").json()
    EventFactory()
    second = curator.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == [
        event.pk for event in reversed(events)
    ]
    assert second["next"] is None


@pytest.mark.django_db
def test_cursor_of_another_list_or_a_changed_one_is_refused(world: World) -> None:
    for _ in range(3):
        EventFactory()
    curator = world.client("curator")
    cursor = (
        curator.get("/api/v1/staff/events/?page_size=1")
        .json()["next"]
        .partition("cursor=")[2]
        .partition("&")[0]
    )
    assert curator.get(f"/api/v1/communities/?cursor={cursor}").status_code == 422
    assert curator.get(f"/api/v1/staff/events/?cursor={cursor[:-1]}").status_code == 422


@pytest.mark.django_db
def test_rows_without_a_value_come_last_and_once(world: World) -> None:
    now = timezone.now()
    for moment in (now, None, now, None, now - timedelta(days=1)):
        ProfileFactory(status=Profile.Status.SUBMITTED, submitted_at=moment)
    curator = world.client("curator")
    whole = pages(curator, "/api/v1/staff/vetting/?page_size=100")
    moments = [row["submitted_at"] for row in whole[0]]
    assert moments[-3:] == [None] * 3
    for size in (1, 2, 4):
        cut = pages(curator, f"/api/v1/staff/vetting/?page_size={size}")
        assert [row["community"]["id"] for page in cut for row in page] == [
            row["community"]["id"] for row in whole[0]
        ]
