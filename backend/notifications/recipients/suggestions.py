"""Who is told of suggested partners."""

from __future__ import annotations

from backend.notifications.models import Notification
from backend.notifications.recipients.told import curators, people_of, to_sides
from backend.outbox.models import Event
from backend.suggestions.models import Suggestion

_K = Notification.Kind


def suggestions_changed(event: Event) -> list[Notification]:
    named = {int(community_id): ids for community_id, ids in event.payload["communities"].items()}
    # What staff took back since then is not announced; what a side has declined since then is, or
    # the silence would tell of it.
    wanted = {pk for ids in named.values() for pk in ids}
    released = set(
        Suggestion.objects.visible_to_communities()
        .filter(pk__in=wanted)
        .values_list("pk", flat=True)
    )
    new = {
        community_id: [pk for pk in ids if pk in released] for community_id, ids in named.items()
    }
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.NEW_SUGGESTIONS,
            community_id=community_id,
            event=event,
            payload={"suggestions": new[community_id], "count": len(new[community_id])},
        )
        for user_id, community_id in people_of(new)
        if new[community_id]
    ]


def suggestions_expiring(event: Event) -> list[Notification]:
    ids = event.payload["suggestions"]
    people = people_of([event.community_id] if event.community_id else [])
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.SUGGESTIONS_EXPIRING,
            community_id=own,
            event=event,
            payload={"suggestions": ids, "count": len(ids)},
        )
        for user_id, own in people
    ]


def interest_mutual(event: Event) -> list[Notification]:
    pair = Suggestion.objects.select_related("pair").get(pk=event.subject_id).pair
    staff = [
        Notification(
            recipient_id=user_id,
            kind=_K.INTEREST_MUTUAL,
            event=event,
            subject_id=event.subject_id,
            payload={"a": pair.a_id, "b": pair.b_id},
        )
        for user_id in curators()
    ]
    return to_sides(event, _K.INTEREST_MUTUAL, pair, event.subject_id) + staff
