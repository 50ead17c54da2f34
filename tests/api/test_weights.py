"""Versions of the weights over the API: the same rules and the same record as on the page."""

from __future__ import annotations

from backend.outbox.models import Event
from backend.outbox.topics import Topic
from tests.actors import World
from tests.weights import make_version

ADDRESS = "/api/v1/staff/weights/"


def test_staff_read_and_promote(world: World) -> None:
    version = make_version()
    client = world.client("curator")
    [row] = client.get(ADDRESS).json()["results"]
    assert (row["version"], row["decisions"], row["is_better"], row["in_force"]) == ("learned-7", 90, True, False)
    assert row["by_time"] == {"learned": {"brier": 0.19, "log_loss": 0.55}, "in_use": {"brier": 0.21, "log_loss": 0.6}}
    promoted = client.post(f"{ADDRESS}{version.pk}/promote/")
    assert promoted.status_code == 200 and promoted.json()["in_force"]
    assert Event.objects.filter(topic=Topic.WEIGHTS_PROMOTED, subject_id=version.pk).count() == 1
    assert client.post(f"{ADDRESS}{version.pk}/promote/").status_code == 409


def test_what_is_no_better_is_refused_and_others_see_nothing(world: World) -> None:
    version = make_version(is_better=False)
    assert world.client("curator").post(f"{ADDRESS}{version.pk}/promote/").status_code == 409
    assert world.client("curator").post(f"{ADDRESS}{version.pk + 99}/promote/").status_code == 404
    assert world.client("official").get(ADDRESS).status_code == 404
    assert world.client("official").post(f"{ADDRESS}{version.pk}/promote/").status_code == 404
