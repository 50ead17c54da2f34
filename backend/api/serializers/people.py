"""The signed-in person: roles and messages."""

from __future__ import annotations

from rest_framework import serializers

from backend.accounts.models import User
from backend.api.serializers.communities import CommunityNameSerializer
from backend.api.serializers.strict import StrictSerializer
from backend.cities.models import CommunityRole
from backend.notifications.models import Notification


class RoleSerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    role = serializers.ChoiceField(choices=CommunityRole.Role.choices)
    vetted_at = serializers.DateTimeField(allow_null=True, help_text="Null: staff have not confirmed the person yet")


class MeSerializer(serializers.Serializer):
    email = serializers.CharField()
    name = serializers.CharField()
    language = serializers.CharField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices, allow_blank=True)
    unread_notifications = serializers.IntegerField()
    roles = RoleSerializer(many=True)


class NotificationSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Notification.Kind.choices)
    community = CommunityNameSerializer(allow_null=True, help_text="Your side")
    subject_id = serializers.IntegerField(allow_null=True, help_text="What it is about, by kind")
    payload = serializers.JSONField(help_text="Ids and counts")
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class MarkReadSerializer(StrictSerializer):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=500,
        required=False,
        allow_null=True,
        default=None,
        help_text="Without it: all",
    )


class MarkedSerializer(serializers.Serializer):
    marked = serializers.IntegerField(help_text="How many were unread")
