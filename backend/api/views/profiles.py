"""A community's profile: its draft, its life, its letters and its trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers import profiles as shapes
from backend.api.serializers.operations import EventSerializer
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.cities import services
from backend.cities.letter_checks import too_large
from backend.cities.models import Profile, VettingLetter
from backend.cities.profile_queries import letters_for, profile_for, trail_for
from backend.cities.services import attach_letter, draft_errors, read_letter, republish_profile, save_draft
from backend.common.downloads import private_download
from backend.common.uploads import was_too_large
from backend.outbox.models import Event


def draft_answer(profile: Profile) -> Response:
    errors = draft_errors(profile)
    missing = {path: words for path, words in draft_errors(profile, complete=True).items() if path not in errors}
    profile.errors, profile.missing = errors, missing  # type: ignore[attr-defined]
    return Response(shapes.DraftSerializer(profile).data)


class ProfileView(ApiView):
    @extend_schema(summary="The draft with what is wrong or missing", responses=shapes.DraftSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        return draft_answer(profile_for(person(request), community_id))

    @extend_schema(
        summary="Save answers",
        description=(
            "Answers that are not valid are kept, and named in `errors`. 409 `newer_draft`: somebody else changed the same answers since "
            "your `revision`; the problem's `conflicts` gives both values by `group.question`, its `revision` the one to save with next."
        ),
        request=shapes.DraftChangesSerializer,
        responses=shapes.DraftSerializer,
    )
    def patch(self, request: Request, community_id: int) -> Response:
        me, asked = person(request), checked(shapes.DraftChangesSerializer, request.data)
        save_draft(by=me, community_id=community_id, changes=asked["changes"], revision=asked["revision"], confirm=asked.get("confirm", ()))
        return draft_answer(profile_for(me, community_id))


class ProfileActView(ApiView):
    """One step in the life of a profile; ``act`` is the name of its service."""

    act = ""

    @extend_schema(request=None, responses=shapes.ProfileStatusSerializer)
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        me = person(request)
        cast("Callable[..., Profile]", getattr(services, self.act))(by=me, community_id=community_id)
        return Response(shapes.ProfileStatusSerializer(profile_for(me, community_id)).data)


class ProfilePauseView(ApiView):
    @extend_schema(
        summary="No new suggestions until a day, or until resumed", request=shapes.PauseSerializer, responses=shapes.ProfileStatusSerializer
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        me, asked = person(request), checked(shapes.PauseSerializer, request.data)
        services.pause_profile(by=me, community_id=community_id, until=asked.get("until"))
        return Response(shapes.ProfileStatusSerializer(profile_for(me, community_id)).data)


class ProfilePublishView(ApiView):
    @extend_schema(summary="Publish changes of a published profile", request=None, responses={201: shapes.ProfileVersionSerializer})
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        version = republish_profile(by=person(request), community_id=community_id)
        return Response(shapes.ProfileVersionSerializer(version).data, status=201)


class LettersView(ApiList):
    serializer_class = shapes.LetterSerializer
    parser_classes = [MultiPartParser]

    def get_queryset(self) -> QuerySet[VettingLetter]:
        self.filters()
        return letters_for(person(self.request), self.kwargs["community_id"])

    @extend_schema(summary="Send the vetting letter", request=shapes.LetterUploadSerializer, responses={201: shapes.LetterSerializer})
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        data = request.data  # reads the files: only then it is known which was thrown away
        if was_too_large(request._request, "letter"):
            raise too_large()
        asked = checked(shapes.LetterUploadSerializer, data)
        letter = attach_letter(by=person(request), community_id=community_id, upload=asked["letter"])
        return Response(shapes.LetterSerializer(letter).data, status=201)


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
        letter = read_letter(by=person(request), community_id=community_id, letter_id=letter_id)
        return private_download(letter.file.open("rb"), name=letter.original_name, content_type=letter.content_type)


class OwnContactsView(ApiView):
    """The people to write to in this community. The other side of an introduction reads them under both consents alone."""

    @extend_schema(summary="Your own contacts", responses=shapes.OwnContactsSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        contacts = services.read_contacts(by=person(request), community_id=community_id)
        return Response(shapes.OwnContactsSerializer({"contacts": contacts}).data)

    @extend_schema(summary="Replace your contacts", request=shapes.ContactEntriesSerializer, responses=shapes.OwnContactsSerializer)
    def put(self, request: Request, community_id: int) -> Response:
        asked = checked(shapes.ContactEntriesSerializer, request.data)
        contacts = services.replace_contacts(by=person(request), community_id=community_id, contacts=asked["contacts"])
        return Response(shapes.OwnContactsSerializer({"contacts": contacts}).data)


class BreakGlassView(ApiView):
    """An administrator opens a community's contacts in an emergency: the reason stays in the trail, which the community reads too."""

    @extend_schema(summary="Break the glass on contacts", request=shapes.BreakGlassSerializer, responses=shapes.OwnContactsSerializer)
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        asked = checked(shapes.BreakGlassSerializer, request.data)
        contacts = services.break_glass(by=person(request), community_id=community_id, reason=asked["reason"])
        return Response(shapes.OwnContactsSerializer({"contacts": contacts}).data)


class CommunityEventsView(ApiList):
    """The trail of a community: its own acts and what staff did to its profile."""

    serializer_class = EventSerializer

    def get_queryset(self) -> QuerySet[Event]:
        self.filters()
        return trail_for(person(self.request), self.kwargs["community_id"])


def act_view(act: str, summary: str) -> Any:
    """A view of its own for each act, so that each has its words in the OpenAPI document."""
    made: Any = type(f"{act.title().replace('_', '')}View", (ProfileActView,), {"act": act, "__module__": __name__})
    return extend_schema(summary=summary, methods=["POST"])(made).as_view()
