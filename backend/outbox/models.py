"""Events (audit trail and queue in one) and the work that follows from them. PostgreSQL is the
truth; the broker only wakes workers.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac

from backend.outbox.topics import topic_choices


def public_name(row: models.Model) -> str:
    """A name of the row for those who are not staff, always the same and in no order: 32
    hexadecimal digits.

    The numbers are the whole service's: from the gaps between one's own, one could read that
    somebody else has acted, and when.
    """
    return salted_hmac(row._meta.label_lower, str(row.pk), algorithm="sha256").hexdigest()[:32]


class Event(models.Model):
    """What happened, written in the same commit as the change itself. Immutable except
    for ``routed_at``.
    """

    id = models.BigAutoField(primary_key=True)
    topic = models.CharField(max_length=40, choices=topic_choices)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    community_id = models.BigIntegerField(
        null=True, help_text="The community whose trail this belongs to, if it belongs to one."
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: the service.",
    )
    payload = models.JSONField(default=dict)
    recorded_at = models.DateTimeField(auto_now_add=True)
    routed_at = models.DateTimeField(null=True, help_text="When the relay turned it into work.")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="event_unrouted", condition=Q(routed_at__isnull=True)),
            models.Index(fields=["subject_type", "subject_id", "id"], name="event_subject"),
            models.Index(fields=["community_id", "id"], name="event_community"),
            models.Index(fields=["topic", "id"], name="event_topic"),
        ]
        constraints = [
            # ``services.record`` takes no topic but those of topics.py; a list of them here would
            # need a migration for each new one.
            models.CheckConstraint(
                name="event_topic_is_a_name", condition=Q(topic__regex=r"^[a-z]+(_[a-z]+)*$")
            )
        ]

    @property
    def public_id(self) -> str:
        """Its name for those who are not staff."""
        return public_name(self)


class Job(models.Model):
    """One task to run for one key. Lease, attempts and outcome live here, not in the broker.

    ``key`` names what the task works on: at most one pending and one leased row share (task, key),
    so a burst of edits of one community makes one rescoring and at most one more behind it.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        LEASED = "leased"
        DONE = "done"
        DEAD = "dead"

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="jobs")
    task = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField(
        help_text="Not before this moment (back-off after a failure)."
    )
    leased_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(
        null=True, help_text="Only the holder of the token may finish the work."
    )
    published_at = models.DateTimeField(null=True, help_text="When the relay last published it.")
    finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task", "key"],
                condition=Q(status="pending"),
                name="job_one_pending_per_key",
            ),
            models.UniqueConstraint(
                fields=["task", "key"], condition=Q(status="leased"), name="job_one_leased_per_key"
            ),
            models.CheckConstraint(
                name="job_status_known",
                condition=Q(status__in=["pending", "leased", "done", "dead"]),
            ),
            models.CheckConstraint(
                name="job_lease_complete",
                condition=(
                    Q(status="leased")
                    & Q(leased_until__isnull=False)
                    & Q(lease_token__isnull=False)
                )
                | ~Q(status="leased"),
            ),
            models.CheckConstraint(
                name="job_finished_complete",
                condition=~Q(status__in=["done", "dead"]) | Q(finished_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["available_at"], name="job_pending", condition=Q(status="pending")
            ),
            models.Index(fields=["leased_until"], name="job_leased", condition=Q(status="leased")),
            models.Index(fields=["-finished_at"], name="job_dead", condition=Q(status="dead")),
        ]


class ScheduledTick(models.Model):
    """One row per periodic task and due time: two schedulers, or one and the sweep, open it
    once.
    """

    schedule = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    opened_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="scheduled_tick_once")
        ]


class Heartbeat(models.Model):
    """The last sign of life of a process that proves it can work: a worker that ran a task and
    wrote, a relay that swept.
    """

    name = models.CharField(primary_key=True, max_length=80)
    beat_at = models.DateTimeField()
