"""Submitted profiles with their signals and letters, and what staff and owner answer each other."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from backend.cities.documents import too_large
from backend.cities.models import Profile, VettingLetter
from backend.cities.queries import letters_for, profile_for, submission_for, vetting_queue
from backend.cities.services import (
    answer_changes,
    approve_profile,
    attach_letter,
    draft_errors,
    read_letter,
    request_changes,
)
from backend.cities.vetting import submissions_of
from backend.common.files import opened, private_download, was_too_large
from backend.web.access import Level, open_to
from backend.web.profiles.serializers import (
    LetterSerializer,
    ProfileStatusSerializer,
    VettingNoteSerializer,
)
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Data,
    current_reader,
    current_user,
    operation,
    validated,
)
from backend.web.vetting import serializers
from backend.web.vetting.forms import AnswerChangesForm, ChangesForm


def _with_signals(profiles: list[Profile]) -> list[Any]:
    for entry in submissions_of(profiles):
        profile: Any = entry.profile
        profile.signals, profile.needs_two_approvals, profile.first_approval = (
            entry.signals,
            entry.needs_two,
            entry.first_approval,
        )
    return profiles


@open_to(GET=Level.STAFF)
class VettingView(ApiList):
    """Profiles that wait for staff, the longest waiting first."""

    serializer_class = serializers.QueuedSerializer

    def get_queryset(self) -> QuerySet[Profile]:
        return vetting_queue(current_user(self.request))

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        return _with_signals(list(super().paginate_queryset(queryset) or ()))


@open_to(GET=Level.STAFF)
class SubmissionView(ApiView):
    @operation("One profile as staff read it", serializers.SubmissionSerializer)
    def get(self, request: Request, community_id: int) -> object:
        profile = submission_for(current_user(request), community_id)
        profile.errors = draft_errors(profile, complete=True)  # type: ignore[attr-defined]
        return _with_signals([profile])[0]


@open_to(POST=Level.CURATOR)
class RequestChangesView(ApiView):
    @operation("Send it back", VettingNoteSerializer, takes=ChangesForm, status=201)
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return request_changes(by=current_user(request), community_id=community_id, **data)


@open_to(POST=Level.COMMUNITY)
class AnswerChangesView(ApiView):
    @operation(
        "Answer what staff asked for, and hand it in again",
        ProfileStatusSerializer,
        takes=AnswerChangesForm,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        me = current_user(request)
        answer_changes(by=me, community_id=community_id, **data)
        return profile_for(current_reader(request))


@open_to(POST=Level.CURATOR)
class PublishView(ApiView):
    @operation(
        "Approve it",
        serializers.ApprovalSerializer,
        takes=serializers.PublishSerializer,
        status=201,
        description="Publishes it and vets its registrant; the first profile of a country by the "
        "approval of a second curator. "
        "`version` is null where that one is still needed.",
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return approve_profile(by=current_user(request), community_id=community_id, **data)


@open_to(GET=Level.COMMUNITY_OR_STAFF, POST=Level.COMMUNITY)
class LettersView(ApiList):
    serializer_class = LetterSerializer
    parser_classes = [MultiPartParser]

    def get_queryset(self) -> QuerySet[VettingLetter]:
        return letters_for(current_reader(self.request))

    @operation(
        "Send the vetting letter",
        LetterSerializer,
        status=201,
        request=serializers.LetterUploadSerializer,
    )
    def post(self, request: Request, community_id: int) -> object:
        data = request.data  # reads the files: only then it is known which was thrown away
        if was_too_large(request._request, "letter"):
            raise too_large()
        upload = validated(serializers.LetterUploadSerializer, data)["letter"]
        return attach_letter(by=current_user(request), community_id=community_id, upload=upload)


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class LetterView(ApiView):
    @extend_schema(
        summary="Download a letter",
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "image/png"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, community_id: int, letter_id: int) -> FileResponse:
        letter = read_letter(
            by=current_user(request), community_id=community_id, letter_id=letter_id
        )
        return private_download(
            opened(letter.file), name=letter.original_name, content_type=letter.content_type
        )
