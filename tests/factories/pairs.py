"""What two communities have together, from the suggestion to the partnership, and the events, jobs
and messages about it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import factory
from factory.django import DjangoModelFactory

from backend.introductions.models import (
    Agreement,
    Call,
    Consent,
    Introduction,
    IntroductionNote,
    Meeting,
    MeetingTime,
    Partnership,
    PartnershipProcess,
    Signatory,
    SignedDocument,
)
from backend.notifications.models import Delivery, Notification
from backend.outbox.models import Event, Heartbeat, Job
from backend.outbox.topics import Topic
from backend.suggestions.models import (
    CurrentRun,
    Decision,
    ExclusionRule,
    FollowUp,
    Pair,
    PartnerRequest,
    RankedPair,
    ReleasePolicy,
    ScoringRun,
    ScoringShard,
    SetAsideVote,
    Suggestion,
    Vote,
    WeightSet,
)
from backend.suggestions.scoring import weights_in_force
from matching.weights import Weights
from tests.factories.communities import MOMENT, CommunityFactory, CountryFactory, UserFactory


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
    a_candidates = 60
    b_candidates = 70
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


class SetAsideVoteFactory(DjangoModelFactory):
    class Meta:
        model = SetAsideVote

    suggestion = factory.SubFactory(SuggestionFactory)
    community = factory.SelfAttribute("suggestion.pair.a")
    voter = factory.SubFactory(UserFactory)
    by = factory.SubFactory(UserFactory)
    because = "Voted for another place."


class ExclusionRuleFactory(DjangoModelFactory):
    """On Mexico, since long ago."""

    class Meta:
        model = ExclusionRule

    country = factory.SubFactory(CountryFactory, code="MX")
    because = "A rule of law."
    source = "https://example.org/law"
    from_on = dt.date(2020, 1, 1)
    set_by = factory.SubFactory(UserFactory, curator=True)


class PartnerRequestFactory(DjangoModelFactory):
    """Asked just now; its answer is due in a fortnight."""

    class Meta:
        model = PartnerRequest

    community = factory.SubFactory(CommunityFactory, published=True)
    named = factory.SubFactory(CommunityFactory, published=True, country_code="DE")
    by = factory.SubFactory(UserFactory)
    asked_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC))
    answer_at = factory.LazyAttribute(lambda o: o.asked_at + dt.timedelta(days=14))


class ReleasePolicyFactory(DjangoModelFactory):
    class Meta:
        model = ReleasePolicy

    mode = "by_hand"
    because = "Too many."
    set_by = factory.SubFactory(UserFactory, curator=True)


def make_version(name: str = "learned-7", **metrics: Any) -> WeightSet:
    """A learned version that rests on 90 decisions of 12 communities; better than the defaults
    unless ``metrics`` say otherwise.
    """
    measured = {
        "is_better": True,
        "compared_with": Weights().version,
        "decisions": 90,
        "communities": 12,
        **{
            f"learned_by_{unseen}": {"brier": 0.19, "log_loss": 0.55}
            for unseen in ("community", "time")
        },
        **{
            f"in_use_by_{unseen}": {"brier": 0.21, "log_loss": 0.6}
            for unseen in ("community", "time")
        },
    }
    return WeightSet.objects.create(
        weights=weights_in_force() | {"version": name},
        source="learned",
        metrics=measured | metrics,
        decisions=measured["decisions"],
    )


class IntroductionFactory(DjangoModelFactory):
    """Of a mutual suggestion; ``stage=`` to move it on."""

    class Meta:
        model = Introduction

    suggestion = factory.SubFactory(SuggestionFactory, mutual=True)
    pair = factory.SelfAttribute("suggestion.pair")


class FollowUpFactory(DjangoModelFactory):
    """Asked of side a after a meeting, just now; ``answer=`` with ``answered_by=`` for one that is
    answered.
    """

    class Meta:
        model = FollowUp

    class Params:
        introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.INTRODUCED)

    introduction_id = factory.SelfAttribute("introduction.pk")
    suggestion = factory.SelfAttribute("introduction.suggestion")
    community = factory.SelfAttribute("introduction.pair.a")
    occasion = FollowUp.Occasion.AFTER_MEETING
    asked_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC))
    closes_at = factory.LazyAttribute(lambda o: o.asked_at + dt.timedelta(days=30))
    answered_at = factory.LazyAttribute(lambda o: o.asked_at if o.answered_by else None)
    answered_by = None


class ConsentFactory(DjangoModelFactory):
    class Meta:
        model = Consent

    introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.INTRODUCED)
    community = factory.SelfAttribute("introduction.pair.a")
    by = factory.SubFactory(UserFactory)


class CallFactory(DjangoModelFactory):
    class Meta:
        model = Call

    community = factory.SubFactory(CommunityFactory)
    title = "Evening for new volunteers"
    wanted = "People who speak Spanish"
    by = factory.SubFactory(UserFactory)
    published_at = MOMENT


class PartnershipProcessFactory(DjangoModelFactory):
    class Meta:
        model = PartnershipProcess

    community = factory.SubFactory(CommunityFactory)
    text = "The council decides in spring."
    language = "en"
    changed_at = MOMENT


class MeetingFactory(DjangoModelFactory):
    """Two times proposed; ``fixed=True`` for one that is fixed a week ahead."""

    class Meta:
        model = Meeting
        skip_postgeneration_save = True

    introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.INTRODUCED)
    proposed_by = factory.SubFactory(UserFactory)

    class Params:
        fixed = factory.Trait(
            status=Meeting.Status.FIXED,
            starts_at=factory.LazyFunction(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=7)),
            fixed_by=factory.SelfAttribute("proposed_by"),
        )

    @factory.post_generation
    def times(obj: Meeting, create: bool, extracted: None, **kwargs: Any) -> None:
        for days in (7, 8):
            MeetingTime.objects.create(
                meeting=obj, starts_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
            )


class IntroductionNoteFactory(DjangoModelFactory):
    class Meta:
        model = IntroductionNote

    introduction = factory.SubFactory(IntroductionFactory)
    by = factory.SubFactory(UserFactory, curator=True)
    text = "They call on Monday."


class AgreementFactory(DjangoModelFactory):
    class Meta:
        model = Agreement

    introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.AGREEMENT)
    form = "sister"
    areas = factory.LazyFunction(lambda: ["culture"])
    languages = factory.LazyFunction(lambda: ["en"])
    recorded_by = factory.SubFactory(UserFactory, curator=True)


class SignedDocumentFactory(DjangoModelFactory):
    class Meta:
        model = SignedDocument

    agreement = factory.SubFactory(AgreementFactory)
    version_number = 1
    file = "agreements/signed.pdf"
    original_name = "signed.pdf"
    content_type = "application/pdf"
    digest = factory.Sequence(lambda n: f"{n:064x}")
    by = factory.SubFactory(UserFactory)


class SignatoryFactory(DjangoModelFactory):
    class Meta:
        model = Signatory

    agreement = factory.SubFactory(AgreementFactory)
    document = factory.SubFactory(
        SignedDocumentFactory, agreement=factory.SelfAttribute("..agreement")
    )
    community = factory.SelfAttribute("agreement.introduction.pair.a")
    name = "Alex Doe"
    office = "Mayor"
    is_highest_official = True
    signed_on = dt.date(2026, 2, 1)
    confirmed_by = factory.SubFactory(UserFactory)


class PartnershipFactory(DjangoModelFactory):
    """Living, on an agreement in force; who signed it is up to ``SignatoryFactory``."""

    class Meta:
        model = Partnership
        skip_postgeneration_save = True

    agreement = factory.SubFactory(AgreementFactory)
    pair = factory.SelfAttribute("agreement.introduction.pair")
    form = factory.SelfAttribute("agreement.form")
    since = dt.date(2026, 2, 1)

    @factory.post_generation
    def in_force(obj: Partnership, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        obj.agreement.status, obj.agreement.partnership, obj.agreement.in_force_on = (
            Agreement.Status.IN_FORCE,
            obj,
            obj.since,
        )
        obj.agreement.save()


class EventFactory(DjangoModelFactory):
    class Meta:
        model = Event

    topic = Topic.PROFILE_PUBLISHED
    subject_type = "profile"
    subject_id = 1


class JobFactory(DjangoModelFactory):
    class Meta:
        model = Job

    task = "deliver"
    key = factory.Sequence(str)
    available_at = MOMENT


class HeartbeatFactory(DjangoModelFactory):
    class Meta:
        model = Heartbeat

    name = "worker"
    beat_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC))


class NotificationFactory(DjangoModelFactory):
    class Meta:
        model = Notification

    recipient = factory.SubFactory(UserFactory)
    kind = "profile_published"
    community = factory.SubFactory(CommunityFactory)
    event = factory.SubFactory(EventFactory)


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = Delivery

    notification = factory.SubFactory(NotificationFactory)
