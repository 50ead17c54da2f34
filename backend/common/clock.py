"""The one clock of effects: the database's. A host whose clock is off must not expire or repeat
anything.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection


def database_now() -> dt.datetime:
    """The start of the current transaction by the database's clock (timezone-aware, UTC)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: dt.datetime = cursor.fetchone()[0]
    return moment
