"""What a draft would look like to others, what is missing in it, where its answers come from, and the partnerships it claims."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.serializers import profile_outlook as shapes
from backend.api.views.base import ApiList, ApiView, person
from backend.cities.existing_queries import claims_of, partners_to_offer
from backend.cities.models import ExistingPartnership
from backend.cities.open_data import open_data
from backend.cities.profile_progress import progress_of
from backend.cities.profile_queries import profile_for
from backend.cities.profile_validation import valid_part
from backend.suggestions.scoring.coverage import coverage_outlook


class ProfileProgressView(ApiView):
    @extend_schema(summary="Topics done, answers still needed, minutes left", responses=shapes.ProfileProgressSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        progress = progress_of(profile_for(person(request), community_id))
        return Response(shapes.ProfileProgressSerializer(progress).data)


class ProfileCoverageView(ApiView):
    """By the engine's weights in force, over the communities that seek on the other side. Only what could be published counts."""

    @extend_schema(summary="How much others can compare, and what each missing answer would add", responses=shapes.CoverageSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        profile = profile_for(person(request), community_id)
        return Response(shapes.CoverageSerializer(coverage_outlook(profile.community, valid_part(profile.draft)[0])).data)


class ProfilePreviewView(ApiView):
    @extend_schema(summary="The draft as others would see it", responses=shapes.PreviewSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        profile = profile_for(person(request), community_id)
        document, errors = valid_part(profile.draft)
        shown = {"community": profile.community, "profile": document, "left_out": sorted(errors)}
        return Response(shapes.PreviewSerializer(shown).data)


class ProfileSourcesView(ApiView):
    @extend_schema(summary="What open data say about the answers, and which partners public lists name", responses=shapes.SourcesSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        profile = profile_for(person(request), community_id)
        answers: list[dict[str, Any]] = [
            {"path": path, "value": datum.value, **asdict(datum.source)} for path, datum in open_data(profile.community).items()
        ]
        partners = partners_to_offer(profile.community, profile.draft)
        return Response(shapes.SourcesSerializer({"answers": answers, "listed_partners": partners}).data)


class ExistingPartnershipsView(ApiList):
    """Partnerships that the profile claims. Others see those that staff have confirmed."""

    serializer_class = shapes.ExistingPartnershipSerializer

    def get_queryset(self) -> QuerySet[ExistingPartnership]:
        self.filters()
        return claims_of(person(self.request), self.kwargs["community_id"])
