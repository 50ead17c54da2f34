"""What happens to partnerships by time alone, each night. Every step is conditional: a second run
on the same night changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import transaction
from django.db.models import Q, QuerySet

from backend.common.clock import database_now
from backend.common.dates import months_before
from backend.common.errors import NotVisible
from backend.introductions.health import DORMANT_MONTHS, with_health
from backend.introductions.models import Partnership
from backend.introductions.services.partnerships import lock_partnership, turn
from backend.outbox.services import record
from backend.outbox.topics import Topic

_P = Partnership.Status
_GOES_DORMANT = (_P.ACTIVE, _P.REVIEW_DUE, _P.RENEWED, _P.REVITALISING)
_IS_REVIEWED = (_P.ACTIVE, _P.RENEWED)
_REPORTS = (_P.ACTIVE, _P.REVIEW_DUE, _P.RENEWED, _P.REVITALISING)
REPORTS_FROM_MONTH = 2  # the report of a year is asked for from February of the next


def mark_reviews_due() -> int:
    """Partnerships whose review has come; both sides are told. Returns how many."""
    today = database_now().date()
    return _each(
        lambda: Partnership.objects.filter(status__in=_IS_REVIEWED, review_on__lte=today),
        _P.REVIEW_DUE,
        today,
    )


def mark_dormant() -> int:
    """Partnerships without a recorded activity for 18 months; both sides are told, once a dormancy.
    Returns how many.
    """
    today = database_now().date()
    before = months_before(today, DORMANT_MONTHS)
    return _each(
        lambda: with_health(Partnership.objects.filter(status__in=_GOES_DORMANT), today).filter(
            awake_on__lt=before
        ),
        _P.DORMANT,
        today,
    )


def _each(due: Callable[[], QuerySet[Partnership]], new: Partnership.Status, today: dt.date) -> int:
    """Turns each of ``due`` in a commit of its own, looking again under its lock: what was done
    since then is not undone.
    """
    turned = 0
    for partnership_id in list(due().order_by("id").values_list("pk", flat=True)):
        with transaction.atomic():
            try:
                partnership = lock_partnership(partnership_id)
            except NotVisible:
                continue
            if due().filter(pk=partnership_id).exists():
                turn(partnership, new, by=None, decided_on=today)
                turned += 1
    return turned


def ask_for_reports() -> int:
    """Asks both sides for the report of last year, once a year and partnership. Returns of how many
    partnerships.
    """
    today = database_now().date()
    if today.month < REPORTS_FROM_MONTH:
        return 0
    year = today.year - 1
    not_asked = Q(report_asked_for__isnull=True) | Q(report_asked_for__lt=year)
    due = with_health(
        Partnership.objects.filter(not_asked, status__in=_REPORTS, since__year__lte=year), today
    ).filter(reports_written__lt=2)
    asked = 0
    for partnership_id in list(due.order_by("id").values_list("pk", flat=True)):
        with transaction.atomic():
            if Partnership.objects.filter(not_asked, pk=partnership_id, status__in=_REPORTS).update(
                report_asked_for=year
            ):
                record(
                    Topic.PARTNERSHIP_REPORT_DUE,
                    subject=(Partnership, partnership_id),
                    by=None,
                    year=year,
                )
                asked += 1
    return asked
