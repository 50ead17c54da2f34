from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from tasks.app import QUEUES


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The real broker, empty before and after."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def queued(broker: redis.Redis):
    """How many messages wait for a worker."""
    return lambda queue=None: sum(broker.llen(name) for name in ([queue] if queue else QUEUES))
