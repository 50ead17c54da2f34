"""The main job as relay and worker do it, and ``manage.py score`` on a machine where neither
runs.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction

from backend.cities.models import Community, CommunityRole, Profile
from backend.notifications.models import Notification
from backend.outbox.models import Job
from backend.outbox.services import record_heartbeat
from backend.suggestions.models import RankedPair, ScoringRun, Suggestion
from backend.suggestions.services import request_run
from backend.suggestions.services.runs import begin_run, current_run
from tests.world import make_communities, publish_again

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> list[Community]:
    return make_communities(home=4, abroad=8)


def _score(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("score", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_score_without_relay_and_worker_does_the_work_itself_and_says_so(
    world: list[Community],
) -> None:
    out, err = _score()

    run = current_run()
    assert run is not None
    assert run.pairs_scored == 4 * 8
    assert out.startswith(f"32 pairs scored, {Suggestion.objects.count()} new suggestions, ")
    assert "No relay and no worker is running" in err


def test_score_follows_the_run_under_way(world: list[Community]) -> None:
    run = begin_run(reason="nightly")
    assert run is not None

    out, _err = _score("--quiet")

    assert f"(run {run.pk})" in out
    assert ScoringRun.objects.count() == 1


def test_score_says_why_it_cannot_go_on(world: list[Community]) -> None:
    with transaction.atomic():
        request_run(by=None)
    Job.objects.create(
        task="begin_run",
        key="all",
        status="dead",
        last_error="ValueError: no",
        available_at="2026-01-01T00:00Z",
        finished_at="2026-01-01T00:00Z",
    )
    record_heartbeat("relay")
    record_heartbeat("worker")

    with pytest.raises(CommandError, match=r"begin_run was given up \(ValueError: no\)"):
        _score("--quiet")


def test_run_notifies_both_sides_of_each_promising_pair(
    world: list[Community], drain: Callable[[], int]
) -> None:
    with transaction.atomic():
        request_run(by=None)
    drain()

    sides = {
        side
        for s in Suggestion.objects.select_related("pair")
        for side in (s.pair.a_id, s.pair.b_id)
    }
    assert sides
    assert set(Notification.objects.values_list("community_id", flat=True)) == sides
    assert len(mail.outbox) == Notification.objects.count()


def test_publishing_a_profile_suggests_pairs_and_notifies_both_sides(
    world: list[Community], drain: Callable[[], int], settings: Any
) -> None:
    # Room for a newcomer beside everybody who is suggested already
    settings.SUGGESTIONS = settings.SUGGESTIONS | {"places_least": 20, "places_most": 20}
    newcomer = world[-1]
    Profile.objects.filter(community=newcomer).update(status=Profile.Status.PAUSED)
    with transaction.atomic():
        request_run(by=None)
    drain()
    assert not Suggestion.objects.of_community(newcomer.pk).exists()
    mail.outbox.clear()

    with transaction.atomic():
        Profile.objects.filter(community=newcomer).update(status=Profile.Status.PUBLISHED)
        publish_again(newcomer)
    drain()

    found = (
        Suggestion.objects.of_community(newcomer.pk)
        .filter(status=Suggestion.Status.RELEASED)
        .select_related("pair")
    )
    sides = {side for s in found for side in (s.pair.a_id, s.pair.b_id)}
    addresses = set(
        CommunityRole.objects.filter(community_id__in=sides).values_list("user__email", flat=True)
    )
    assert len(addresses) > 1
    assert {address for message in mail.outbox for address in message.to} == addresses
    assert len(mail.outbox) == len(addresses)


@pytest.mark.parametrize("times", [1, 3])
def test_rescoring_twice_leaves_the_ranking_as_it_is(
    world: list[Community], drain: Callable[[], int], times: int
) -> None:
    with transaction.atomic():
        request_run(by=None)
    drain()
    rows = sorted(
        RankedPair.objects.values_list("left_id", "right_id", "score", "left_rank", "right_rank")
    )
    notified = Notification.objects.count()

    for _ in range(times):
        with transaction.atomic():
            publish_again(world[0])
        drain()

    assert (
        sorted(
            RankedPair.objects.values_list(
                "left_id", "right_id", "score", "left_rank", "right_rank"
            )
        )
        == rows
    )
    assert Notification.objects.count() == notified
