"""Requests that say what they mean: a name that is not known is an error, never dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer):
    """The shape of a request's body or filters. Raises ValidationError for names beyond its fields (and ``also_allowed``)."""

    also_allowed: frozenset[str] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields) - self.also_allowed)
            if unknown:
                raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)


class FilterSerializer(StrictSerializer):
    """Query parameters of a list; those of its pages are the paginator's."""

    also_allowed = frozenset({"cursor", "page_size"})
