"""The sample world: real communities with their real facts and invented profiles, plainly marked,
for trying the service out.

Production never runs over a database that holds sample accounts: their password is shared.
"""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection

from backend.accounts.models import User
from backend.cities.models import Community


def holds_sample_accounts() -> bool:
    """True if the database holds an account or a community of the sample world."""
    return (
        User.objects.filter(is_sample=True).exists()
        or Community.objects.filter(is_sample=True).exists()
    )


def refuse_sample_in_production() -> None:
    """Called by every process that serves (web, worker, beat, relay) as it starts. Does nothing
    outside of production.

    Raises:
        ImproperlyConfigured: these are production's settings, and the database holds sample
        accounts. django.db.OperationalError: the database cannot be asked; nothing starts on a
        guess.
    """
    if not settings.PRODUCTION:
        return
    try:
        found = holds_sample_accounts()
    except ProgrammingError:
        return  # not migrated yet: no tables, no sample
    finally:
        if not connection.in_atomic_block:
            connection.close()  # the process may fork after this
    if found:
        raise ImproperlyConfigured(
            "The database holds the sample world, whose accounts share one password; "
            "production does not start over it. "
            "Set DATABASE_URL to an empty database and run: python3 manage.py migrate"
        )
