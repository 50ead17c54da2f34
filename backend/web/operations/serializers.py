"""What staff see of the service's own work: statistics, scoring runs, weights, dead letters,
events.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.outbox.topics import Topic
from backend.privacy.data import NUMBERED_SUBJECTS, without_numbers
from backend.suggestions.models import ScoringRun, WeightSet


class ProgressSerializer(serializers.Serializer):
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class RunSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=ScoringRun.Status.choices)
    reason = serializers.CharField()
    k = serializers.IntegerField()
    left_count = serializers.IntegerField()
    right_count = serializers.IntegerField()
    progress = ProgressSerializer(help_text="Shards")
    pairs_scored = serializers.IntegerField()
    suggestions_made = serializers.IntegerField()
    begun_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()

    def to_representation(self, run: Any) -> Any:
        names = [str(name) for name in self.fields if name != "progress"]
        progress = {"done": run.shards_done, "total": run.shard_count}
        return super().to_representation(
            {name: getattr(run, name) for name in names} | {"progress": progress}
        )


class EventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    topic = serializers.ChoiceField(choices=Topic.choices)
    subject_type = serializers.CharField()
    subject_id = serializers.IntegerField()
    community_id = serializers.IntegerField(allow_null=True)
    by_id = serializers.IntegerField(allow_null=True, help_text="Null: the service itself")
    payload = serializers.JSONField()
    recorded_at = serializers.DateTimeField()


class CommunityEventSerializer(EventSerializer):
    """An event as its community reads it."""

    id = serializers.CharField(source="public_id")  # type: ignore[assignment]
    subject_id = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="Null where no address of yours holds it: it would count what others do"
    )
    payload = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="Codes and counts; of other rows their number is left out as well"
    )
    by_name = serializers.CharField(
        source="by.__str__", default="", help_text="Empty: the service itself"
    )

    def get_subject_id(self, event: Any) -> int | None:
        return int(event.subject_id) if event.subject_type in NUMBERED_SUBJECTS else None

    def get_payload(self, event: Any) -> dict[str, Any]:
        return without_numbers(event.payload, keeps_people=True)


class RequestedSerializer(serializers.Serializer):
    event_id = serializers.IntegerField(
        help_text="The request; a worker begins the run within seconds"
    )


class DeadLetterSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    task = serializers.CharField()
    key = serializers.CharField(help_text="What the task works on")
    attempts = serializers.IntegerField()
    last_error = serializers.CharField()
    finished_at = serializers.DateTimeField(allow_null=True)
    event = EventSerializer(allow_null=True)


class RetriedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.CharField()


class CalibrationSerializer(serializers.Serializer):
    """On decisions not seen; lower is better."""

    brier = serializers.FloatField()
    log_loss = serializers.FloatField()


class WeightsComparisonSerializer(serializers.Serializer):
    learned = CalibrationSerializer(help_text="By these weights")
    in_use = CalibrationSerializer(
        help_text="By the weights that were in force when they were learned"
    )


class WeightSetSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    version = serializers.CharField()
    unit = serializers.DictField(
        child=serializers.FloatField(), help_text="Weight of each facet per point of importance"
    )
    source = serializers.CharField()  # type: ignore[assignment]
    decisions = serializers.IntegerField(help_text="How many answers they rest on")
    compared_with = serializers.CharField(
        allow_null=True, help_text="Version of the weights then in force"
    )
    is_better = serializers.BooleanField(
        help_text="Better calibrated than those by every measure: it may be promoted"
    )
    by_community = WeightsComparisonSerializer(allow_null=True, help_text="On communities not seen")
    by_time = WeightsComparisonSerializer(allow_null=True, help_text="On later decisions")
    created_at = serializers.DateTimeField()
    in_force = serializers.BooleanField()
    promoted_at = serializers.DateTimeField(allow_null=True)
    promoted_by_id = serializers.IntegerField(allow_null=True)

    def to_representation(self, row: WeightSet) -> Any:
        metrics = row.metrics
        values = {
            name: getattr(row, name)
            for name in (
                "id",
                "source",
                "decisions",
                "created_at",
                "in_force",
                "promoted_at",
                "promoted_by_id",
            )
        }
        values |= {"version": row.weights["version"], "unit": row.weights["unit"]}
        values |= {
            "compared_with": metrics.get("compared_with"),
            "is_better": bool(metrics.get("is_better")),
        }
        for unseen in ("community", "time"):
            learned, in_use = (
                metrics.get(f"learned_by_{unseen}"),
                metrics.get(f"in_use_by_{unseen}"),
            )
            values[f"by_{unseen}"] = (
                {"learned": learned, "in_use": in_use} if learned and in_use else None
            )
        return super().to_representation(values)


class FiguresSerializer(serializers.Serializer):
    name = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(
        child=serializers.JSONField(), help_text="Each a list of values, in the order of `columns`"
    )
