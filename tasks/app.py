"""The Celery application. The broker only carries "look at this row": what is to be done, by whom
and how often is in PostgreSQL.
"""

from __future__ import annotations

import os
from typing import Any

import django
from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import beat_init, setup_logging, worker_init, worker_process_init
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from kombu import Queue
from kombu.connection import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
# Started as `celery -A tasks.app`, without manage.py: what is imported next reads models.
if not apps.ready:
    django.setup()

from backend.cities.sample import refuse_sample_in_production
from backend.runtime import processes
from tasks.schedule import beat_schedule

HARD_LIMIT_SECONDS = 300
QUEUE = "work"
# A thousand mails must not delay the rescoring that somebody waits for, nor hundreds of
# notices before the shards of a run: workers take from the queues in turn.
MAIL_QUEUE = "mail"
RUN_QUEUE = "runs"
# What a person waits for. A worker of its own takes from this queue alone (`--queues prompt`), so
# that neither runs nor mails can fill it; the other workers take from it in turn too.
PROMPT_QUEUE = "prompt"
QUEUES = (PROMPT_QUEUE, RUN_QUEUE, QUEUE, MAIL_QUEUE)


class PromptConnection(Connection):
    """Reconnects within seconds of the broker: by default a worker waits up to half a minute
    between two attempts.
    """

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        options.setdefault("interval_start", 1)
        options.setdefault("interval_step", 1)
        options.setdefault("interval_max", 3)
        return super()._ensure_connection(*args, **options)


class PromptAMQP(AMQP):
    Connection = PromptConnection


app = Celery("tasks", amqp=PromptAMQP, set_as_current=True)
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # A killed worker's messages come back after the visibility timeout; until then the leases in
    # PostgreSQL and the relay hand the work on.
    broker_transport_options={
        "visibility_timeout": HARD_LIMIT_SECONDS * 2 + 120,
        "queue_order_strategy": "round_robin",
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_keepalive": True,
    },
    task_default_queue=QUEUE,
    task_queues=[Queue(name) for name in QUEUES],
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=HARD_LIMIT_SECONDS,
    task_soft_time_limit=HARD_LIMIT_SECONDS - 30,
    task_publish_retry=False,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    worker_max_tasks_per_child=2000,
    worker_max_memory_per_child=1_500_000,  # KiB
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    imports=["tasks.jobs", "tasks.handlers"],
    beat_schedule=beat_schedule(),
    timezone="UTC",
    enable_utc=True,
)


def is_prompt_worker() -> bool:
    """Whether this process is, or belongs to, a worker that takes from the prompt queue alone."""
    return set(app.amqp.queues.consume_from) == {PROMPT_QUEUE}


@setup_logging.connect
def _log_like_the_rest(**_: Any) -> None:
    """Django's logging is set up already; a receiver here keeps Celery from putting its own beside
    it.
    """


@worker_init.connect
@beat_init.connect
def _refuse_sample(**_: Any) -> None:
    """Celery logs what a receiver raises and goes on; only this ends the process."""
    try:
        refuse_sample_in_production()
    except (ImproperlyConfigured, OperationalError) as error:
        raise SystemExit(f"error: {error}") from None


@worker_init.connect
def _import_once(**_: Any) -> None:
    """Before the pool forks, so that its children share the libraries and no first change waits for
    them. Prompt jobs need none of them.
    """
    if not is_prompt_worker():
        warm()


def warm() -> None:
    """Imports the engine whole. Neither relay nor beat needs it, so it is not imported above."""
    from backend.suggestions.scoring.engine import warm as warm_engine

    warm_engine()


@worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    """A killed worker leaves no child process that goes on working unnoticed."""
    processes.die_with_parent(parent=os.getppid())
