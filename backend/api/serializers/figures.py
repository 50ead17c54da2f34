"""The staff overview's figures."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.serializers.strict import StrictSerializer


class FiguresFilters(StrictSerializer):
    since = serializers.DateField(required=False, help_text="First day, UTC")
    until = serializers.DateField(required=False, help_text="Last day, UTC")
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False, help_text="ISO 3166-1 alpha-2, of either side")
    by = serializers.ChoiceField(choices=["month", "country"], required=False, default="month", help_text="For funnel and responses")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("since") and attrs.get("until") and attrs["since"] > attrs["until"]:
            raise serializers.ValidationError({"until": ["The last day lies before the first."]})
        return attrs


class FiguresSerializer(serializers.Serializer):
    name = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.JSONField(), help_text="Each a list of values, in the order of `columns`")
