"""Partnerships: for each side its log, reports and decisions; for staff the same to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from backend.accounts.grants import Resource, Verb
from backend.cities.models import Community
from backend.cities.services.statements import NamedPartner, partners_named, state_partnership
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
from backend.web.partnerships.forms import (
    ActivityForm,
    DecisionForm,
    HonourForm,
    PartnershipFilters,
    RenewalForm,
    ReportForm,
    StatementForm,
)
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Body,
    Data,
    current_reader,
    current_user,
    operation,
)


def detail(request: Request, partnership_id: int) -> Partnership:
    return partnership_for(current_reader(request), partnership_id)[0]


@open_to(GET=Level.COMMUNITY)
class LivedPartnershipsView(ApiList):
    """A community's partnerships, also those at rest."""

    serializer_class = serializers.LivedPartnershipSerializer

    def get_queryset(self) -> QuerySet[Partnership]:
        return partnerships_of(current_reader(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"today": database_now().date()}


class PartnershipView(ApiView):
    @operation(
        "One partnership with all that is recorded of it", serializers.PartnershipDetailSerializer
    )
    def get(self, request: Request, partnership_id: int, community_id: int | None = None) -> object:
        return detail(request, partnership_id)


def _side_act(
    service: Callable[..., object], summary: str, takes: Body, *, status: int = 200, about: str = ""
) -> type[ApiView]:
    """The view of one act of a side, answered with the partnership; ``service`` does it."""

    class SideActView(ApiView):
        @operation(summary, serializers.PartnershipDetailSerializer, takes=takes, status=status)
        def post(
            self, request: Request, community_id: int, partnership_id: int, data: Data
        ) -> Partnership:
            known = {"partnership_id": partnership_id, "community_id": community_id}
            service(by=current_user(request), **known, **data)
            return detail(request, partnership_id)

    SideActView.__doc__ = about
    return open_to(POST=Level.COMMUNITY)(SideActView)


ActivitiesView = _side_act(
    log_activity, "Write down what you did together", ActivityForm, status=201
)
DecisionView = _side_act(
    decide_partnership,
    "Record your side's decision",
    DecisionForm,
    about="Suspend, resume, revitalise, end, or keep in honour (emeritus).",
)
RenewalView = _side_act(renew_partnership, "Say that your side wants to go on", RenewalForm)


@open_to(DELETE=Level.COMMUNITY)
class ActivityView(ApiView):
    @operation("Take an entry of your side back", serializers.ActivitySerializer)
    def delete(self, request: Request, community_id: int, activity_id: int) -> object:
        return retract_activity(
            by=current_user(request), activity_id=activity_id, community_id=community_id
        )


@open_to(POST=Level.COMMUNITY)
class ReportsView(ApiView):
    @operation(
        "Write your side's report of a year, or rewrite it",
        serializers.ReportSerializer,
        takes=ReportForm,
        status=201,
    )
    def post(self, request: Request, community_id: int, partnership_id: int, data: Data) -> object:
        return save_report(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=community_id,
            **data,
        )


class WhyView(ApiView):
    @operation("Why this pair came together", serializers.WhySerializer)
    def get(self, request: Request, partnership_id: int, community_id: int | None = None) -> object:
        partnership, reader = partnership_for(current_reader(request), partnership_id)
        return {"why": rationale_for(partnership, reader.community_id)}


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

    @operation(
        "Keep a dormant partnership in honour",
        serializers.PartnershipDetailSerializer,
        takes=HonourForm,
    )
    def post(self, request: Request, partnership_id: int, data: Data) -> object:
        decide_partnership(
            by=current_user(request),
            partnership_id=partnership_id,
            community_id=None,
            act="emeritus",
            **data,
        )
        return detail(request, partnership_id)


@open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)
class NamedPartnersView(ApiView):
    """The partners that public lists, the partners themselves or the profile name for the
    community.
    """

    @operation("Partners to say something of", serializers.NamedPartnersSerializer)
    def get(self, request: Request, community_id: int) -> object:
        own = current_reader(request).require(Verb.READ, Resource.STATEMENT)
        named = partners_named(Community.objects.select_related("place").get(pk=own))
        return {"results": [serializers.named_partner(one) for one in named]}

    @operation(
        "Say whether a partnership is active, dormant, ended or none",
        serializers.StatedSerializer,
        takes=StatementForm,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        found: NamedPartner | None = state_partnership(
            by=current_user(request), community_id=community_id, **data
        )
        return {"partner": serializers.named_partner(found) if found is not None else None}
