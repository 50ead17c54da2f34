"""Versions of the weights, in pages and through the API."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from backend.accounts.models import User
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import WeightSet
from backend.suggestions.scoring import weights_in_force
from tests.actors import World
from tests.factories import UserFactory, make_version
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to, one_line, url

# The page on which staff see what was learned from answers, and put it in force.


LIST = "web:staff_weights"


@pytest.fixture
def staff(curator: User, sign_in: SignIn) -> Client:
    return sign_in(curator)


def test_a_better_version_is_promoted_from_the_page(staff: Client, curator: User) -> None:
    version = make_version()
    html = one_line(staff.get(reverse(LIST)).text)
    assert (
        "Rests on 90 decisions of 12 communities" in html and "0.1900" in html and "0.2100" in html
    )
    form = form_to(html, url("staff_weights_promote", version.pk))
    assert staff.post(form.action, form.values).url == reverse(LIST)  # type: ignore[attr-defined]
    assert weights_in_force()["version"] == "learned-7"
    event = Event.objects.get(topic=Topic.WEIGHTS_PROMOTED)
    assert (event.subject_id, event.by, event.payload["version"]) == (
        version.pk,
        curator,
        "learned-7",
    )
    html = staff.get(reverse(LIST)).text
    assert "in force</span>" in html and url("staff_weights_promote", version.pk) not in html


def test_a_version_that_is_no_better_says_why_it_has_no_button(staff: Client) -> None:
    version = make_version(is_better=False)
    html = staff.get(reverse(LIST)).text
    assert "not better calibrated than those in force" in html
    address = url("staff_weights_promote", version.pk)
    assert address not in html
    assert staff.post(address).status_code == 409
    assert (
        not Event.objects.filter(topic=Topic.WEIGHTS_PROMOTED).exists()
        and not WeightSet.objects.filter(in_force=True).exists()
    )


def test_nothing_learned_yet(staff: Client) -> None:
    assert "Nothing has been learned yet" in staff.get(reverse(LIST)).text


def test_for_others_than_staff_there_is_no_such_page(sign_in: SignIn, db: None) -> None:
    assert sign_in(UserFactory()).get(reverse(LIST)).status_code == 404


# Versions of the weights over the API: the same rules and the same record as on the page.


ADDRESS = "/api/v1/staff/weights/"


def test_staff_read_and_promote(world: World) -> None:
    version = make_version()
    client = world.client("curator")
    [row] = client.get(ADDRESS).json()["results"]
    assert (row["version"], row["decisions"], row["is_better"], row["in_force"]) == (
        "learned-7",
        90,
        True,
        False,
    )
    assert row["by_time"] == {
        "learned": {"brier": 0.19, "log_loss": 0.55},
        "in_use": {"brier": 0.21, "log_loss": 0.6},
    }
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
