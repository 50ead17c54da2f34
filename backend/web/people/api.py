"""People of a community: roles, invitations, requests to join."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request

from backend.cities.models import CommunityRole, Invitation, JoinRequest
from backend.cities.services.invitations import (
    accept_invitation,
    all_waiting_requests,
    answer_request,
    ask_to_join,
    invitations_to,
    invite_colleague,
    open_invitations,
    requests_of,
    revoke_invitation,
    waiting_requests,
    withdraw_request,
)
from backend.cities.services.people import change_role, end_role, people_of_community
from backend.web.access import Level, open_to
from backend.web.people import serializers
from backend.web.people.forms import AskForm, InvitationForm, RoleForm
from backend.web.rest.base import ApiList, ApiView, Data, current_reader, current_user, operation


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class PeopleView(ApiList):
    """Who belongs to the community, the oldest first."""

    serializer_class = serializers.PersonSerializer

    def get_queryset(self) -> QuerySet[CommunityRole]:
        return people_of_community(current_reader(self.request))


@open_to(PATCH=Level.COMMUNITY_OR_STAFF, DELETE=Level.COMMUNITY_OR_STAFF)
class PersonView(ApiView):
    @operation("Change what a person is", serializers.PersonSerializer, takes=RoleForm)
    def patch(self, request: Request, community_id: int, role_id: int, data: Data) -> object:
        return change_role(
            by=current_user(request), community_id=community_id, role_id=role_id, **data
        )

    @operation("End a person's role, or your own", serializers.PersonSerializer)
    def delete(self, request: Request, community_id: int, role_id: int) -> object:
        return end_role(by=current_user(request), community_id=community_id, role_id=role_id)


@open_to(GET=Level.COMMUNITY_OR_STAFF, POST=Level.COMMUNITY_OR_STAFF)
class InvitationsView(ApiList):
    """Invitations that wait, the oldest first."""

    serializer_class = serializers.InvitationSerializer

    def get_queryset(self) -> QuerySet[Invitation]:
        return open_invitations(current_reader(self.request))

    @operation(
        "Invite a colleague", serializers.InvitationSerializer, takes=InvitationForm, status=201
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return invite_colleague(by=current_user(request), community_id=community_id, **data)


@open_to(DELETE=Level.COMMUNITY_OR_STAFF)
class InvitationView(ApiView):
    @operation("Take an invitation back", serializers.InvitationSerializer)
    def delete(self, request: Request, community_id: int, invitation_id: int) -> object:
        return revoke_invitation(
            by=current_user(request), community_id=community_id, invitation_id=invitation_id
        )


@open_to(GET=Level.SIGNED_IN)
class OwnInvitationsView(ApiList):
    """Invitations that wait for you, the oldest first."""

    serializer_class = serializers.OwnInvitationSerializer

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations_to(current_user(self.request))


@open_to(POST=Level.SIGNED_IN)
class AcceptView(ApiView):
    @operation("Accept an invitation", serializers.PersonSerializer, status=201)
    def post(self, request: Request, invitation_id: int) -> object:
        return accept_invitation(by=current_user(request), invitation_id=invitation_id)


@open_to(GET=Level.COMMUNITY_OR_STAFF, POST=Level.SIGNED_IN)
class JoinRequestsView(ApiList):
    """Who asks to join, the longest waiting first."""

    serializer_class = serializers.JoinRequestSerializer

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return waiting_requests(current_reader(self.request))

    @operation(
        "Ask to join a community that is registered already",
        serializers.JoinRequestSerializer,
        takes=AskForm,
        status=201,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return ask_to_join(by=current_user(request), community_id=community_id, **data)


@open_to(POST=Level.COMMUNITY_OR_STAFF)
class JoinAnswerView(ApiView):
    @operation(
        "Let the person in, or refuse",
        serializers.JoinRequestSerializer,
        takes=serializers.JoinAnswerSerializer,
    )
    def post(self, request: Request, community_id: int, request_id: int, data: Data) -> object:
        said = data
        return answer_request(
            by=current_user(request), community_id=community_id, request_id=request_id, **said
        )


@open_to(GET=Level.SIGNED_IN)
class OwnJoinRequestsView(ApiList):
    """Your requests to join, the latest first."""

    serializer_class = serializers.CommunityJoinRequestSerializer

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return requests_of(current_user(self.request))


@open_to(DELETE=Level.SIGNED_IN)
class OwnJoinRequestView(ApiView):
    @operation("Take your request back", serializers.JoinRequestSerializer)
    def delete(self, request: Request, request_id: int) -> object:
        return withdraw_request(by=current_user(request), request_id=request_id)


@open_to(GET=Level.STAFF)
class StaffJoinRequestsView(ApiList):
    """Requests to join of all communities, the longest waiting first."""

    serializer_class = serializers.CommunityJoinRequestSerializer

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return all_waiting_requests(current_user(self.request))
