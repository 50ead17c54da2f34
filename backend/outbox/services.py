"""Writing the trail: every change records its event in its own commit, and the relay turns events into work."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, models
from django.db.transaction import TransactionManagementError

from backend.outbox.models import Event
from backend.outbox.topics import Topic

Subject = models.Model | tuple[type[models.Model], int]


def record(topic: Topic, *, subject: Subject, by: AbstractBaseUser | None, community_id: int | None = None, **payload: Any) -> Event:
    """Writes what happened, in the transaction that makes it happen: no change without its event, no event without its change.

    ``subject`` is the row that it happened to, or its (model, id); ``by`` is who did it, None for the service itself;
    ``community_id`` names the community whose trail it belongs to; ``payload`` holds ids, counts and codes (JSON), never free text
    of a person.

    Raises:
        TransactionManagementError: there is no transaction, so the change could be lost without its event or the other way round.
        ValueError: the subject has no id yet.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError(f"The event {topic} must be recorded inside the transaction of its change.")
    model, subject_id = subject if isinstance(subject, tuple) else (type(subject), subject.pk)
    if subject_id is None:
        raise ValueError(f"The subject of {topic} has no id yet; save it first.")
    return Event.objects.create(
        topic=topic, subject_type=model._meta.model_name, subject_id=subject_id, by=by, community_id=community_id, payload=payload
    )
