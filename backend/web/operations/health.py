"""Is it alive, can it work, how is it doing: three addresses for machines.

They need no sign-in and hold nothing about people or communities: states, ages in seconds, counts,
and the names of views. Counts tell when somebody acts, so only the operator's machines read them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.common.postgresql.base import server_answers
from backend.outbox.models import Event, Heartbeat, Job
from backend.outbox.queries import heartbeat_age, oldest_waiting_age
from backend.web.access import Level, open_to

BROKER_SECONDS = 0.8
DATABASE_SECONDS = 0.8
# A worker beats every ten seconds and the relay at each sweep: these leave room for a slow minute,
# not for a dead process.
OLDEST_HEARTBEAT = {"worker": 60.0, "relay": 30.0}
# A job waits a minute after a failed attempt at most; what waits for longer is not being run.
OLDEST_OUTBOX = 120.0
Part = dict[str, Any]


def _database() -> Part:
    if not server_answers(connection.get_connection_params(), DATABASE_SECONDS):
        raise OperationalError
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"ok": True}


def _broker() -> Part:
    """Asks for a PING, once, within a second: a frozen server accepts connections and never
    answers.
    """
    address = settings.REDIS_URL.replace("redis+socket://", "unix://")
    limits = {
        "socket_timeout": BROKER_SECONDS,
        "socket_connect_timeout": BROKER_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    try:
        with redis.Redis.from_url(address, **limits) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        return {"ok": False, "problem": type(error).__name__}
    return {"ok": True}


def _heartbeat(name: str) -> Part:
    age = heartbeat_age(name)
    if age is None:
        return {"ok": False, "problem": "no sign of life yet"}
    seconds = round(age.total_seconds(), 1)
    return {"ok": seconds <= OLDEST_HEARTBEAT[name], "age_seconds": seconds}


def _outbox() -> Part:
    # After a large run mails wait their turn for minutes, and nothing is wrong; /metrics counts
    # them.
    age = oldest_waiting_age(besides=("deliver",))
    seconds = round(age.total_seconds(), 1) if age else 0.0
    return {"ok": seconds <= OLDEST_OUTBOX, "oldest_seconds": seconds}


_PARTS: dict[str, Callable[[], Part]] = {
    "database": _database,
    "broker": _broker,
    "worker": lambda: _heartbeat("worker"),
    "relay": lambda: _heartbeat("relay"),
    "outbox": _outbox,
}
_READ_FROM_DATABASE = {"worker", "relay", "outbox"}


@open_to(Level.PUBLIC)
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@open_to(Level.PUBLIC)
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part can do its work; else 503, with the parts that cannot. How long ago
    work was asked for or done is for the operator's machines alone: it shows when somebody acts.
    """
    parts: dict[str, Part] = {}
    for name, check in _PARTS.items():
        if name in _READ_FROM_DATABASE and not parts["database"]["ok"]:
            parts[name] = {"ok": False, "problem": "not known without the database"}
            continue
        try:
            parts[name] = check()
        except DatabaseError as error:
            parts[name] = {"ok": False, "problem": type(error).__name__}
    if not _is_operator(request):
        for part in parts.values():
            part.pop("oldest_seconds", None)
            part.pop("age_seconds", None)
    ready = all(part["ok"] for part in parts.values())
    response = JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)
    # A probe asks again and again; its answer is no error of ours to log each time.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


@open_to(Level.PUBLIC)
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: requests and queries of this web process, and the outbox as the database
    knows it. 404 for others than the operator's machines.
    """
    if not _is_operator(request):
        raise Http404
    response: HttpResponse = ExportToDjangoView(request)
    return response


def _is_operator(request: HttpRequest) -> bool:
    """Bearer of METRICS_TOKEN; without one, a private address that no proxy speaks for."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    forwarded = any(
        name in request.headers
        for name in ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip")
    )
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_private and not forwarded


class OutboxCollector(Collector):
    """Gauges read at each scrape. Without a database there is ``csc_database_up 0`` and no
    other.
    """

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            gauges = list(_outbox_gauges())
        except DatabaseError:
            gauges = []
        yield GaugeMetricFamily(
            "csc_database_up", "Whether the database answers.", value=1 if gauges else 0
        )
        yield from gauges


def _outbox_gauges() -> Iterator[GaugeMetricFamily]:
    age = oldest_waiting_age()
    yield GaugeMetricFamily(
        "csc_outbox_oldest_seconds",
        "Age of the oldest event or work that waits.",
        value=age.total_seconds() if age else 0,
    )
    unrouted = Event.objects.filter(routed_at__isnull=True).count()
    yield GaugeMetricFamily(
        "csc_outbox_unrouted_events", "Events that the relay has not seen.", value=unrouted
    )
    open_statuses = (Job.Status.PENDING, Job.Status.LEASED, Job.Status.DEAD)
    counts = dict(
        Job.objects.filter(status__in=open_statuses)
        .values_list("status")
        .annotate(Count("id"))
        .order_by()
    )
    work = GaugeMetricFamily(
        "csc_outbox_jobs", "Jobs by status; dead ones wait for staff.", labels=["status"]
    )
    for status in open_statuses:
        work.add_metric([str(status.value)], counts.get(status.value, 0))
    yield work
    beats = GaugeMetricFamily(
        "csc_heartbeat_age_seconds", "Time since the last sign of life.", labels=["name"]
    )
    for name in Heartbeat.objects.order_by("name").values_list("name", flat=True):
        seconds = heartbeat_age(name)
        if seconds is not None:
            beats.add_metric([name], seconds.total_seconds())
    yield beats


REGISTRY.register(OutboxCollector())
