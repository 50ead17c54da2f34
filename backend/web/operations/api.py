"""Staff: figures, scoring runs, weights, dead letters and the whole trail."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.cities.queries import whole_trail
from backend.common.errors import NotVisible
from backend.introductions.statistics import statistics_table
from backend.outbox.models import Event, Job
from backend.outbox.queries import dead_letters
from backend.outbox.services import retry_dead
from backend.suggestions.models import ScoringRun, WeightSet
from backend.suggestions.queries import recent_runs
from backend.suggestions.services import request_run
from backend.suggestions.services.weights import all_weights, promote_weights
from backend.web.access import Level, open_to
from backend.web.operations import serializers
from backend.web.operations.forms import EventFilters, FiguresForm
from backend.web.operations.serializers import (
    FiguresSerializer,
    WeightSetSerializer,
)
from backend.web.rest.base import ApiList, ApiView, current_user, read_filters
from backend.web.rest.idempotency import idempotent

# Staff: scoring runs, dead letters and the whole trail.


@open_to(GET=Level.STAFF, POST=Level.STAFF)
class RunsView(ApiList):
    """Scoring runs, the newest first."""

    serializer_class = serializers.RunSerializer

    def get_queryset(self) -> QuerySet[ScoringRun]:
        return recent_runs(current_user(self.request))

    @extend_schema(
        summary="Ask for a full scoring now",
        request=None,
        responses={202: serializers.RequestedSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return Response({"event_id": request_run(by=current_user(request)).pk}, status=202)


@open_to(GET=Level.STAFF)
class RunView(ApiView):
    @extend_schema(summary="One run with its progress", responses=serializers.RunSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        run = recent_runs(current_user(request)).filter(pk=run_id).first()
        if run is None:
            raise NotVisible
        return Response(serializers.RunSerializer(run).data)


@open_to(GET=Level.STAFF)
class DeadLettersView(ApiList):
    """Jobs that had their attempts, the latest first."""

    serializer_class = serializers.DeadLetterSerializer

    def get_queryset(self) -> QuerySet[Job]:
        return dead_letters()


@open_to(POST=Level.STAFF)
class RetryView(ApiView):
    @extend_schema(
        summary="Give a dead letter its attempts back",
        request=None,
        responses=serializers.RetriedSerializer,
    )
    @idempotent
    def post(self, request: Request, job_id: int) -> Response:
        return Response(
            serializers.RetriedSerializer(retry_dead(by=current_user(request), job_id=job_id)).data
        )


@open_to(GET=Level.STAFF)
class EventsView(ApiList):
    """What happened, the latest first."""

    serializer_class = serializers.EventSerializer
    filter_form = EventFilters

    def get_queryset(self) -> QuerySet[Event]:
        return whole_trail(current_user(self.request))


# Staff: versions of the weights, and which one is in force.


@open_to(GET=Level.STAFF)
class WeightSetsView(ApiList):
    """Versions of the weights, the newest first."""

    serializer_class = WeightSetSerializer

    def get_queryset(self) -> QuerySet[WeightSet]:
        return all_weights(current_user(self.request))


@open_to(POST=Level.STAFF)
class PromoteView(ApiView):
    @extend_schema(
        summary="Put a version of the weights in force",
        description="For the runs that begin from now on. 409 unless it is better calibrated than "
        "the weights in force.",
        request=None,
        responses=WeightSetSerializer,
    )
    @idempotent
    def post(self, request: Request, weight_set_id: int) -> Response:
        return Response(
            WeightSetSerializer(
                promote_weights(by=current_user(request), weight_set_id=weight_set_id)
            ).data
        )


# Staff: the figures of the overview.


@open_to(GET=Level.STAFF)
class FiguresView(ApiView):
    """`funnel`, `responses`, `exposure` or `stuck`."""

    filter_form = FiguresForm

    @extend_schema(
        summary="One table of the overview",
        responses=FiguresSerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        scope, by = read_filters(FiguresForm, request.query_params, paged=False).scope()
        table, rows = statistics_table(current_user(request), name, scope, by)
        return Response(
            {"name": name, "columns": table.columns, "rows": [list(row) for row in rows]}
        )
