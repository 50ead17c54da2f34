"""One's own account, roles, messages, tokens and data; and who is staff."""

from __future__ import annotations

from rest_framework import serializers

from backend.accounts.models import ApiToken, User
from backend.cities.models import CommunityRole
from backend.common.bounds import longest
from backend.notifications.notices import kind_choices
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer


class RoleSerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    role = serializers.ChoiceField(choices=CommunityRole.Role.choices)
    vetted_at = serializers.DateTimeField(
        allow_null=True, help_text="Null: staff have not confirmed the person yet"
    )


class MeSerializer(serializers.Serializer):
    email = serializers.CharField()
    name = serializers.CharField()
    language = serializers.CharField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices, allow_blank=True)
    unread_notifications = serializers.IntegerField()
    roles = RoleSerializer(many=True)


class NotificationSerializer(serializers.Serializer):
    id = serializers.CharField(source="public_id")
    kind = serializers.ChoiceField(choices=kind_choices())
    community = CommunityNameSerializer(allow_null=True, help_text="Your side")
    subject_id = serializers.IntegerField(allow_null=True, help_text="What it is about, by kind")
    payload = serializers.JSONField(help_text="Ids and counts")
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class MarkReadSerializer(StrictSerializer):
    ids = serializers.ListField(
        child=serializers.CharField(max_length=32),
        max_length=500,
        required=False,
        allow_null=True,
        default=None,
        help_text="Without it: all",
    )


class MarkedSerializer(serializers.Serializer):
    marked = serializers.IntegerField(help_text="How many were unread")


class AccountChangeSerializer(StrictSerializer):
    name = serializers.CharField(max_length=longest(User, "name"), required=False)
    language = serializers.CharField(
        max_length=longest(User, "language"),
        required=False,
        help_text="One of the languages of the service, as `en`",
    )


class AuditEntrySerializer(serializers.Serializer):
    id = serializers.CharField(source="public_id")
    topic = serializers.CharField()
    community_id = serializers.IntegerField(allow_null=True)
    recorded_at = serializers.DateTimeField()


class TokenSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    scope = serializers.ChoiceField(choices=ApiToken.TokenScope.choices)
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry")


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="Shown this once. Send it as `Authorization: Token …`")


class OwnedTokenSerializer(TokenSerializer):
    owner = serializers.CharField(source="user.email")


class PersonalDataSerializer(serializers.Serializer):
    account = serializers.DictField()
    addresses = serializers.ListField(child=serializers.DictField())
    sessions = serializers.ListField(child=serializers.DictField())
    second_factors = serializers.ListField(child=serializers.DictField())
    records = serializers.DictField(
        help_text="Rows that name you, by table and column; `outbox.event.by` are your acts"
    )


class StaffMemberSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    name = serializers.CharField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices)
    with_second_factor = serializers.BooleanField()


class StaffRoleSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices, allow_blank=True)
