"""The database's clock, and the one arithmetic of calendar months."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from dateutil.relativedelta import relativedelta
from django.db import connection
from django.db.models import DateTimeField, F, Func, Value

# The one clock of effects: the database's. A host whose clock is off must not expire or repeat
# anything.


def database_now() -> dt.datetime:
    """The start of the current transaction by the database's clock (timezone-aware, UTC)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: dt.datetime = cursor.fetchone()[0]
    return moment


# The one arithmetic of calendar months, in Python and in SQL.
#
# A month later is the same day of the next month, or that month's last day: 31 January plus one
# month is 28 (or 29) February. python-dateutil and PostgreSQL count in the same way, in UTC.


Day = TypeVar("Day", dt.date, dt.datetime)


def months_after(day: Day, months: int) -> Day:
    """The same day (and time) that many months later, or the last day of a shorter month."""
    return day + relativedelta(months=months)


def months_before(day: Day, months: int) -> Day:
    """The same day (and time) that many months earlier, or the last day of a shorter month."""
    return day - relativedelta(months=months)


def years_after(day: Day, years: int) -> Day:
    """The same day that many years later; 28 February for 29 February where there is none."""
    return months_after(day, 12 * years)


def whole_months(first: dt.date, last: dt.date) -> int:
    """The months that are complete between two days."""
    passed = relativedelta(last, first)
    return 12 * passed.years + passed.months


class MonthsAfter(Func):
    """``months_after`` of a column of moments, computed by the database."""

    template = "(%(expressions)s))"
    arg_joiner = " + make_interval(months => "
    output_field = DateTimeField()

    def __init__(self, moment: str | Value | F, months: int, **extra: Any) -> None:
        super().__init__(moment, Value(months), **extra)
