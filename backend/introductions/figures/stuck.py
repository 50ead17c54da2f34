"""What does not move: cards that are overdue or that nobody has moved for a month, and agreements
that wait for a signature.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.clock import database_now
from backend.introductions.figures.scope import Scope
from backend.introductions.models import Agreement, Introduction
from backend.outbox.models import Event

IDLE_DAYS = 30
_OVER = (Introduction.Stage.AGREEMENT, Introduction.Stage.CLOSED)


@dataclass(frozen=True, slots=True)
class StuckRow:
    """``kind``: card | agreement, with its id. Days are whole; ``overdue_days`` is 0 where no date
    has passed.
    """

    kind: str
    id: int
    pair: str
    where: str
    owner: str
    idle_days: int
    overdue_days: int


def stuck(user: User | AnonymousUser, scope: Scope) -> list[StuckRow]:
    """What waits longest first; the scope's time is when it was opened. Raises NotVisible for
    others than staff.
    """
    require_staff(user, "R", Thing.FIGURES)
    now = database_now()
    return sorted(
        [*_cards(scope, now), *_agreements(scope, now)],
        key=lambda row: (-row.idle_days, row.kind, row.id),
    )


def _last_event(kind: str) -> Subquery:
    moved = (
        Event.objects.filter(subject_type=kind, subject_id=OuterRef("pk"))
        .order_by()
        .values("subject_id")
    )
    return Subquery(moved.annotate(last=Max("recorded_at")).values("last"))


def _cards(scope: Scope, now: dt.datetime) -> list[StuckRow]:
    found = (
        Introduction.objects.filter(scope.within("opened_at"), scope.of_pair())
        .exclude(stage__in=_OVER)
        .annotate(moved_at=Coalesce(_last_event("introduction"), "opened_at"))
        .filter(Q(due_on__lt=now.date()) | Q(moved_at__lt=now - dt.timedelta(days=IDLE_DAYS)))
        .select_related("pair__a", "pair__b", "owner")
    )
    return [
        StuckRow(
            "card",
            card.pk,
            f"{card.pair.a.name} – {card.pair.b.name}",
            str(card.get_stage_display()),
            str(card.owner) if card.owner else "",
            max(0, (now - card.moved_at).days),
            max(0, (now.date() - card.due_on).days) if card.due_on else 0,
        )
        for card in found
    ]


def _agreements(scope: Scope, now: dt.datetime) -> list[StuckRow]:
    found = (
        Agreement.objects.filter(
            scope.within("recorded_at"),
            scope.of_pair("introduction__pair"),
            status=Agreement.Status.SIGNING,
        )
        .annotate(
            moved_at=Coalesce(_last_event("agreement"), "recorded_at"), signed=Count("signatories")
        )
        .filter(moved_at__lt=now - dt.timedelta(days=IDLE_DAYS))
        .select_related("introduction__pair__a", "introduction__pair__b", "introduction__owner")
    )
    return [
        StuckRow(
            "agreement",
            agreement.pk,
            f"{agreement.introduction.pair.a.name} – {agreement.introduction.pair.b.name}",
            f"Signed by {agreement.signed} of 2",
            str(agreement.introduction.owner) if agreement.introduction.owner else "",
            max(0, (now - agreement.moved_at).days),
            0,
        )
        for agreement in found
    ]
