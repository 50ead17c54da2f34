"""Versions of the weights as staff see them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.suggestions.models import WeightSet


class CalibrationSerializer(serializers.Serializer):
    """On decisions not seen; lower is better."""

    brier = serializers.FloatField()
    log_loss = serializers.FloatField()


class WeightsComparisonSerializer(serializers.Serializer):
    learned = CalibrationSerializer(help_text="By these weights")
    in_use = CalibrationSerializer(help_text="By the weights that were in force when they were learned")


class WeightSetSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    version = serializers.CharField()
    unit = serializers.DictField(child=serializers.FloatField(), help_text="Weight of each facet per point of importance")
    source = serializers.CharField()  # type: ignore[assignment]
    decisions = serializers.IntegerField(help_text="How many answers they rest on")
    compared_with = serializers.CharField(allow_null=True, help_text="Version of the weights then in force")
    is_better = serializers.BooleanField(help_text="Better calibrated than those by every measure: it may be promoted")
    by_community = WeightsComparisonSerializer(allow_null=True, help_text="On communities not seen")
    by_time = WeightsComparisonSerializer(allow_null=True, help_text="On later decisions")
    created_at = serializers.DateTimeField()
    in_force = serializers.BooleanField()
    promoted_at = serializers.DateTimeField(allow_null=True)
    promoted_by_id = serializers.IntegerField(allow_null=True)

    def to_representation(self, row: WeightSet) -> Any:
        metrics = row.metrics
        values = {
            name: getattr(row, name) for name in ("id", "source", "decisions", "created_at", "in_force", "promoted_at", "promoted_by_id")
        }
        values |= {"version": row.weights["version"], "unit": row.weights["unit"]}
        values |= {"compared_with": metrics.get("compared_with"), "is_better": bool(metrics.get("is_better"))}
        for unseen in ("community", "time"):
            learned, in_use = metrics.get(f"learned_by_{unseen}"), metrics.get(f"in_use_by_{unseen}")
            values[f"by_{unseen}"] = {"learned": learned, "in_use": in_use} if learned and in_use else None
        return super().to_representation(values)
