"""What the web remembers of its own: which acts a client of the API has asked for under which key,
and which tables have changed since a page was made.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import connection, models


class IdempotencyKey(models.Model):
    """One act under a client's key, written in the commit of the act itself, with the answer that
    it got.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(
        blank=True, help_text="The answer as JSON; text, so that a repetition has the same bytes"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["user", "created_at"], name="idempotency_key_age")]


class TableVersion(models.Model):
    """How often a table that public pages show has changed: the sum over its rows here.

    Triggers count in the commit of the change itself. Each connection to the server has a row of
    its own, so that no two commits wait for each other.
    """

    WATCHED: ClassVar[frozenset[str]] = frozenset(
        {
            "cities_community",
            "cities_communitypicture",
            "cities_country",
            "cities_duesamount",
            "cities_existingpartnership",
            "cities_listedpartnership",
            "cities_membership",
            "cities_organisation",
            "cities_place",
            "cities_placename",
            "cities_profile",
            "cities_profileversion",
            "cities_referenceload",
            "cities_seekingentry",
            "introductions_agreement",
            "introductions_call",
            "introductions_partnership",
            "introductions_partnershipprocess",
            "introductions_signatory",
            "suggestions_pair",
        }
    )
    SUMS: ClassVar[str] = (
        "SELECT table_name, sum(changes)::bigint FROM web_tableversion GROUP BY table_name"
    )

    table_name = models.CharField(max_length=63)
    connection = models.IntegerField(help_text="Process id of the server's side; 0: of past ones")
    changes = models.BigIntegerField(help_text="Commits that changed the table")
    last_commit = models.BigIntegerField(help_text="Number of the last of these transactions")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["table_name", "connection"], name="table_version_once_per_connection"
            )
        ]


def merge_table_versions() -> None:
    """Adds up what connections that are closed have counted. No sum changes."""
    with connection.cursor() as cursor:
        cursor.execute("""
            WITH closed AS (
                DELETE FROM web_tableversion
                WHERE connection <> 0 AND connection NOT IN (SELECT pid FROM pg_stat_activity)
                RETURNING table_name, changes
            )
            INSERT INTO web_tableversion (table_name, connection, changes, last_commit)
            SELECT table_name, 0, sum(changes), 0 FROM closed GROUP BY table_name
            ON CONFLICT (table_name, connection)
            DO UPDATE SET changes = web_tableversion.changes + EXCLUDED.changes
        """)
