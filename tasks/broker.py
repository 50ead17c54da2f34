"""The one place that publishes to the broker. Only the relay calls it: a broker that hangs must
delay nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
from django.conf import settings

from tasks.app import QUEUE, app

TIMEOUT_SECONDS = 2.0
BROKER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    redis.RedisError,
    *app.connection_for_write().connection_errors,
)
_IMPATIENT: dict[str, Any] = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "retry_on_timeout": False,
    "max_retries": 0,
    "interval_start": 0,
}


def queue_length(queue: str) -> int:
    """How many messages wait for a worker. Raises one of BROKER_ERRORS."""
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=None,
    )
    try:
        return int(client.llen(queue))
    finally:
        client.close()


def publish_jobs(job_ids: Sequence[int], queue: str = QUEUE) -> None:
    """Publishes these rows to the workers.

    Each call makes a connection of its own: it declares the queue again, which a broker that came
    back empty has forgotten. Raises one of BROKER_ERRORS; then any of the messages may or may not
    be there, which does no harm.
    """
    connection = app.connection_for_write(
        transport_options={**app.conf.broker_transport_options, **_IMPATIENT}
    )
    with connection, connection.Producer(auto_declare=True) as producer:
        for job_id in job_ids:
            app.send_task(
                "run_job_task", args=[job_id], queue=queue, producer=producer, retry=False
            )
