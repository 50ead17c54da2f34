"""The schedule, static: which periodic task is due when. Each due time is a row, a scheduled tick,
so two schedulers, or one and the relay's sweep, open it once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from backend.common.dates import database_now
from backend.outbox.models import Event
from backend.outbox.services import open_tick

_EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HEARTBEAT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """One periodic task, every ``period``, ``offset`` after its beginning (UTC: no hour comes
    twice or never).
    """

    task: str
    period: dt.timedelta
    offset: dt.timedelta = dt.timedelta(0)

    def tick_at(self, moment: dt.datetime) -> dt.datetime:
        """The latest due time at ``moment`` or before."""
        passed = (moment - _EPOCH - self.offset) // self.period
        return _EPOCH + self.offset + passed * self.period

    def seconds_to_next(self, moment: dt.datetime) -> float:
        return (self.tick_at(moment) + self.period - moment).total_seconds()


_DAY = dt.timedelta(days=1)
PERIODIC_TASKS: dict[str, PeriodicTask] = {
    "score_nightly": PeriodicTask("begin_run", _DAY, dt.timedelta(hours=2, minutes=30)),
    "expire_suggestions": PeriodicTask(
        "expire_suggestions", dt.timedelta(hours=1), dt.timedelta(minutes=5)
    ),
    "answer_partner_requests": PeriodicTask(
        "answer_partner_requests", dt.timedelta(hours=1), dt.timedelta(minutes=10)
    ),
    "remind_of_expiry": PeriodicTask("remind_of_expiry", _DAY, dt.timedelta(hours=8, minutes=20)),
    "ask_follow_ups": PeriodicTask("ask_follow_ups", _DAY, dt.timedelta(hours=8, minutes=40)),
    # The days of an exclusion rule are those of UTC
    "enforce_exclusion_rules": PeriodicTask(
        "enforce_exclusion_rules", _DAY, dt.timedelta(minutes=1)
    ),
    "mark_stale_profiles": PeriodicTask(
        "mark_stale_profiles", _DAY, dt.timedelta(hours=1, minutes=15)
    ),
    "expire_invitations": PeriodicTask(
        "expire_invitations", _DAY, dt.timedelta(hours=3, minutes=35)
    ),
    "update_memberships": PeriodicTask(
        "update_memberships", _DAY, dt.timedelta(hours=1, minutes=30)
    ),
    "update_partnerships": PeriodicTask(
        "update_partnerships", _DAY, dt.timedelta(hours=1, minutes=45)
    ),
    "announce_matches": PeriodicTask("announce_matches", _DAY, dt.timedelta(hours=7, minutes=10)),
    "clear_old_rows": PeriodicTask("clear_old_rows", _DAY, dt.timedelta(hours=4, minutes=45)),
}


def open_due_tick(schedule: str) -> Event | None:
    """Opens the latest due time of a periodic task by the database's clock; None if it has been
    opened already. Raises KeyError for an unknown name.
    """
    return open_tick(schedule, PERIODIC_TASKS[schedule].tick_at(database_now()))


def beat_schedule() -> dict[str, dict[str, Any]]:
    """What Celery's beat fires, and when."""
    from celery.schedules import crontab

    entries: dict[str, dict[str, Any]] = {
        "heartbeat": {
            "task": "give_heartbeat",
            "schedule": HEARTBEAT_SECONDS,
            "options": {"expires": 60},
        }
    }
    for name, periodic in PERIODIC_TASKS.items():
        minute, hour = periodic.offset.seconds // 60 % 60, periodic.offset.seconds // 3600
        when = crontab(minute=minute, hour=hour if periodic.period == _DAY else "*")
        entries[name] = {
            "task": "open_tick",
            "schedule": when,
            "args": [name],
            "options": {"expires": 3600},
        }
    return entries
