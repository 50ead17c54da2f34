"""A small world with people to notify, and what must hold of it whatever was killed."""

from __future__ import annotations

import random
from pathlib import Path

from backend.cities.models import Community
from backend.notifications.models import Delivery, Notification
from backend.outbox.models import Event, Job
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import RankedPair, ScoringRun, Suggestion
from tests.factories import CommunityFactory, CommunityRoleFactory, document

TOPICS = (
    "water_management",
    "heritage_conservation",
    "port_logistics",
    "startup_incubation",
    "vocational_training",
    "public_transport",
)


def make_communities(home: int, abroad: int) -> list[Community]:
    """Published communities with needs and offers that differ, each with an official."""
    chance = random.Random(20260301)
    made = []
    for index in range(home + abroad):
        needs = chance.sample(TOPICS, 3)
        offers = [topic for topic in TOPICS if topic not in needs]
        answers = document(
            needs_offers={"needs": needs, "offers": offers},
            facts={"population": chance.randrange(20_000, 900_000)},
        )
        country = "US" if index < home else chance.choice(["DE", "JP", "MX"])
        community = CommunityFactory(
            country_code=country, published=True, published__document=answers
        )
        CommunityRoleFactory(community=community)
        made.append(community)
    return made


def publish_again(community: Community) -> Event:
    """What a published change of the profile records."""
    return record(
        Topic.PROFILE_PUBLISHED,
        subject=("profile", community.profile.pk),
        by=None,
        community_id=community.pk,
    )


def ranking_of(run: ScoringRun) -> list[tuple[object, ...]]:
    fields = (
        "left_id",
        "right_id",
        "score",
        "left_preference",
        "right_preference",
        "left_coverage",
        "right_coverage",
        "left_rank",
        "right_rank",
    )
    return sorted(RankedPair.objects.filter(run=run).values_list(*fields), key=str)


def everything_is_done() -> bool:
    add_job = Job.objects.filter(status__in=(Job.Status.PENDING, Job.Status.LEASED))
    return not Event.objects.filter(routed_at__isnull=True).exists() and not add_job.exists()


def check_everybody_was_notified_once(mail_folder: Path) -> None:
    """Each official heard of each of their suggestions exactly once, in the page and by mail."""
    notified = [
        (notification.recipient_id, notification.community_id, suggestion)
        for notification in Notification.objects.filter(kind="new_suggestions")
        for suggestion in notification.payload["suggestions"]
    ]
    roles = {
        c: u for u, c in Community.objects.exclude(roles=None).values_list("roles__user_id", "pk")
    }
    expected = {
        (roles[side], side, s.pk)
        for s in Suggestion.objects.select_related("pair")
        for side in (s.pair.a_id, s.pair.b_id)
    }
    assert expected, "the world has no suggestion, so nothing was tested"
    assert len(notified) == len(set(notified))
    assert set(notified) == expected
    assert (
        list(Job.objects.filter(status=Job.Status.DEAD).values_list("task", "key", "last_error"))
        == []
    )
    assert set(Delivery.objects.values_list("status", flat=True)) == {Delivery.Status.SENT}
    assert Delivery.objects.count() == Notification.objects.count()
    assert len(list(mail_folder.glob("*.eml"))) == Delivery.objects.count()
