"""Staff: scoring runs, dead letters and the whole trail."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers import operations as shapes
from backend.api.views.base import ApiList, ApiView, person
from backend.cities.profile_queries import whole_trail
from backend.common.errors import NotVisible
from backend.outbox.models import Event, Work
from backend.outbox.queries import dead_letters
from backend.outbox.services import retry_dead
from backend.suggestions.models import ScoringRun
from backend.suggestions.queries import recent_runs
from backend.suggestions.services import request_run


class RunsView(ApiList):
    """Scoring runs, the newest first."""

    serializer_class = shapes.RunSerializer

    def get_queryset(self) -> QuerySet[ScoringRun]:
        self.filters()
        return recent_runs(person(self.request))

    @extend_schema(summary="Ask for a full scoring now", request=None, responses={202: shapes.RequestedSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        return Response({"event_id": request_run(by=person(request)).pk}, status=202)


class RunView(ApiView):
    @extend_schema(summary="One run with its progress", responses=shapes.RunSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        run = recent_runs(person(request)).filter(pk=run_id).first()
        if run is None:
            raise NotVisible
        return Response(shapes.RunSerializer(run).data)


class DeadLettersView(ApiList):
    """Work that had its attempts, the latest first."""

    serializer_class = shapes.DeadLetterSerializer

    def get_queryset(self) -> QuerySet[Work]:
        self.filters()
        return dead_letters()


class RetryView(ApiView):
    @extend_schema(summary="Give a dead letter its attempts back", request=None, responses=shapes.RetriedSerializer)
    @idempotent
    def post(self, request: Request, work_id: int) -> Response:
        return Response(shapes.RetriedSerializer(retry_dead(by=person(request), work_id=work_id)).data)


class EventsView(ApiList):
    """What happened, the latest first."""

    serializer_class = shapes.EventSerializer
    filter_serializer = shapes.EventFilters

    def get_queryset(self) -> QuerySet[Event]:
        return whole_trail(person(self.request)).filter(**self.filters())
