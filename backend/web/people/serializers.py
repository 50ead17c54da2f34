"""People of a community, invitations and requests to join."""

from __future__ import annotations

from rest_framework import serializers

from backend.cities.models import CommunityRole, Invitation, JoinRequest
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer

_ROLES = CommunityRole.Role.choices


class PersonSerializer(serializers.Serializer):
    id = serializers.IntegerField(help_text="Of the role; what the address of a change names")
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=_ROLES)
    vetted_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class InvitationSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=_ROLES)
    status = serializers.ChoiceField(choices=Invitation.Status.choices)
    invited_by = serializers.CharField(source="invited_by.name")
    invited_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class OwnInvitationSerializer(InvitationSerializer):
    community = CommunityNameSerializer()


class JoinRequestSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=_ROLES)
    line = serializers.CharField()
    status = serializers.ChoiceField(choices=JoinRequest.Status.choices)
    asked_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)


class CommunityJoinRequestSerializer(JoinRequestSerializer):
    community = CommunityNameSerializer()


class JoinAnswerSerializer(StrictSerializer):
    accept = serializers.BooleanField()
