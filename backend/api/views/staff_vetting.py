"""Staff: submitted profiles with their signals, and what staff and owner answer each other."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers import profiles as shapes
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.cities.models import Profile
from backend.cities.profile_queries import profile_for, submission_for
from backend.cities.queries import vetting_queue
from backend.cities.services import answer_changes, approve_profile, draft_errors, request_changes
from backend.cities.vetting_queries import submissions_of


def _with_signals(profiles: list[Profile]) -> list[Any]:
    for entry in submissions_of(profiles):
        profile: Any = entry.profile
        profile.signals, profile.needs_two_approvals, profile.first_approval = entry.signals, entry.needs_two, entry.first_approval
    return profiles


class VettingView(ApiList):
    """Profiles that wait for staff, the longest waiting first."""

    serializer_class = shapes.QueuedSerializer

    def get_queryset(self) -> QuerySet[Profile]:
        self.filters()
        return vetting_queue(person(self.request))

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        return _with_signals(list(super().paginate_queryset(queryset) or ()))


class SubmissionView(ApiView):
    @extend_schema(summary="One profile as staff read it", responses=shapes.SubmissionSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        profile = submission_for(person(request), community_id)
        profile.errors = draft_errors(profile, complete=True)  # type: ignore[attr-defined]
        return Response(shapes.SubmissionSerializer(_with_signals([profile])[0]).data)


class RequestChangesView(ApiView):
    @extend_schema(summary="Send it back", request=shapes.RequestChangesSerializer, responses={201: shapes.VettingNoteSerializer})
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        asked = checked(shapes.RequestChangesSerializer, request.data)
        note = request_changes(by=person(request), community_id=community_id, **asked)
        return Response(shapes.VettingNoteSerializer(note).data, status=201)


class AnswerView(ApiView):
    @extend_schema(
        summary="Answer what staff asked for, and hand it in again",
        request=shapes.AnswerChangesSerializer,
        responses=shapes.ProfileStatusSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        me = person(request)
        answer_changes(by=me, community_id=community_id, **checked(shapes.AnswerChangesSerializer, request.data))
        return Response(shapes.ProfileStatusSerializer(profile_for(me, community_id)).data)


class PublishView(ApiView):
    @extend_schema(
        summary="Approve it",
        description="Publishes it and vets its registrant; the first profile of a country by the approval of a second curator. "
        "`version` is null where that one is still needed.",
        request=shapes.PublishSerializer,
        responses={201: shapes.ApprovalSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        asked = checked(shapes.PublishSerializer, request.data)
        approval = approve_profile(by=person(request), community_id=community_id, revision=asked["revision"])
        return Response(shapes.ApprovalSerializer(approval).data, status=201)
