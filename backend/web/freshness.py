"""What time does to a profile, in words for its owner."""

from __future__ import annotations

import calendar
import datetime as dt

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from backend.cities.models import Profile
from backend.common.clock import database_now


def freshness_words(profile: Profile) -> str:
    """What time will do to the profile next, in one sentence; empty where nothing does."""
    today = database_now().date()
    if profile.status == Profile.Status.PAUSED and profile.paused_until:
        day = date_format(profile.paused_until, "DATE_FORMAT")
        return _("It is paused, and seeks again by itself on %(day)s.") % {"day": day}
    if profile.status == Profile.Status.PAUSED:
        return _("It is paused: no new suggestions until you resume.")
    if profile.confirmed_at is None or profile.status not in (Profile.Status.PUBLISHED, Profile.Status.STALE):
        return ""
    stale_on = months_after(profile.confirmed_at.date(), settings.PROFILES["stale_months"])
    out_on = months_after(profile.confirmed_at.date(), settings.PROFILES["unsuggested_months"])
    if today >= out_on:
        return _("It gets no new suggestions, because nobody has confirmed it for so long. One click brings it back.")
    if today >= stale_on:
        return _("On %(day)s it stops getting new suggestions, unless you confirm it.") % {"day": date_format(out_on, "DATE_FORMAT")}
    return _("On %(day)s we ask you whether it is still true.") % {"day": date_format(stale_on, "DATE_FORMAT")}


def months_after(day: dt.date, months: int) -> dt.date:
    """The same day of a later month, or that month's last, as PostgreSQL counts."""
    years, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return dt.date(day.year + years, month + 1, min(day.day, last))
