"""Events and the change they tell of are one commit, and nobody rewrites them."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from tests.factories import CommunityFactory, UserFactory


@pytest.mark.django_db
def test_record_keeps_who_what_and_whose_trail() -> None:
    community, user = CommunityFactory(), UserFactory()

    event = record(
        Topic.COMMUNITY_REGISTERED, subject=community, by=user, community_id=community.pk, note=3
    )

    event.refresh_from_db()
    assert (event.subject_type, event.subject_id, event.by, event.community_id) == (
        "community",
        community.pk,
        user,
        community.pk,
    )
    assert event.payload == {"note": 3}
    assert event.routed_at is None


@pytest.mark.django_db(transaction=True)
def test_record_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError, match="community_registered"):
        record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)

    assert not Event.objects.exists()


@pytest.mark.django_db
def test_record_of_an_unsaved_row_is_refused() -> None:
    with pytest.raises(ValueError, match="save it first"):
        record(
            Topic.COMMUNITY_REGISTERED,
            subject=CommunityFactory.build(
                country=None, place=None, admin1="", latitude=0, longitude=0, timezone=""
            ),
            by=None,
        )


@pytest.mark.django_db(transaction=True)
def test_rollback_leaves_neither_event_nor_notification() -> None:
    with psycopg.connect(**_parameters(), autocommit=True) as listener:
        listener.execute("LISTEN outbox")
        with transaction.atomic():
            record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)
            transaction.set_rollback(True)
        heard_after_rollback = list(listener.notifies(timeout=0.2, stop_after=1))
        with transaction.atomic():
            record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)
        heard_after_commit = list(listener.notifies(timeout=5, stop_after=1))

    assert heard_after_rollback == []
    assert len(heard_after_commit) == 1
    assert Event.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"payload": {"x": 1}}, {"subject_id": 9}, {"topic": Topic.RUN_BEGUN}]
)
def test_event_cannot_be_rewritten(change: dict[str, object]) -> None:
    event = record(Topic.COMMUNITY_REGISTERED, subject=("community", 1), by=None)

    with pytest.raises(DatabaseError, match="audit trail"), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(**change)
    with pytest.raises(DatabaseError, match="audit trail"), transaction.atomic():
        event.delete()


def _parameters() -> dict[str, object]:
    wanted = ("host", "port", "user", "password", "dbname")
    return {
        key: value for key, value in connection.get_connection_params().items() if key in wanted
    }
