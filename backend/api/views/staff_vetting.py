"""Staff: submitted profiles."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers import profiles as shapes
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.cities.models import Profile
from backend.cities.profile_queries import submission_for
from backend.cities.queries import vetting_queue
from backend.cities.services import draft_errors, publish_profile, request_changes


class VettingView(ApiList):
    """Profiles that wait for staff, the longest waiting first."""

    serializer_class = shapes.QueuedSerializer

    def get_queryset(self) -> QuerySet[Profile]:
        self.filters()
        return vetting_queue(person(self.request))


class SubmissionView(ApiView):
    @extend_schema(summary="One profile as staff read it", responses=shapes.SubmissionSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        profile = submission_for(person(request), community_id)
        profile.errors = draft_errors(profile, complete=True)  # type: ignore[attr-defined]
        return Response(shapes.SubmissionSerializer(profile).data)


class RequestChangesView(ApiView):
    @extend_schema(summary="Send it back", request=shapes.RequestChangesSerializer, responses={201: shapes.VettingNoteSerializer})
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        asked = checked(shapes.RequestChangesSerializer, request.data)
        note = request_changes(by=person(request), community_id=community_id, **asked)
        return Response(shapes.VettingNoteSerializer(note).data, status=201)


class PublishView(ApiView):
    @extend_schema(
        summary="Publish it; its registrant is vetted by this", request=shapes.PublishSerializer, responses={201: shapes.VersionSerializer}
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        asked = checked(shapes.PublishSerializer, request.data)
        version = publish_profile(by=person(request), community_id=community_id, revision=asked["revision"])
        return Response(shapes.VersionSerializer(version).data, status=201)
