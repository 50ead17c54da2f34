"""Partnerships: for each side its log, reports and decisions; for staff the same to read."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.common.dates import database_now
from backend.introductions.models import Partnership
from backend.introductions.queries.partnerships import (
    certificate_for,
    partnership_for,
    partnerships_for_staff,
    partnerships_of,
)
from backend.introductions.rationale import rationale_for
from backend.introductions.services.activities import log_activity, retract_activity, save_report
from backend.introductions.services.partnerships import decide_partnership, renew_partnership
from backend.web.access import Level, open_to
from backend.web.partnerships import serializers
from backend.web.partnerships.forms import PartnershipFilters
from backend.web.rest.base import ApiList, ApiView, current_reader, current_user, validated
from backend.web.rest.idempotency import idempotent


def detail(
    request: Request, partnership_id: int, community_id: int | None, status: int = 200
) -> Response:
    partnership, _reader = partnership_for(current_reader(request), partnership_id)
    return Response(serializers.PartnershipDetailSerializer(partnership).data, status=status)


@open_to(GET=Level.COMMUNITY)
class LivedPartnershipsView(ApiList):
    """A community's partnerships, also those at rest."""

    serializer_class = serializers.LivedPartnershipSerializer

    def get_queryset(self) -> QuerySet[Partnership]:
        return partnerships_of(current_reader(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"today": database_now().date()}


class PartnershipView(ApiView):
    @extend_schema(
        summary="One partnership with all that is recorded of it",
        responses=serializers.PartnershipDetailSerializer,
    )
    def get(
        self, request: Request, partnership_id: int, community_id: int | None = None
    ) -> Response:
        return detail(request, partnership_id, community_id)


@open_to(POST=Level.COMMUNITY)
class ActivitiesView(ApiView):
    @extend_schema(
        summary="Write down what you did together",
        request=serializers.ActivityEntrySerializer,
        responses={201: serializers.PartnershipDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int, partnership_id: int) -> Response:
        data = validated(serializers.ActivityEntrySerializer, request.data)
        log_activity(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=community_id,
            **data,
        )
        return detail(request, partnership_id, community_id, status=201)


@open_to(DELETE=Level.COMMUNITY)
class ActivityView(ApiView):
    @extend_schema(
        summary="Take an entry of your side back",
        request=None,
        responses={200: serializers.ActivitySerializer},
    )
    def delete(self, request: Request, community_id: int, activity_id: int) -> Response:
        taken = retract_activity(
            by=current_user(request), activity_id=activity_id, community_id=community_id
        )
        return Response(serializers.ActivitySerializer(taken).data)


@open_to(POST=Level.COMMUNITY)
class ReportsView(ApiView):
    @extend_schema(
        summary="Write your side's report of a year, or write it anew",
        request=serializers.ReportEntrySerializer,
        responses={201: serializers.ReportSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int, partnership_id: int) -> Response:
        data = validated(serializers.ReportEntrySerializer, request.data)
        report = save_report(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=community_id,
            **data,
        )
        return Response(serializers.ReportSerializer(report).data, status=201)


@open_to(POST=Level.COMMUNITY)
class DecisionView(ApiView):
    """Suspend, resume, revitalise, end, or keep in honour (emeritus)."""

    @extend_schema(
        summary="Record your side's decision",
        request=serializers.DecisionSerializer,
        responses=serializers.PartnershipDetailSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, partnership_id: int) -> Response:
        data = validated(serializers.DecisionSerializer, request.data)
        decide_partnership(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=community_id,
            **data,
        )
        return detail(request, partnership_id, community_id)


@open_to(POST=Level.COMMUNITY)
class RenewalView(ApiView):
    @extend_schema(
        summary="Say that your side wants to go on",
        request=serializers.RenewalSerializer,
        responses=serializers.PartnershipDetailSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, partnership_id: int) -> Response:
        data = validated(serializers.RenewalSerializer, request.data)
        renew_partnership(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=community_id,
            **data,
        )
        return detail(request, partnership_id, community_id)


class WhyView(ApiView):
    @extend_schema(summary="Why this pair came together", responses=serializers.WhySerializer)
    def get(
        self, request: Request, partnership_id: int, community_id: int | None = None
    ) -> Response:
        partnership, reader = partnership_for(current_reader(request), partnership_id)
        return Response({"why": rationale_for(partnership, reader.community_id)})


class CertificateView(ApiView):
    @extend_schema(
        summary="The certificate as a PDF",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(
        self, request: Request, partnership_id: int, community_id: int | None = None
    ) -> HttpResponse:
        content = certificate_for(current_reader(request), partnership_id)
        headers = {
            "Content-Disposition": f'attachment; filename="certificate-{partnership_id}.pdf"',
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(content, content_type="application/pdf", headers=headers)


@open_to(GET=Level.STAFF)
class StaffPartnershipsView(ApiList):
    """All partnerships, the oldest first."""

    serializer_class = serializers.LivedPartnershipSerializer
    filter_form = PartnershipFilters

    def get_queryset(self) -> QuerySet[Partnership]:
        return partnerships_for_staff(current_user(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"today": database_now().date()}


@open_to(POST=Level.CURATOR)
class HonourView(ApiView):
    """The one thing that staff may do: keep a dormant partnership in honour where nobody answers
    any more.
    """

    @extend_schema(
        summary="Keep a dormant partnership in honour",
        request=serializers.HonourSerializer,
        responses=serializers.PartnershipDetailSerializer,
    )
    @idempotent
    def post(self, request: Request, partnership_id: int) -> Response:
        data = validated(serializers.HonourSerializer, request.data)
        decide_partnership(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=None,
            act="emeritus",
            **data,
        )
        return detail(request, partnership_id, None)
