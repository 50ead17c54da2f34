"""The times that somebody proposes, as they write them, become moments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from backend.common.dates import years_after
from backend.common.errors import InvalidFields
from backend.common.local_times import RepeatedTime, SkippedTime, instant

FEWEST, MOST = 2, 5


def read_times(times: Sequence[str], zone: ZoneInfo | None, now: dt.datetime) -> list[dt.datetime]:
    """Two to five different moments (UTC), in order. A time without an offset is local to ``zone``.

    Raises InvalidFields, by ``times`` or ``times.<index>``, each with what to write instead.
    """
    errors: dict[str, list[str]] = {}
    moments = []
    for index, text in enumerate(times):
        try:
            moment = _moment(text, zone)
        except (ValueError, OverflowError) as wrong:
            errors[f"times.{index}"] = [_words(wrong)]
            continue
        if not now < moment <= years_after(now, 1):
            errors[f"times.{index}"] = [_("Choose a time from now on, within a year.")]
        elif moment in moments:
            errors[f"times.{index}"] = [_("This time is proposed twice; choose another one.")]
        moments.append(moment)
    if not errors and not FEWEST <= len(times) <= MOST:
        errors["times"] = [_("Propose two to five times.")]
    if errors:
        raise InvalidFields(errors)
    return sorted(moments)


def _moment(text: str, zone: ZoneInfo | None) -> dt.datetime:
    parsed = dt.datetime.fromisoformat(text)
    if parsed.tzinfo is not None:
        return parsed.astimezone(dt.UTC)
    if zone is None:
        raise ValueError
    return instant(parsed.replace(second=0, microsecond=0), zone)


def _words(wrong: ValueError | OverflowError) -> str:
    if isinstance(wrong, SkippedTime):
        words = _(
            "On this day the clocks go forward from %(before)s to %(after)s, so this time does not exist. Choose another one."
        )
        return words % {"before": f"{wrong.before:%H:%M}", "after": f"{wrong.after:%H:%M}"}
    if isinstance(wrong, RepeatedTime):
        words = _(
            "On this day the clocks go back and this time comes twice. Choose %(before)s or earlier, or %(after)s or later."
        )
        return words % {"before": f"{wrong.before:%H:%M}", "after": f"{wrong.after:%H:%M}"}
    return _("Write date and time, for example 2027-03-15T14:00.")
