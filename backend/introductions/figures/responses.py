"""How long communities take to answer a suggestion, from its release to their first answer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Aggregate, Count, DurationField, ExpressionWrapper, F
from django.db.models.functions import TruncMonth

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.introductions.figures.scope import By, Scope
from backend.suggestions.models import Decision

_DAY = dt.timedelta(days=1)
_FIRST = (Decision.Answer.INTERESTED, Decision.Answer.DECLINED)


class Percentile(Aggregate):
    """PostgreSQL's percentile_cont: ``fraction`` in [0, 1]."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: Any, fraction: float) -> None:
        super().__init__(expression, fraction=repr(float(fraction)), output_field=DurationField())


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """``label``: the month of release as "2026-11", or the answering community's country. Times in
    days.
    """

    label: str
    answers: int
    median_days: float
    p90_days: float


def response_times(
    user: User | AnonymousUser, scope: Scope, *, by: By = "month"
) -> list[ResponseRow]:
    """Response times of suggestions released within the scope; the scope's country is that of who
    answered.

    Raises:
        NotVisible: for others than staff.
    """
    require_staff(user, "R", Thing.FIGURES)
    released = "suggestion__released_at"
    found = Decision.objects.filter(
        scope.within(released), answer__in=_FIRST, **{f"{released}__isnull": False}
    )
    if scope.country:
        found = found.filter(community__country_id=scope.country)
    took = ExpressionWrapper(F("at") - F(released), output_field=DurationField())
    key = TruncMonth(released, tzinfo=dt.UTC) if by == "month" else F("community__country_id")
    rows = (
        found.annotate(key=key, took=took)
        .values_list("key")
        .annotate(answers=Count("pk"), median=Percentile("took", 0.5), p90=Percentile("took", 0.9))
        .order_by("key")
    )
    return [
        ResponseRow(
            f"{label:%Y-%m}" if isinstance(label, dt.datetime) else label,
            answers,
            median / _DAY,
            p90 / _DAY,
        )
        for label, answers, median, p90 in rows
    ]
