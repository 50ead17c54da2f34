"""Events, work, messages and their deliveries."""

from __future__ import annotations

import datetime as dt

import factory
from factory.django import DjangoModelFactory

from backend.notifications.models import Delivery, Notification
from backend.outbox.models import Event, Heartbeat, Job
from backend.outbox.topics import Topic
from tests.factories.accounts import UserFactory
from tests.factories.communities import CommunityFactory
from tests.factories.documents import MOMENT


class EventFactory(DjangoModelFactory):
    class Meta:
        model = Event

    topic = Topic.PROFILE_PUBLISHED
    subject_type = "profile"
    subject_id = 1


class JobFactory(DjangoModelFactory):
    class Meta:
        model = Job

    task = "deliver"
    key = factory.Sequence(str)
    available_at = MOMENT


class HeartbeatFactory(DjangoModelFactory):
    class Meta:
        model = Heartbeat

    name = "worker"
    beat_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC))


class NotificationFactory(DjangoModelFactory):
    class Meta:
        model = Notification

    recipient = factory.SubFactory(UserFactory)
    kind = "profile_published"
    community = factory.SubFactory(CommunityFactory)
    event = factory.SubFactory(EventFactory)


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = Delivery

    notification = factory.SubFactory(NotificationFactory)
