"""What the two did together, and how each side saw the year."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb, may
from backend.accounts.models import User
from backend.cities.permissions import actor_kind
from backend.common.bounds import longest
from backend.common.dates import database_now, months_before
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.introductions.models import Activity, Partnership, YearlyReport
from backend.introductions.models.partnerships import MOST_PEOPLE
from backend.introductions.queries.partnerships import DORMANT_MONTHS
from backend.introductions.services.locks import lock_partnership_as_side
from backend.introductions.services.partnerships import change_status
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.sides import pair_day

_P = Partnership.Status
_REPORT_PARTS = ("achieved", "difficulties", "plans")


def _require_not_over(partnership: Partnership) -> None:
    if partnership.status in (_P.ENDED, _P.EMERITUS):
        raise WrongState(_("This partnership is at rest; nothing is written in it any more."))


@transaction.atomic
def log_activity(
    *,
    by: User,
    partnership_id: int,
    community_id: int,
    kind: str,
    happened_on: dt.date,
    text: str,
    own_people: int = 0,
    other_people: int = 0,
) -> Activity:
    """Either side writes down a visit, an exchange or a project. A recent one wakes a partnership
    that was dormant.

    Args:
        own_people, other_people: how many of each side took part.

    Raises:
        NotVisible: not of that side. InvalidFields. WrongState: the partnership has ended.
    """
    partnership = lock_partnership_as_side(
        partnership_id, community_id, by, Verb.CREATE, Resource.ACTIVITY
    )
    _require_not_over(partnership)
    today = pair_day(partnership.pair)
    _check_activity(partnership, kind, happened_on, text, (own_people, other_people), today)
    first = partnership.pair.a_id == community_id
    activity = Activity.objects.create(
        partnership=partnership,
        community_id=community_id,
        kind=kind,
        happened_on=happened_on,
        text=text.strip(),
        people_a=own_people if first else other_people,
        people_b=other_people if first else own_people,
        by=by,
    )
    record(
        Topic.PARTNERSHIP_ACTIVITY_LOGGED,
        subject=partnership,
        by=by,
        community_id=community_id,
        activity=activity.pk,
        kind=kind,
    )
    if happened_on >= months_before(today, DORMANT_MONTHS):
        _wake(partnership, by, community_id, today)
    return activity


def _check_activity(
    partnership: Partnership,
    kind: str,
    day: dt.date,
    text: str,
    people: tuple[int, int],
    today: dt.date,
) -> None:
    errors = {}
    if kind not in Activity.Kind.values:
        errors["kind"] = [_("Choose what it was.")]
    if not partnership.since <= day <= today:
        errors["happened_on"] = [
            _("Choose a day between the beginning of the partnership and today.")
        ]
    if not text.strip() or len(text) > longest(Activity, "text") or "\x00" in text:
        errors["text"] = [_("Say in 1 to 4,000 characters what you did.")]
    for path, number in zip(("own_people", "other_people"), people, strict=True):
        if not 0 <= number <= MOST_PEOPLE:
            errors[path] = [_("Write a number from 0 to 100,000.")]
    if errors:
        raise InvalidFields(errors)


def _wake(partnership: Partnership, by: User, community_id: int, today: dt.date) -> None:
    """A common activity ends dormancy: through revitalising to active."""
    if partnership.status == _P.DORMANT:
        change_status(
            partnership,
            _P.REVITALISING,
            by=by,
            community_id=community_id,
            decided_on=today,
            awake_since=today,
        )
    if partnership.status == _P.REVITALISING:
        change_status(partnership, _P.ACTIVE, by=by, community_id=community_id, decided_on=today)


@transaction.atomic
def retract_activity(*, by: User, activity_id: int, community_id: int) -> Activity:
    """Takes an entry of one's own side back: its writer, an official or the chair. The row stays
    and is counted no more.

    Raises:
        NotVisible: not theirs. WrongState: taken back already, or the partnership has ended.
    """
    found = Activity.objects.filter(pk=activity_id, community_id=community_id).first()
    if found is None or not (
        may(actor_kind(by, community_id), Verb.DELETE, Resource.ACTIVITY) or found.by_id == by.pk
    ):
        raise NotVisible
    partnership = lock_partnership_as_side(
        found.partnership_id, community_id, by, Verb.CREATE, Resource.ACTIVITY
    )
    _require_not_over(partnership)
    taken = Activity.objects.filter(pk=activity_id, retracted_at__isnull=True)
    if not taken.update(retracted_at=database_now(), retracted_by=by):
        raise WrongState(_("This entry is taken back already."))
    record(
        Topic.PARTNERSHIP_ACTIVITY_RETRACTED,
        subject=partnership,
        by=by,
        community_id=community_id,
        activity=activity_id,
    )
    found.refresh_from_db()
    return found


@transaction.atomic
def save_report(
    *,
    by: User,
    partnership_id: int,
    community_id: int,
    year: int,
    achieved: str,
    difficulties: str = "",
    plans: str = "",
) -> YearlyReport:
    """One side's report of one year; saving it again replaces its words.

    Raises:
        NotVisible: not theirs to write. InvalidFields: by field. WrongState: the partnership has
            ended.
    """
    partnership = lock_partnership_as_side(
        partnership_id, community_id, by, Verb.ACT, Resource.PARTNERSHIP_DECISION
    )
    _require_not_over(partnership)
    texts = dict(zip(_REPORT_PARTS, (achieved, difficulties, plans), strict=True))
    errors = {
        path: [_("Write at most 4,000 characters.")]
        for path, text in texts.items()
        if len(text) > longest(YearlyReport, path) or "\x00" in text
    }
    if not achieved.strip():
        errors["achieved"] = [_("Say in a few sentences what you achieved.")]
    if not partnership.since.year <= year <= database_now().year:
        errors["year"] = [_("Choose a year of this partnership that has begun.")]
    if errors:
        raise InvalidFields(errors)
    words = {path: text.strip() for path, text in texts.items()}
    report, _made = YearlyReport.objects.update_or_create(
        partnership=partnership, community_id=community_id, year=year, defaults={**words, "by": by}
    )
    record(
        Topic.PARTNERSHIP_REPORT_SAVED,
        subject=partnership,
        by=by,
        community_id=community_id,
        year=year,
    )
    return report
