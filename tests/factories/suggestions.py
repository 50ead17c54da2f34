"""Pairs, rankings, suggestions and what people and staff decide of them."""

from __future__ import annotations

import datetime as dt

import factory
from factory.django import DjangoModelFactory

from backend.suggestions.models import (
    CurrentRun,
    Decision,
    ExclusionRule,
    Pair,
    RankedPair,
    ReleasePolicy,
    ScoringRun,
    ScoringShard,
    Suggestion,
    Vote,
)
from tests.factories.accounts import UserFactory
from tests.factories.communities import CommunityFactory, CountryFactory
from tests.factories.documents import MOMENT


class PairFactory(DjangoModelFactory):
    """``a`` is made first, so that it has the smaller id."""

    class Meta:
        model = Pair

    a = factory.SubFactory(CommunityFactory, published=True)
    b = factory.SubFactory(CommunityFactory, published=True, country_code="DE")
    a_country = factory.SelfAttribute("a.country_id")
    b_country = factory.SelfAttribute("b.country_id")


class ScoringRunFactory(DjangoModelFactory):
    class Meta:
        model = ScoringRun

    reason = "requested"
    status = ScoringRun.Status.COMPLETE
    k = 20
    weights = factory.LazyFunction(dict)
    snapshot = b""
    snapshot_version = "test"
    left_count = 1
    right_count = 1
    shard_count = 1
    finished_at = factory.LazyAttribute(
        lambda o: None if o.status == ScoringRun.Status.RUNNING else MOMENT
    )


class ScoringShardFactory(DjangoModelFactory):
    class Meta:
        model = ScoringShard

    run = factory.SubFactory(ScoringRunFactory)
    index = factory.Sequence(int)
    row_start = 0
    row_stop = 1


class CurrentRunFactory(DjangoModelFactory):
    class Meta:
        model = CurrentRun

    run = factory.SubFactory(ScoringRunFactory)
    flipped_at = MOMENT


class RankedPairFactory(DjangoModelFactory):
    class Meta:
        model = RankedPair

    run = factory.SubFactory(ScoringRunFactory)
    left = factory.SubFactory(CommunityFactory, published=True)
    right = factory.SubFactory(CommunityFactory, published=True, country_code="DE")
    score = 0.6
    left_preference = 0.6
    right_preference = 0.6
    left_coverage = 0.8
    right_coverage = 0.8
    left_rank = 1
    right_rank = 1


class SuggestionFactory(DjangoModelFactory):
    """Released by default: both sides can see and answer it."""

    class Meta:
        model = Suggestion

    pair = factory.SubFactory(PairFactory)
    status = Suggestion.Status.RELEASED
    score = 0.6
    a_preference = 0.62
    b_preference = 0.58
    a_coverage = 0.8
    b_coverage = 0.7
    a_rank = 1
    b_rank = 1
    released_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    expires_at = factory.LazyAttribute(
        lambda o: o.released_at + dt.timedelta(days=60) if o.released_at else None
    )

    class Params:
        proposed = factory.Trait(status=Suggestion.Status.PROPOSED, released_at=None)
        mutual = factory.Trait(
            status=Suggestion.Status.MUTUAL,
            a_state=Suggestion.SideState.INTERESTED,
            b_state=Suggestion.SideState.INTERESTED,
        )


class DecisionFactory(DjangoModelFactory):
    class Meta:
        model = Decision

    suggestion = factory.SubFactory(SuggestionFactory)
    community = factory.SelfAttribute("suggestion.pair.a")
    answer = Decision.Answer.INTERESTED
    by = factory.SubFactory(UserFactory)


class VoteFactory(DjangoModelFactory):
    class Meta:
        model = Vote

    suggestion = factory.SubFactory(SuggestionFactory)
    community = factory.SelfAttribute("suggestion.pair.a")
    by = factory.SubFactory(UserFactory)
    choice = Vote.Choice.YES
    comment = "They have a port."


class ExclusionRuleFactory(DjangoModelFactory):
    """On Mexico, since long ago."""

    class Meta:
        model = ExclusionRule

    country = factory.SubFactory(CountryFactory, code="MX")
    because = "A rule of law."
    source = "https://example.org/law"
    from_on = dt.date(2020, 1, 1)
    set_by = factory.SubFactory(UserFactory, curator=True)


class ReleasePolicyFactory(DjangoModelFactory):
    class Meta:
        model = ReleasePolicy

    mode = "by_hand"
    because = "Too many."
    set_by = factory.SubFactory(UserFactory, curator=True)
