"""The funnel: of the suggestions made in a month, how many came how far. Each step counts all that
reached it, also those closed since.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncMonth

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.introductions.figures.scope import By, Scope, country_abroad
from backend.introductions.models import Introduction
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import Suggestion

STEPS = ("suggested", "released", "answered", "mutual", "introduced", "met", "agreed")
_A = Suggestion.SideState
_I = Introduction.Stage
_MUTUAL = (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED)
_ANSWERS = (_A.INTERESTED, _A.DECLINED, _A.WITHDRAWN)
_MET = {_I.FIRST_MEETING, _I.EXPLORING, _I.PROPOSAL, _I.COUNCIL_RESOLUTION, _I.AGREEMENT}
_INTRODUCED = {_I.INTRODUCED, *_MET}


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """``label``: the month as "2026-11", or the country abroad as ISO alpha-2. ``counts`` by STEPS."""

    label: str
    counts: tuple[int, ...]


def funnel(user: User | AnonymousUser, scope: Scope, *, by: By = "month") -> list[FunnelRow]:
    """The funnel of suggestions made within the scope, by month or country abroad. Raises
    NotVisible for others than staff.
    """
    require_staff(user, "R", Thing.FIGURES)
    counted: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(STEPS))
    made = Suggestion.objects.filter(scope.within("created_at"), scope.of_pair())
    key = TruncMonth("created_at", tzinfo=dt.UTC) if by == "month" else country_abroad()
    early = (
        made.annotate(key=key)
        .values_list("key")
        .annotate(
            suggested=Count("pk"),
            released=Count("pk", filter=Q(released_at__isnull=False)),
            answered=Count("pk", filter=Q(a_state__in=_ANSWERS) | Q(b_state__in=_ANSWERS)),
            mutual=Count("pk", filter=Q(status__in=_MUTUAL)),
        )
    )
    for label, *counts in early:
        counted[_label(label)][:4] = counts
    for label, status, reached in _late_steps(made, by):
        row = counted[_label(label)]
        row[3] += (
            status not in _MUTUAL
        )  # a card says that it was, also where the interest has gone since
        row[4] += bool(reached & _INTRODUCED)
        row[5] += bool(reached & _MET)
        row[6] += _I.AGREEMENT in reached
    return [FunnelRow(label, tuple(counts)) for label, counts in sorted(counted.items())]


def _label(key: dt.datetime | str) -> str:
    return f"{key:%Y-%m}" if isinstance(key, dt.datetime) else key


def _late_steps(
    made: QuerySet[Suggestion], by: By
) -> list[tuple[dt.datetime | str, str, set[str]]]:
    """For each suggestion that has had a card: its row, its state now, and every column of the
    board that a card of it has been in.
    """
    key = TruncMonth("suggestion__created_at", tzinfo=dt.UTC) if by == "month" else country_abroad()
    found = Introduction.objects.filter(suggestion__in=made).annotate(key=key)
    cards = list(found.values_list("pk", "key", "stage", "suggestion_id", "suggestion__status"))
    reached: defaultdict[int, set[str]] = defaultdict(set)
    moves = Event.objects.filter(
        topic=Topic.INTRODUCTION_MOVED,
        subject_type="introduction",
        subject_id__in=[card[0] for card in cards],
    )
    for card, stage in moves.values_list("subject_id", "payload__new"):
        if stage:
            reached[card].add(stage)
    by_suggestion: dict[int, tuple[dt.datetime | str, str, set[str]]] = {}
    for card, label, stage, suggestion, status in cards:
        _row, _status, stages = by_suggestion.setdefault(suggestion, (label, status, set()))
        stages |= reached[card] | {stage}
    return list(by_suggestion.values())


def introduced_by_hand(user: User | AnonymousUser, scope: Scope) -> int:
    """Introductions that staff opened without a suggestion: they are in no funnel. Raises
    NotVisible for others than staff.
    """
    require_staff(user, "R", Thing.FIGURES)
    return Introduction.objects.filter(
        scope.within("opened_at"), scope.of_pair(), suggestion__isnull=True
    ).count()
