"""The end of a suggestion's time, by the database's clock, and the reminder before it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from backend.common.clock import database_now
from backend.common.transitions import change_state, check_transition
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services.settling import settle_due
from backend.suggestions.services.sides import cooling_end
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState


def expire_suggestions() -> int:
    """Ends released suggestions whose time is over by the database's clock; returns how many. Safe
    to run twice.

    Answers that were given in time take effect first; one that can still be undone keeps its
    suggestion open until it is final.
    """
    settle_due()
    with transaction.atomic():
        return _expire()


def _expire() -> int:
    check_transition(SUGGESTION_TRANSITIONS, _S.RELEASED, _S.EXPIRED)
    now = database_now()
    overdue = Suggestion.objects.filter(status=_S.RELEASED, expires_at__lte=now).exclude(
        Q(a_final_at__gt=now) | Q(b_final_at__gt=now)
    )
    pairs = (
        Pair.objects.select_for_update(skip_locked=True)
        .filter(pk__in=overdue.order_by().values("pair_id"))
        .order_by("pk")
    )
    ended = list(
        overdue.filter(pair_id__in=list(pairs.values_list("pk", flat=True))).select_related("pair")
    )
    for suggestion in ended:
        open_sides = {
            f"{side}_state": _A.EXPIRED
            for side in "ab"
            if getattr(suggestion, f"{side}_state") in (_A.PENDING, _A.INTERESTED)
        }
        change_state(
            suggestion, "status", _S.EXPIRED, SUGGESTION_TRANSITIONS, closed_at=now, **open_sides
        )
        Pair.objects.filter(pk=suggestion.pair_id).update(
            closed_until=cooling_end(suggestion.expires_at or now)
        )
        record(Topic.SUGGESTION_EXPIRED, subject=suggestion, by=None)
    _end_other_sides(now)
    return len(ended)


def _end_other_sides(now: dt.datetime) -> None:
    """The side that never learned of a decline sees its time run out as if nobody had answered."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE suggestions_suggestion SET "
            "a_state = CASE WHEN a_state IN ('pending', 'interested') THEN 'expired' ELSE a_state END, "
            "b_state = CASE WHEN b_state IN ('pending', 'interested') THEN 'expired' ELSE b_state END "
            "WHERE status IN ('declined', 'withdrawn') AND expires_at <= %s "
            "AND (a_state IN ('pending', 'interested') OR b_state IN ('pending', 'interested'))",
            [now],
        )


@transaction.atomic
def remind_of_expiry() -> int:
    """Tells each side once, SUGGESTIONS["remind_days"] before the end, which suggestions it has not
    answered; returns how many sides.

    Who is reminded depends on the side's own answer alone: a suggestion that the other side has
    declined in secret is reminded of too.
    """
    now = database_now()
    due = Suggestion.objects.visible_to_communities().filter(
        reminded_at__isnull=True,
        expires_at__gt=now,
        expires_at__lte=now + dt.timedelta(days=settings.SUGGESTIONS["remind_days"]),
    )
    due = due.exclude(status__in=(_S.MUTUAL, _S.INTRODUCED))
    rows = list(
        due.select_related("pair").select_for_update(of=("self",), skip_locked=True).order_by("pk")
    )
    Suggestion.objects.filter(pk__in=[row.pk for row in rows]).update(reminded_at=now)
    waiting: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        for side, community_id in (("a", row.pair.a_id), ("b", row.pair.b_id)):
            if getattr(row, f"{side}_state") == _A.PENDING:
                waiting[community_id].append(row.pk)
    for community_id, ids in sorted(waiting.items()):
        record(
            Topic.SUGGESTIONS_EXPIRING,
            subject=(Suggestion, ids[0]),
            by=None,
            community_id=community_id,
            suggestions=ids,
        )
    return len(waiting)
