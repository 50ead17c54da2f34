"""Meetings of an introduction, as either side and staff see them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.common.bounds import LARGEST_ID, longest
from backend.introductions.meeting_times import LONGEST_TIME, MOST
from backend.introductions.models import Meeting
from backend.introductions.models.meetings import LONGEST_MINUTES, SHORTEST_MINUTES, USUAL_MINUTES
from backend.introductions.queries.meetings import MeetingForReader
from backend.web.rest.base import StrictSerializer


class ClockSerializer(serializers.Serializer):
    """A moment as one place's clock shows it."""

    community_id = serializers.IntegerField(source="community.pk")
    local = serializers.SerializerMethodField(help_text="Local date and time, without an offset")
    zone = serializers.CharField(help_text="IANA time zone")

    def get_local(self, clock: Any) -> str:
        return str(clock.when.isoformat(timespec="minutes"))


class ProposedTimeSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="time_id")
    starts_at = serializers.DateTimeField()
    clocks = ClockSerializer(many=True)
    accepted_by = serializers.SerializerMethodField(help_text="Communities that can come")

    def get_accepted_by(self, time: Any) -> list[int]:
        return [side.pk for side in time.accepted_by]


class MeetingSerializer(serializers.Serializer):
    """One meeting; `times` are those of the last proposal, `starts_at` is empty until one was
    fixed.
    """

    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Meeting.Status.choices)
    minutes = serializers.IntegerField()
    place = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    clocks = ClockSerializer(many=True)
    times = ProposedTimeSerializer(many=True)
    sequence = serializers.IntegerField(help_text="Of the calendar entry; rises with each change")

    def to_representation(self, view: MeetingForReader) -> Any:
        meeting = view.meeting
        names = {
            name: getattr(meeting, name)
            for name in ("id", "status", "minutes", "place", "starts_at", "sequence")
        }
        return super().to_representation(names | {"clocks": view.clocks, "times": view.times})


class TimesSerializer(StrictSerializer):
    times = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TIME),
        max_length=20,
        help_text="Two to five, ISO 8601. Without an offset: local time of your side, or of the "
        "one that `zone_of_id` names",
    )
    zone_of_id = serializers.IntegerField(
        min_value=1, max_value=LARGEST_ID, required=False, allow_null=True, default=None
    )


class ProposeSerializer(TimesSerializer):
    minutes = serializers.IntegerField(
        min_value=SHORTEST_MINUTES, max_value=LONGEST_MINUTES, required=False, default=USUAL_MINUTES
    )
    place = serializers.CharField(
        max_length=longest(Meeting, "place"),
        allow_blank=True,
        required=False,
        default="",
        help_text="A room, or a link",
    )


class AcceptSerializer(StrictSerializer):
    time_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID), max_length=MOST
    )


class FixSerializer(StrictSerializer):
    time_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
