"""What staff see of the service's own work: scoring runs, dead letters, events."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.serializers.strict import FilterSerializer
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringRun


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
        return super().to_representation({name: getattr(run, name) for name in names} | {"progress": progress})


class EventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    topic = serializers.ChoiceField(choices=Topic.choices)
    subject_type = serializers.CharField()
    subject_id = serializers.IntegerField()
    community_id = serializers.IntegerField(allow_null=True)
    by_id = serializers.IntegerField(allow_null=True, help_text="Null: the service itself")
    payload = serializers.JSONField()
    recorded_at = serializers.DateTimeField()


class RequestedSerializer(serializers.Serializer):
    event_id = serializers.IntegerField(help_text="The request; a worker begins the run within seconds")


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


class EventFilters(FilterSerializer):
    topic = serializers.ChoiceField(choices=Topic.choices, required=False)
    subject_type = serializers.CharField(required=False, max_length=40)
    subject_id = serializers.IntegerField(required=False, min_value=0, max_value=2**63 - 1)
    community_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
