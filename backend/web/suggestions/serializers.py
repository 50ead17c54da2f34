"""Suggestions as one side sees them; votes, rules, shortlist, and candidates side by side."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Any

from rest_framework import serializers

from backend.common.bounds import LARGEST_ID
from backend.common.dates import database_now
from backend.suggestions.models import AnswerRule, Vote
from backend.suggestions.pair_text import ReadBy, pair_text
from backend.suggestions.reviews import Review
from backend.suggestions.services.prospects import CAUSES
from backend.suggestions.sides import FIT_WORDS, GOOD_IN_100, STRONG_IN_100, Fit
from backend.web.public.serializers import CommunityNameSerializer
from backend.web.rest.base import StrictSerializer

_SIDE_STATES = [
    "open",
    "waiting",
    "declined",
    "withdrawn",
    "mutual",
    "introduced",
    "ended",
    "closed",
    "not_seeking",
]


class ContributionSerializer(serializers.Serializer):
    facet = serializers.CharField()
    share = serializers.FloatField(help_text="Its part of the gain; the parts sum to it")
    similarity = serializers.FloatField(allow_null=True)
    lift = serializers.FloatField(
        allow_null=True, help_text="How far it lies above what candidates typically bring"
    )
    weight = serializers.FloatField()


class ItemSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="Such as topic:port_logistics")
    words = serializers.CharField(source="label")
    offered_by = serializers.IntegerField(
        allow_null=True,
        help_text="How many of your candidates bring the same, or come as close; null where that "
        "is not counted, and for the other side",
    )
    candidates = serializers.IntegerField(
        allow_null=True, help_text="How many communities your own wishes allow"
    )


class StatementSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="Which fact, such as needs_met or coast")
    words = serializers.CharField()
    items = ItemSerializer(many=True)


class ReasonsSerializer(serializers.Serializer):
    """In words, in the language of the request. Each statement is true of both profiles."""

    gains = StatementSerializer(many=True, help_text="What the other side brings to this one")
    in_common = StatementSerializer(many=True, help_text="What is merely alike")
    possible = StatementSerializer(many=True, help_text="What makes working together possible")
    caveat = StatementSerializer(allow_null=True, help_text="The one thing to know before deciding")
    needs_met = serializers.IntegerField(help_text="Needs of this side that the other offers")
    missing_own = serializers.ListField(
        child=serializers.CharField(), help_text="Facets of which this side has said nothing"
    )
    missing_other = serializers.ListField(
        child=serializers.CharField(), help_text="Facets of which the other has said nothing"
    )
    not_counted = serializers.ListField(
        child=serializers.CharField(), help_text="Facets to which this side gives no weight"
    )
    contributions = ContributionSerializer(many=True)


class FitSerializer(serializers.Serializer):
    """How well the other side fits this one, as it was when the suggestion was made."""

    word = serializers.ChoiceField(
        choices=[*FIT_WORDS, ""],
        help_text=f"strong: among the best {STRONG_IN_100} in 100 of the candidates that this "
        f"side's own wishes allow; good: the best {GOOD_IN_100}; fair: what follows; empty: older "
        "than these words",
    )
    rank = serializers.IntegerField(
        allow_null=True, help_text="The place among them, 1 = best; for your own side alone"
    )
    candidates = serializers.IntegerField(
        allow_null=True, help_text="How many there were; for your own side alone"
    )


class SideSerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    fit = FitSerializer()
    reasons = ReasonsSerializer()


class CompletenessSerializer(serializers.Serializer):
    """How much of what counts for your side could be compared."""

    compared = serializers.IntegerField(help_text="Kinds of fit of which both sides have data")
    counted = serializers.IntegerField(help_text="Kinds of fit that count for your side")


def pair_values(
    first: Fit, second: Fit, *, read_by: ReadBy, today: dt.date
) -> tuple[dict[str, Any], ...]:
    """What ``SideSerializer`` shows of both sides of a pair."""
    pair = pair_text(first, second, read_by=read_by, today=today)
    return tuple(
        {
            "community": fit.community,
            "fit": _fit_values(fit, figures=read_by == "staff" or fit is first),
            "reasons": {
                "gains": side.said.gains,
                "in_common": pair.in_common,
                "possible": pair.possible,
                "caveat": side.said.caveat,
                "needs_met": side.needs_met,
                "missing_own": side.said.missing_own,
                "missing_other": side.said.missing_other,
                "not_counted": side.said.not_counted,
                "contributions": [
                    {"lift": None} | row for row in fit.reasons.get("contributions", ())
                ],
            },
        }
        for fit, side in zip((first, second), pair.sides, strict=True)
    )


def _fit_values(fit: Fit, *, figures: bool) -> dict[str, Any]:
    """``figures`` are for the side itself and staff: how many candidates its wishes allow is its
    own affair.
    """
    return {
        "word": fit.word,
        "rank": fit.rank if figures else None,
        "candidates": fit.candidates if figures else None,
    }


class SuggestionSerializer(serializers.Serializer):
    """A suggestion from one side. Nothing here depends on the other side's answer before both are
    interested.
    """

    id = serializers.IntegerField()
    state = serializers.ChoiceField(
        choices=_SIDE_STATES,
        help_text="open: yours to answer; waiting: you are interested; ended: both were "
        "interested, and the introduction is closed; closed: its time ran out; not_seeking: your "
        "community has ended its search",
    )
    completeness = CompletenessSerializer()
    own = SideSerializer()
    other = SideSerializer()
    released_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when your own last answer can be undone"
    )

    @cached_property
    def today(self) -> dt.date:
        """One day for the whole page."""
        return database_now().date()

    def to_representation(self, view: Any) -> Any:
        own, other = pair_values(view.own_fit, view.other_fit, read_by="first", today=self.today)
        return super().to_representation(
            {
                "id": view.suggestion_id,
                "state": view.status_for_side,
                "completeness": dict(zip(("compared", "counted"), view.own_fit.kinds, strict=True)),
                "own": own,
                "other": other,
                "released_at": view.released_at,
                "expires_at": view.expires_at,
                "undo_until": view.undo_until,
            }
        )


class PartnerRequestSerializer(serializers.Serializer):
    """A community that yours would like to meet. Nothing here depends on what the other side or
    staff have said, until the two are suggested to each other.
    """

    named = CommunityNameSerializer()
    note = serializers.CharField()
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    answer_at = serializers.DateTimeField(
        help_text="When you read an answer, whatever it is; a suggestion may come before"
    )
    state = serializers.ChoiceField(
        choices=["waiting", "suggested", "answered"],
        help_text="answered: the standard answer, whatever the cause",
    )
    suggestion_id = serializers.IntegerField(allow_null=True)
    again_at = serializers.DateTimeField(help_text="From when the same may be named again")


class PartnerRequestsSerializer(serializers.Serializer):
    requests = PartnerRequestSerializer(many=True)
    left = serializers.IntegerField(help_text="How many more may be named this month (UTC)")
    answer = serializers.CharField(help_text="The standard answer, in the reader's language")


class CauseSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=CAUSES)
    words = serializers.CharField()
    figures = serializers.JSONField()


class NearCommunitySerializer(serializers.Serializer):
    community = CommunityNameSerializer()
    needs = serializers.ListField(child=serializers.CharField(), help_text="Yours that it offers")


class VersionEffectSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField()
    new = serializers.IntegerField(
        allow_null=True, help_text="Suggestions since then; empty until the version is scored"
    )


class StandingSerializer(serializers.Serializer):
    """Why your community has few suggestions: by its own answers and what anybody may read of the
    others. `others` is always among the causes and says nothing of anybody.
    """

    open = serializers.IntegerField(help_text="Suggestions that go on for your community")
    is_few = serializers.BooleanField(help_text="Only then there are causes")
    causes = CauseSerializer(many=True)
    nearest = NearCommunitySerializer(many=True, help_text="Just below what is asked for")
    version = VersionEffectSerializer(
        allow_null=True, help_text="What the newest version has changed, if it is not old"
    )


class CountsSerializer(serializers.Serializer):
    all = serializers.IntegerField()
    awaiting_me = serializers.IntegerField()
    new = serializers.IntegerField()
    shortlist = serializers.IntegerField()
    answered = serializers.IntegerField()


class CountryCountSerializer(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class QueueCountsSerializer(serializers.Serializer):
    """How many suggestions each filter shows, by what the side itself knows."""

    shown = CountsSerializer()
    countries = CountryCountSerializer(many=True)


class TallySerializer(serializers.Serializer):
    yes = serializers.IntegerField()
    maybe = serializers.IntegerField()
    no = serializers.IntegerField()


class SetAsideSerializer(serializers.Serializer):
    by = serializers.CharField()
    at = serializers.DateTimeField()
    because = serializers.CharField()


class VoteSerializer(serializers.Serializer):
    voter_id = serializers.IntegerField(source="by_id")
    voter = serializers.CharField(source="by")
    choice = serializers.ChoiceField(choices=Vote.Choice.choices)
    comment = serializers.CharField()
    voted_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    set_aside = SetAsideSerializer(
        allow_null=True, help_text="Where it does not count: who set it aside, when and why"
    )


class StaffVoteSerializer(VoteSerializer):
    community_id = serializers.IntegerField()


class StaffVotesSerializer(serializers.Serializer):
    votes = StaffVoteSerializer(many=True)


class RuleSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=AnswerRule.Kind.choices)
    votes_needed = serializers.IntegerField(
        allow_null=True, help_text="How many must have voted; for a majority alone"
    )


class SetRuleSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=AnswerRule.Kind.choices)
    votes_needed = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=9999
    )


class ObjectionsSerializer(serializers.Serializer):
    interested = serializers.CharField(
        help_text="Why your rule does not allow this answer yet; empty where it does"
    )
    declined = serializers.CharField()


class ReviewSerializer(serializers.Serializer):
    """What one side's own people think. Nobody else but staff ever reads it."""

    suggestion_id = serializers.IntegerField()
    tally = TallySerializer()
    own_vote = VoteSerializer(allow_null=True)
    votes = VoteSerializer(
        many=True,
        help_text="Everybody's for those who answer for the community, and for who has voted; "
        "none before that. Nothing is kept back once the community has answered.",
    )
    is_shortlisted = serializers.BooleanField()
    may_vote = serializers.BooleanField()
    may_set_aside = serializers.BooleanField(help_text="Votes of others, with a reason")
    rule = RuleSerializer()
    objections = ObjectionsSerializer()

    def to_representation(self, review: Review) -> Any:
        names = (
            "suggestion_id",
            "tally",
            "own_vote",
            "votes",
            "is_shortlisted",
            "may_vote",
            "may_set_aside",
            "rule",
        )
        objections = {answer: review.objection_to(answer) for answer in ("interested", "declined")}
        return super().to_representation(
            {name: getattr(review, name) for name in names} | {"objections": objections}
        )


class VoterSerializer(StrictSerializer):
    voter_id = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)


class ShortlistSerializer(StrictSerializer):
    listed = serializers.BooleanField()


class StretchSerializer(serializers.Serializer):
    own_from = serializers.DateTimeField(source="first_from")
    own_to = serializers.DateTimeField(source="first_to")
    other_from = serializers.DateTimeField(source="second_from")
    other_to = serializers.DateTimeField(source="second_to")


class SeasonSerializer(serializers.Serializer):
    from_day = serializers.DateField(source="day")
    hours_ahead = serializers.FloatField(
        help_text="By how much the other clock is ahead; negative: behind"
    )
    shared_hours = serializers.FloatField(help_text="Of a working day, 9 to 17 by each clock")
    shared = StretchSerializer(many=True)


class CandidateSerializer(serializers.Serializer):
    suggestion = SuggestionSerializer()
    review = ReviewSerializer()
    distance_km = serializers.IntegerField(allow_null=True)
    working_hours = SeasonSerializer(
        many=True,
        help_text="Now, and each other difference of the clocks within a year; empty: not known",
    )


class ComparisonSerializer(serializers.Serializer):
    candidates = CandidateSerializer(many=True)
