"""Cursor pages: every row once, whatever ties or is added meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from backend.cities.models import Profile
from tests.actors import World
from tests.factories import CommunityFactory, EventFactory, ProfileFactory

pytestmark = pytest.mark.django_db


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
