"""Which work follows from which event; read by the relay. Most events are followed by none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backend.notifications.notices import notices_of
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringShard
from tasks.schedule import PERIODIC_TASKS


@dataclass(frozen=True, slots=True)
class Route:
    """``task`` is asked for once for each key; requests with the same key that wait at the same
    time are one.
    """

    task: str
    keys: Callable[[Event], Iterable[str | int]]


def _community(event: Event) -> list[int]:
    return [event.community_id] if event.community_id is not None else []


def _subject(event: Event) -> list[int]:
    return [event.subject_id]


def _event(event: Event) -> list[int]:
    return [event.pk]


def _shards(event: Event) -> list[str]:
    indices = (
        ScoringShard.objects.filter(run_id=event.subject_id)
        .order_by("index")
        .values_list("index", flat=True)
    )
    return [f"{event.subject_id}:{index}" for index in indices]


def _all(event: Event) -> list[str]:
    return ["all"]


def _if_due(task: str) -> Callable[[Event], list[str]]:
    return lambda event: ["all"] if PERIODIC_TASKS[event.payload["schedule"]].task == task else []


NOTIFY = Route("notify_people", _event)
RESCORE = Route("rescore_community", _community)
BEGIN_RUN = Route("begin_run", _all)

# Notices follow from their declarations (backend.notifications.notices), not from this table.
ROUTES: dict[Topic, tuple[Route, ...]] = {
    Topic.PROFILE_PUBLISHED: (RESCORE,),
    Topic.PROFILE_CONFIRMED: (RESCORE,),
    Topic.PROFILE_STATUS_CHANGED: (RESCORE,),
    Topic.PARTNER_REQUESTED: (Route("assess_partner_request", _subject),),
    Topic.INVITATION_SENT: (Route("mail_invitation", _subject),),
    Topic.RUN_REQUESTED: (BEGIN_RUN,),
    Topic.RUN_BEGUN: (Route("score_shard", _shards),),
    Topic.RUN_COMPLETED: (Route("derive_from_run", _subject),),
    Topic.COMMUNITY_RESCORED: (Route("derive_from_community", _community),),
    Topic.EXCLUSION_RULE_SET: (Route("enforce_exclusion_rules", _all),),
    Topic.EXISTING_PARTNERSHIP_ANSWERED: (Route("close_suggestions_of_partners", _all),),
    Topic.PARTNERSHIPS_LISTED: (Route("close_suggestions_of_partners", _all),),
    Topic.INTEREST_MUTUAL: (Route("open_introduction_for_mutual", _subject),),
    Topic.TICK_OPENED: tuple(
        Route(periodic.task, _if_due(periodic.task)) for periodic in PERIODIC_TASKS.values()
    ),
}


def routes_of(topic: Topic) -> tuple[Route, ...]:
    """What follows from an event of this topic, in this order."""
    return (*ROUTES.get(topic, ()), *((NOTIFY,) if notices_of(topic) else ()))


def jobs_for(event: Event) -> list[tuple[str, str, Event | None]]:
    """The (task, key, event) that the event asks for."""
    return [
        (route.task, str(key), event)
        for route in routes_of(Topic(event.topic))
        for key in route.keys(event)
    ]
