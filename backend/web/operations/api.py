"""Staff: statistics, scoring runs, weights, dead letters and the whole trail."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request

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
from backend.web.operations.forms import EventFilters, StatisticsForm
from backend.web.operations.serializers import FiguresSerializer, WeightSetSerializer
from backend.web.rest.base import ApiList, ApiView, current_user, operation, read_filters


@open_to(GET=Level.STAFF, POST=Level.STAFF)
class RunsView(ApiList):
    """Scoring runs, the newest first."""

    serializer_class = serializers.RunSerializer

    def get_queryset(self) -> QuerySet[ScoringRun]:
        return recent_runs(current_user(self.request))

    @operation("Ask for a full scoring now", serializers.RequestedSerializer, status=202)
    def post(self, request: Request) -> object:
        return {"event_id": request_run(by=current_user(request)).pk}


@open_to(GET=Level.STAFF)
class RunView(ApiView):
    @operation("One run with its progress", serializers.RunSerializer)
    def get(self, request: Request, run_id: int) -> object:
        run = recent_runs(current_user(request)).filter(pk=run_id).first()
        if run is None:
            raise NotVisible
        return run


@open_to(GET=Level.STAFF)
class DeadLettersView(ApiList):
    """Jobs that had their attempts, the latest first."""

    serializer_class = serializers.DeadLetterSerializer

    def get_queryset(self) -> QuerySet[Job]:
        return dead_letters()


@open_to(POST=Level.STAFF)
class RetryView(ApiView):
    @operation("Give a dead letter its attempts back", serializers.RetriedSerializer)
    def post(self, request: Request, job_id: int) -> object:
        return retry_dead(by=current_user(request), job_id=job_id)


@open_to(GET=Level.STAFF)
class EventsView(ApiList):
    """What happened, the latest first."""

    serializer_class = serializers.EventSerializer
    filter_form = EventFilters

    def get_queryset(self) -> QuerySet[Event]:
        return whole_trail(current_user(self.request))


@open_to(GET=Level.STAFF)
class WeightSetsView(ApiList):
    """Versions of the weights, the newest first."""

    serializer_class = WeightSetSerializer

    def get_queryset(self) -> QuerySet[WeightSet]:
        return all_weights(current_user(self.request))


@open_to(POST=Level.STAFF)
class PromoteView(ApiView):
    @operation(
        "Put a version of the weights in force",
        WeightSetSerializer,
        description="For the runs that begin from now on. 409 unless it is better calibrated than "
        "the weights in force.",
    )
    def post(self, request: Request, weight_set_id: int) -> object:
        return promote_weights(by=current_user(request), weight_set_id=weight_set_id)


@open_to(GET=Level.STAFF)
class StatisticsView(ApiView):
    """`funnel`, `responses`, `exposure` or `stuck`."""

    filter_form = StatisticsForm

    @operation("One table of the overview", FiguresSerializer)
    def get(self, request: Request, name: str) -> object:
        scope, by = read_filters(StatisticsForm, request.query_params, paged=False).scope()
        table, rows = statistics_table(current_user(request), name, scope, by)
        return {"name": name, "columns": table.columns, "rows": [list(row) for row in rows]}
