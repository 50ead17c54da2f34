"""One key, one act, one answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern

from backend.cities.models import Community
from backend.outbox.models import Event
from backend.web.models import IdempotencyKey
from backend.web.urls import api_urls
from tests.actors import World
from tests.factories import PlaceFactory, UserFactory

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
    start, answers = threading.Barrier(4), []

    def send() -> None:
        try:
            client = Client()
            client.force_login(user)
            start.wait(timeout=10)
            answers.append(register(client, place.pk, **KEY))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert Event.objects.filter(topic="community_registered").count() == 1


# A kept answer would keep the secret that is shown once; and nobody is left to ask again.
WITHOUT_KEYS = {"my-tokens", "erase-me"}


def posting_views() -> list[URLPattern]:
    posting = [route for route in api_urls if hasattr(getattr(route.callback, "cls", None), "post")]
    return [route for route in posting if route.name not in WITHOUT_KEYS]


@pytest.mark.parametrize("route", posting_views(), ids=lambda route: str(route.name))
def test_every_post_takes_a_key(route: URLPattern) -> None:
    assert getattr(route.callback.cls.post, "is_idempotent", False)  # type: ignore[attr-defined]
