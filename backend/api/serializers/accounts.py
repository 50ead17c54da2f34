"""One's own account, its tokens and its data; and who is staff."""

from __future__ import annotations

from rest_framework import serializers

from backend.accounts.models import User
from backend.api.serializers.strict import StrictSerializer


class AccountChangeSerializer(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False)
    language = serializers.CharField(max_length=10, required=False, help_text="One of the languages of the service, as `en`")


class ActSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    topic = serializers.CharField()
    community_id = serializers.IntegerField(allow_null=True)
    recorded_at = serializers.DateTimeField()


class TokenSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry")


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="Shown this once. Send it as `Authorization: Token …`")


class TokenRequestSerializer(StrictSerializer):
    name = serializers.CharField(max_length=80, help_text="What it is for")
    days = serializers.IntegerField(min_value=1, max_value=365, default=90, help_text="How long it is valid")


class OwnedTokenSerializer(TokenSerializer):
    owner = serializers.CharField(source="user.email")


class PersonalDataSerializer(serializers.Serializer):
    account = serializers.DictField()
    addresses = serializers.ListField(child=serializers.DictField())
    sessions = serializers.ListField(child=serializers.DictField())
    second_factors = serializers.ListField(child=serializers.DictField())
    records = serializers.DictField(help_text="Rows that name you, by table and column; `outbox.event.by` are your acts")


class EraseSerializer(StrictSerializer):
    email = serializers.EmailField(help_text="The address of the account, to be sure. There is no way back.")


class StaffMemberSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    name = serializers.CharField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices)
    with_second_factor = serializers.BooleanField()


class StaffRoleRequestSerializer(StrictSerializer):
    email = serializers.EmailField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices, allow_blank=True, help_text="Empty: not staff any more")


class StaffRoleSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    email = serializers.CharField()
    staff_role = serializers.ChoiceField(choices=User.StaffRole.choices, allow_blank=True)
