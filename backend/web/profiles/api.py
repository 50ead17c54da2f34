"""A community's profile: its draft, its life, what it looks like to others, its contacts and its
trail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.cities import services
from backend.cities.drafts import open_data
from backend.cities.models import ExistingPartnership, Profile
from backend.cities.profile_validation import valid_part
from backend.cities.queries import claims_of, partners_to_offer, profile_for, progress_of, trail_for
from backend.cities.services import draft_errors, republish_profile, save_draft
from backend.outbox.models import Event
from backend.suggestions.scoring.coverage import coverage_outlook
from backend.web.access import Level, open_to
from backend.web.operations.serializers import EventSerializer
from backend.web.profiles import serializers
from backend.web.rest.base import ApiList, ApiView, current_user, validated
from backend.web.rest.idempotency import idempotent

# A community's profile: its draft, its life, its letters and its trail.


def draft_answer(profile: Profile) -> Response:
    errors = draft_errors(profile)
    missing = {
        path: words
        for path, words in draft_errors(profile, complete=True).items()
        if path not in errors
    }
    profile.errors, profile.missing = errors, missing  # type: ignore[attr-defined]
    return Response(serializers.DraftSerializer(profile).data)


@open_to(GET=Level.COMMUNITY_OR_STAFF, PATCH=Level.COMMUNITY_OR_STAFF)
class ProfileView(ApiView):
    @extend_schema(
        summary="The draft with what is wrong or missing", responses=serializers.DraftSerializer
    )
    def get(self, request: Request, community_id: int) -> Response:
        return draft_answer(profile_for(current_user(request), community_id))

    @extend_schema(
        summary="Save answers",
        description=(
            "Answers that are not valid are kept, and named in `errors`. 409 `newer_draft`: "
            "somebody else changed the same answers since "
            "your `revision`; the problem's `conflicts` gives both values by `group.question`, its "
            "`revision` the one to save with next."
        ),
        request=serializers.DraftChangesSerializer,
        responses=serializers.DraftSerializer,
    )
    def patch(self, request: Request, community_id: int) -> Response:
        me, data = (
            current_user(request),
            validated(serializers.DraftChangesSerializer, request.data),
        )
        save_draft(
            by=me,
            community_id=community_id,
            changes=data["changes"],
            revision=data["revision"],
            confirm=data.get("confirm", ()),
        )
        return draft_answer(profile_for(me, community_id))


@open_to(POST=Level.COMMUNITY)
class ProfileActView(ApiView):
    """One step in the life of a profile; ``act`` is the name of its service."""

    act = ""

    @extend_schema(request=None, responses=serializers.ProfileStatusSerializer)
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        me = current_user(request)
        cast("Callable[..., Profile]", getattr(services, self.act))(
            by=me, community_id=community_id
        )
        return Response(serializers.ProfileStatusSerializer(profile_for(me, community_id)).data)


@open_to(POST=Level.COMMUNITY)
class ProfilePauseView(ApiView):
    @extend_schema(
        summary="No new suggestions until a day, or until resumed",
        request=serializers.PauseSerializer,
        responses=serializers.ProfileStatusSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        me, data = current_user(request), validated(serializers.PauseSerializer, request.data)
        services.pause_profile(by=me, community_id=community_id, until=data.get("until"))
        return Response(serializers.ProfileStatusSerializer(profile_for(me, community_id)).data)


@open_to(POST=Level.COMMUNITY)
class ProfilePublishView(ApiView):
    @extend_schema(
        summary="Publish changes of a published profile",
        request=None,
        responses={201: serializers.ProfileVersionSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        version = republish_profile(by=current_user(request), community_id=community_id)
        return Response(serializers.ProfileVersionSerializer(version).data, status=201)


@open_to(GET=Level.COMMUNITY_OR_STAFF, PUT=Level.COMMUNITY)
class OwnContactsView(ApiView):
    """The people to write to in this community. The other side of an introduction reads them under
    both consents alone.
    """

    @extend_schema(summary="Your own contacts", responses=serializers.OwnContactsSerializer)
    def get(self, request: Request, community_id: int) -> Response:
        contacts = services.read_contacts(by=current_user(request), community_id=community_id)
        return Response(serializers.OwnContactsSerializer({"contacts": contacts}).data)

    @extend_schema(
        summary="Replace your contacts",
        request=serializers.ContactEntriesSerializer,
        responses=serializers.OwnContactsSerializer,
    )
    def put(self, request: Request, community_id: int) -> Response:
        data = validated(serializers.ContactEntriesSerializer, request.data)
        contacts = services.replace_contacts(
            by=current_user(request), community_id=community_id, contacts=data["contacts"]
        )
        return Response(serializers.OwnContactsSerializer({"contacts": contacts}).data)


@open_to(POST=Level.ADMIN)
class BreakGlassView(ApiView):
    """An administrator opens a community's contacts in an emergency: the reason stays in the trail,
    which the community reads too.
    """

    @extend_schema(
        summary="Break the glass on contacts",
        request=serializers.BreakGlassSerializer,
        responses=serializers.OwnContactsSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        data = validated(serializers.BreakGlassSerializer, request.data)
        contacts = services.break_glass(
            by=current_user(request), community_id=community_id, reason=data["reason"]
        )
        return Response(serializers.OwnContactsSerializer({"contacts": contacts}).data)


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class CommunityEventsView(ApiList):
    """The trail of a community: its own acts and what staff did to its profile."""

    serializer_class = EventSerializer

    def get_queryset(self) -> QuerySet[Event]:
        return trail_for(current_user(self.request), self.kwargs["community_id"])


def act_view(act: str, summary: str) -> Any:
    """A view of its own for each act, so that each has its words in the OpenAPI document."""
    made: Any = type(
        f"{act.title().replace('_', '')}View",
        (ProfileActView,),
        {"act": act, "__module__": __name__},
    )
    return extend_schema(summary=summary, methods=["POST"])(made).as_view()


# What a draft would look like to others, what is missing in it, where its answers come from,
# and the partnerships it claims.


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfileProgressView(ApiView):
    @extend_schema(
        summary="Topics done, answers still needed, minutes left",
        responses=serializers.ProfileProgressSerializer,
    )
    def get(self, request: Request, community_id: int) -> Response:
        progress = progress_of(profile_for(current_user(request), community_id))
        return Response(serializers.ProfileProgressSerializer(progress).data)


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfileCoverageView(ApiView):
    """By the engine's weights in force, over the communities that seek on the other side. Only what
    could be published counts.
    """

    @extend_schema(
        summary="How much others can compare, and what each missing answer would add",
        responses=serializers.CoverageSerializer,
    )
    def get(self, request: Request, community_id: int) -> Response:
        profile = profile_for(current_user(request), community_id)
        return Response(
            serializers.CoverageSerializer(
                coverage_outlook(profile.community, valid_part(profile.draft)[0])
            ).data
        )


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfilePreviewView(ApiView):
    @extend_schema(
        summary="The draft as others would see it", responses=serializers.PreviewSerializer
    )
    def get(self, request: Request, community_id: int) -> Response:
        profile = profile_for(current_user(request), community_id)
        document, errors = valid_part(profile.draft)
        shown = {"community": profile.community, "profile": document, "left_out": sorted(errors)}
        return Response(serializers.PreviewSerializer(shown).data)


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfileSourcesView(ApiView):
    @extend_schema(
        summary="What open data say about the answers, and which partners public lists name",
        responses=serializers.SourcesSerializer,
    )
    def get(self, request: Request, community_id: int) -> Response:
        profile = profile_for(current_user(request), community_id)
        answers: list[dict[str, Any]] = [
            {"path": path, "value": datum.value, **asdict(datum.source)}
            for path, datum in open_data(profile.community).items()
        ]
        partners = partners_to_offer(profile.community, profile.draft)
        return Response(
            serializers.SourcesSerializer({"answers": answers, "listed_partners": partners}).data
        )


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ExistingPartnershipsView(ApiList):
    """Partnerships that the profile claims. Others see those that staff have confirmed."""

    serializer_class = serializers.ExistingPartnershipSerializer

    def get_queryset(self) -> QuerySet[ExistingPartnership]:
        return claims_of(current_user(self.request), self.kwargs["community_id"])
