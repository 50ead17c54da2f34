"""A community's profile: its draft, its life, what it looks like to others, its contacts and its
trail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from backend.cities import services
from backend.cities.drafts import open_data
from backend.cities.models import ExistingPartnership, Profile
from backend.cities.profile_validation import valid_part
from backend.cities.queries import (
    claims_of,
    partners_to_offer,
    profile_for,
    progress_of,
    public_document,
    trail_for,
)
from backend.cities.services import draft_errors, republish_profile, save_draft
from backend.outbox.models import Event
from backend.suggestions.scoring.coverage import coverage_outlook
from backend.web.access import Level, open_to
from backend.web.operations.serializers import CommunityEventSerializer
from backend.web.profiles import serializers
from backend.web.profiles.forms import BreakGlassForm
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Data,
    current_reader,
    current_user,
    operation,
    person_just_signed_in,
)
from backend.web.rest.limits import named_revisions


def draft_answer(profile: Profile) -> Profile:
    errors = draft_errors(profile)
    missing = {
        path: words
        for path, words in draft_errors(profile, complete=True).items()
        if path not in errors
    }
    profile.errors, profile.missing = errors, missing  # type: ignore[attr-defined]
    return profile


@open_to(GET=Level.COMMUNITY_OR_STAFF, PATCH=Level.COMMUNITY_OR_STAFF)
class ProfileView(ApiView):
    @operation(
        "The draft with what is wrong or missing",
        serializers.DraftSerializer,
        revision="draft_revision",
    )
    def get(self, request: Request, community_id: int) -> object:
        return draft_answer(profile_for(current_reader(request)))

    @operation(
        "Save answers",
        serializers.DraftSerializer,
        takes=serializers.DraftChangesSerializer,
        description="Answers that are not valid are kept, and named in `errors`. 409 "
        "`newer_draft`: somebody else changed the same answers since your `revision`; the "
        "problem's `conflicts` gives both values by `group.question`, its `revision` the one to "
        "save with next. With `If-Match`, the `ETag` of a draft: 412 unless it is still that one.",
        revision="draft_revision",
        parameters=[
            OpenApiParameter(
                "If-Match",
                str,
                OpenApiParameter.HEADER,
                description="Save only if the draft is still the one with this `ETag`.",
            )
        ],
    )
    def patch(self, request: Request, community_id: int, data: Data) -> object:
        me = current_user(request)
        save_draft(
            by=me,
            community_id=community_id,
            changes=data["changes"],
            revision=data["revision"],
            confirm=data.get("confirm", ()),
            only_at=named_revisions(request),
        )
        return draft_answer(profile_for(current_reader(request)))


ACTS_AT_ONCE = (
    "Acts at once; no page asks first. Staff and the partners of open introductions are notified; "
    "the introductions stay open. `resume` brings the profile back without a new vetting, unless "
    "something was submitted since it was published."
)


def act_view(act: Callable[..., Profile], summary: str, description: str | None = None) -> Any:
    """The view of one step in the life of a profile; ``act`` is the service that takes it."""

    @open_to(POST=Level.COMMUNITY)
    class ProfileActView(ApiView):
        @operation(summary, serializers.ProfileStatusSerializer, description=description)
        def post(self, request: Request, community_id: int) -> Profile:
            act(by=current_user(request), community_id=community_id)
            return profile_for(current_reader(request))

    return ProfileActView.as_view()


@open_to(POST=Level.COMMUNITY)
class ProfilePauseView(ApiView):
    @operation(
        "No new suggestions until a day, or until resumed",
        serializers.ProfileStatusSerializer,
        takes=serializers.PauseSerializer,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        me = current_user(request)
        services.pause_profile(by=me, community_id=community_id, until=data.get("until"))
        return profile_for(current_reader(request))


@open_to(POST=Level.COMMUNITY)
class ProfilePublishView(ApiView):
    @operation(
        "Publish changes of a published profile", serializers.ProfileVersionSerializer, status=201
    )
    def post(self, request: Request, community_id: int) -> object:
        return republish_profile(by=current_user(request), community_id=community_id)


@open_to(GET=Level.COMMUNITY_OR_STAFF, PUT=Level.COMMUNITY)
class OwnContactsView(ApiView):
    """The people to write to in this community. The other side of an introduction reads them under
    both consents alone.
    """

    @operation("Your own contacts", serializers.OwnContactsSerializer)
    def get(self, request: Request, community_id: int) -> object:
        contacts = services.read_contacts(by=current_user(request), community_id=community_id)
        return {"contacts": contacts}

    @operation(
        "Replace your contacts",
        serializers.OwnContactsSerializer,
        takes=serializers.ContactEntriesSerializer,
    )
    def put(self, request: Request, community_id: int, data: Data) -> object:
        contacts = services.replace_contacts(
            by=current_user(request), community_id=community_id, contacts=data["contacts"]
        )
        return {"contacts": contacts}


@open_to(POST=Level.ADMIN)
class BreakGlassView(ApiView):
    """An administrator opens a community's contacts in an emergency, after a fresh sign-in: name,
    time and reason stay in the trail, which the community reads too, and its people get a notice.
    """

    @operation(
        "Break the glass on contacts",
        serializers.OwnContactsSerializer,
        takes=BreakGlassForm,
        is_repeatable=False,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        """Takes no idempotency key: each reading is in the trail, and no contacts are kept."""
        contacts = services.break_glass(
            by=person_just_signed_in(request), community_id=community_id, reason=data["reason"]
        )
        return {"contacts": contacts}


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class CommunityEventsView(ApiList):
    """The trail of a community: its own acts and what staff did to its profile."""

    serializer_class = CommunityEventSerializer

    def get_queryset(self) -> QuerySet[Event]:
        return trail_for(current_reader(self.request)).select_related("by")


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfileProgressView(ApiView):
    @operation(
        "Topics done, answers still needed, minutes left", serializers.ProfileProgressSerializer
    )
    def get(self, request: Request, community_id: int) -> object:
        return progress_of(profile_for(current_reader(request)))


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfileCoverageView(ApiView):
    """By the engine's weights in force, over the communities that seek on the other side. Only what
    could be published counts.
    """

    @operation(
        "How much others can compare, and what each missing answer would add",
        serializers.CoverageSerializer,
    )
    def get(self, request: Request, community_id: int) -> object:
        profile = profile_for(current_reader(request))
        return coverage_outlook(profile.community, valid_part(profile.draft, profile.community)[0])


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfilePreviewView(ApiView):
    @operation("The draft as others would see it", serializers.PreviewSerializer)
    def get(self, request: Request, community_id: int) -> object:
        profile = profile_for(current_reader(request))
        document, errors = valid_part(profile.draft, profile.community)
        shown = public_document(profile.community_id, document)
        return {"community": profile.community, "profile": shown, "left_out": sorted(errors)}


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ProfileSourcesView(ApiView):
    @operation(
        "What open data say about the answers, and which partners public lists name",
        serializers.SourcesSerializer,
    )
    def get(self, request: Request, community_id: int) -> object:
        profile = profile_for(current_reader(request))
        answers: list[dict[str, Any]] = [
            {"path": path, "value": datum.value, **asdict(datum.source)}
            for path, datum in open_data(profile.community).items()
        ]
        partners = partners_to_offer(profile.community, profile.draft)
        return {"answers": answers, "listed_partners": partners}


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class ExistingPartnershipsView(ApiList):
    """Partnerships that the profile claims. Others see those that staff have confirmed."""

    serializer_class = serializers.ExistingPartnershipSerializer

    def get_queryset(self) -> QuerySet[ExistingPartnership]:
        return claims_of(current_reader(self.request))
