"""The schedule, static: which job is due when. A slot is a row, so two beats, or a beat and the
relay's sweep, open it once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from backend.common.dates import database_now
from backend.outbox.models import Event
from backend.outbox.services import open_slot

_EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HEARTBEAT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of upkeep, every ``period``, ``offset`` after its beginning (UTC: no hour comes
    twice or never).
    """

    task: str
    period: dt.timedelta
    offset: dt.timedelta = dt.timedelta(0)

    def slot_at(self, moment: dt.datetime) -> dt.datetime:
        """The latest slot that has begun at ``moment``."""
        passed = (moment - _EPOCH - self.offset) // self.period
        return _EPOCH + self.offset + passed * self.period

    def seconds_to_next(self, moment: dt.datetime) -> float:
        return (self.slot_at(moment) + self.period - moment).total_seconds()


_DAY = dt.timedelta(days=1)
JOBS: dict[str, Job] = {
    "score_nightly": Job("begin_run", _DAY, dt.timedelta(hours=2, minutes=30)),
    "expire_suggestions": Job("expire_suggestions", dt.timedelta(hours=1), dt.timedelta(minutes=5)),
    "remind_of_expiry": Job("remind_of_expiry", _DAY, dt.timedelta(hours=8, minutes=20)),
    "enforce_exclusion_rules": Job(
        "enforce_exclusion_rules", _DAY, dt.timedelta(minutes=1)
    ),  # a bar's days are those of UTC
    "mark_stale_profiles": Job("mark_stale_profiles", _DAY, dt.timedelta(hours=1, minutes=15)),
    "expire_invitations": Job("expire_invitations", _DAY, dt.timedelta(hours=3, minutes=35)),
    "keep_memberships": Job("keep_memberships", _DAY, dt.timedelta(hours=1, minutes=30)),
    "look_after_partnerships": Job(
        "look_after_partnerships", _DAY, dt.timedelta(hours=1, minutes=45)
    ),
    "clear_old_rows": Job("clear_old_rows", _DAY, dt.timedelta(hours=4, minutes=45)),
}


def open_due_slot(job: str) -> Event | None:
    """Opens the job's current slot by the database's clock; None when that has been done. Raises
    KeyError for an unknown job.
    """
    return open_slot(job, JOBS[job].slot_at(database_now()))


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
    for name, job in JOBS.items():
        minute, hour = job.offset.seconds // 60 % 60, job.offset.seconds // 3600
        when = crontab(minute=minute, hour=hour if job.period == _DAY else "*")
        entries[name] = {
            "task": "open_slot",
            "schedule": when,
            "args": [name],
            "options": {"expires": 3600},
        }
    return entries
