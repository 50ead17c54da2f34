"""People of a community: roles, invitations, requests to join."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

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
from backend.web.rest.base import ApiList, ApiView, current_user, validated
from backend.web.rest.idempotency import idempotent


@open_to(GET=Level.COMMUNITY_OR_STAFF)
class PeopleView(ApiList):
    """Who belongs to the community, the oldest first."""

    serializer_class = serializers.PersonSerializer

    def get_queryset(self) -> QuerySet[CommunityRole]:
        return people_of_community(current_user(self.request), self.kwargs["community_id"])


@open_to(PATCH=Level.COMMUNITY_OR_STAFF, DELETE=Level.COMMUNITY_OR_STAFF)
class PersonView(ApiView):
    @extend_schema(
        summary="Change what a person is",
        request=serializers.RoleChangeSerializer,
        responses=serializers.PersonSerializer,
    )
    def patch(self, request: Request, community_id: int, role_id: int) -> Response:
        data = validated(serializers.RoleChangeSerializer, request.data)
        return Response(
            serializers.PersonSerializer(
                change_role(
                    by=current_user(request), community_id=community_id, role_id=role_id, **data
                )
            ).data
        )

    @extend_schema(
        summary="End a person's role, or your own", responses={200: serializers.PersonSerializer}
    )
    def delete(self, request: Request, community_id: int, role_id: int) -> Response:
        return Response(
            serializers.PersonSerializer(
                end_role(by=current_user(request), community_id=community_id, role_id=role_id)
            ).data
        )


@open_to(GET=Level.COMMUNITY_OR_STAFF, POST=Level.COMMUNITY_OR_STAFF)
class InvitationsView(ApiList):
    """Invitations that wait, the oldest first."""

    serializer_class = serializers.InvitationSerializer

    def get_queryset(self) -> QuerySet[Invitation]:
        return open_invitations(current_user(self.request), self.kwargs["community_id"])

    @extend_schema(
        summary="Invite a colleague",
        request=serializers.InvitationRequestSerializer,
        responses={201: serializers.InvitationSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        data = validated(serializers.InvitationRequestSerializer, request.data)
        made = invite_colleague(by=current_user(request), community_id=community_id, **data)
        return Response(serializers.InvitationSerializer(made).data, status=201)


@open_to(DELETE=Level.COMMUNITY_OR_STAFF)
class InvitationView(ApiView):
    @extend_schema(
        summary="Take an invitation back", responses={200: serializers.InvitationSerializer}
    )
    def delete(self, request: Request, community_id: int, invitation_id: int) -> Response:
        revoked = revoke_invitation(
            by=current_user(request), community_id=community_id, invitation_id=invitation_id
        )
        return Response(serializers.InvitationSerializer(revoked).data)


@open_to(GET=Level.SIGNED_IN)
class OwnInvitationsView(ApiList):
    """Invitations that wait for you, the oldest first."""

    serializer_class = serializers.OwnInvitationSerializer

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations_to(current_user(self.request))


@open_to(POST=Level.SIGNED_IN)
class AcceptView(ApiView):
    @extend_schema(
        summary="Accept an invitation", request=None, responses={201: serializers.PersonSerializer}
    )
    @idempotent
    def post(self, request: Request, invitation_id: int) -> Response:
        role = accept_invitation(by=current_user(request), invitation_id=invitation_id)
        return Response(serializers.PersonSerializer(role).data, status=201)


@open_to(GET=Level.COMMUNITY_OR_STAFF, POST=Level.SIGNED_IN)
class JoinRequestsView(ApiList):
    """Who asks to join, the longest waiting first."""

    serializer_class = serializers.JoinRequestSerializer

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return waiting_requests(current_user(self.request), self.kwargs["community_id"])

    @extend_schema(
        summary="Ask to join a community that is registered already",
        request=serializers.AskSerializer,
        responses={201: serializers.JoinRequestSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int) -> Response:
        data = ask_to_join(
            by=current_user(request),
            community_id=community_id,
            **validated(serializers.AskSerializer, request.data),
        )
        return Response(serializers.JoinRequestSerializer(data).data, status=201)


@open_to(POST=Level.COMMUNITY_OR_STAFF)
class JoinAnswerView(ApiView):
    @extend_schema(
        summary="Let the person in, or refuse",
        request=serializers.JoinAnswerSerializer,
        responses=serializers.JoinRequestSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, request_id: int) -> Response:
        said = validated(serializers.JoinAnswerSerializer, request.data)
        answered = answer_request(
            by=current_user(request), community_id=community_id, request_id=request_id, **said
        )
        return Response(serializers.JoinRequestSerializer(answered).data)


@open_to(GET=Level.SIGNED_IN)
class OwnJoinRequestsView(ApiList):
    """Your requests to join, the latest first."""

    serializer_class = serializers.CommunityJoinRequestSerializer

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return requests_of(current_user(self.request))


@open_to(DELETE=Level.SIGNED_IN)
class OwnJoinRequestView(ApiView):
    @extend_schema(
        summary="Take your request back", responses={200: serializers.JoinRequestSerializer}
    )
    def delete(self, request: Request, request_id: int) -> Response:
        return Response(
            serializers.JoinRequestSerializer(
                withdraw_request(by=current_user(request), request_id=request_id)
            ).data
        )


@open_to(GET=Level.STAFF)
class StaffJoinRequestsView(ApiList):
    """Requests to join of all communities, the longest waiting first."""

    serializer_class = serializers.CommunityJoinRequestSerializer

    def get_queryset(self) -> QuerySet[JoinRequest]:
        return all_waiting_requests(current_user(self.request))
