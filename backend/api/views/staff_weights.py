"""Staff: versions of the weights, and which one is in force."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers.weights import WeightSetSerializer
from backend.api.views.base import ApiList, ApiView, person
from backend.suggestions.learning import all_weights, promote_weights
from backend.suggestions.models import WeightSet


class WeightSetsView(ApiList):
    """Versions of the weights, the newest first."""

    serializer_class = WeightSetSerializer

    def get_queryset(self) -> QuerySet[WeightSet]:
        self.filters()
        return all_weights(person(self.request))


class PromoteView(ApiView):
    @extend_schema(
        summary="Put a version of the weights in force",
        description="For the runs that begin from now on. 409 unless it is better calibrated than the weights in force.",
        request=None,
        responses=WeightSetSerializer,
    )
    @idempotent
    def post(self, request: Request, weight_set_id: int) -> Response:
        return Response(WeightSetSerializer(promote_weights(by=person(request), weight_set_id=weight_set_id)).data)
